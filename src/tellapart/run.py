"""A run folder: claimed by one run, and read when it is done."""

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any, Final

from tellapart.errors import PhotosError, RunFolderError, UnknownNameError
from tellapart.files import make_folder, read_csv, read_json, write_json

FORMAT: Final = 1
_STATE: Final = "run.json"


def claim(out: Path, settings: Mapping[str, object], *, resume: bool) -> None:
    """Take a folder for a run, or go on with the run that it holds.

    Args:
        out: The folder; created where missing.
        settings: What must be the same when a run goes on.
        resume: Whether the folder may hold a run already.

    Raises:
        RunFolderError: It holds something else, or a run with other settings.
    """
    state = out / _STATE
    if resume and state.is_file():
        _check_same(out, _ours(state)["settings"], settings)
        return
    check_free(out)
    make_folder(out)
    write_json(state, {"format": FORMAT, "settings": dict(settings)})


def keep_apart(source: Path, out: Path) -> None:
    """Refuse a folder for results inside the photos.

    Raises:
        PhotosError: It is.
    """
    if source.is_dir() and source.resolve() in (out.resolve(), *out.resolve().parents):
        raise PhotosError(
            f"The folder {out} lies inside the photos {source}, and would be taken for a class. "
            "Next: another folder with --out"
        )


def settings_of(out: Path) -> dict[str, Any]:
    """The settings of the run that a folder holds; empty where it holds none."""
    state = out / _STATE
    settings: dict[str, Any] = _ours(state)["settings"] if state.is_file() else {}
    return settings


def check_free(out: Path) -> None:
    """Refuse a folder that holds anything.

    Raises:
        RunFolderError: It does; the message says what.
    """
    if out.exists() and not out.is_dir():
        raise RunFolderError(f"{out} is a file. Accepted: a folder, or a name that is free. Next: another --out")
    if (out / _STATE).is_file():
        raise RunFolderError(f"{out} holds another run. Next: --resume to go on with it, or another folder with --out")
    if out.is_dir() and any(out.iterdir()):
        raise RunFolderError(f"{out} is not empty and holds no run. Next: another folder with --out")


def _ours(path: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = read_json(path)
        supported = content["format"] == FORMAT
    except (ValueError, KeyError, TypeError):
        supported = False
    if not supported:
        raise RunFolderError(
            f"{path} is damaged, or of another version of Tellapart. Next: another folder with --out, and a new run"
        )
    return content


def _check_same(out: Path, before: Mapping[str, object], now: Mapping[str, object]) -> None:
    changed = [f"{name} was {before.get(name)}, is {value}" for name, value in now.items() if before.get(name) != value]
    if changed:
        raise RunFolderError(
            f"{out} holds a run with other settings ({'; '.join(changed)}). "
            "Next: the same settings with --resume, or another folder with --out"
        )


@dataclass(frozen=True)
class Table:
    """A small table that shows itself as text and, in a notebook, as HTML."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def __str__(self) -> str:
        lines = (self.columns, *self.rows)
        widths = [max(len(line[place]) for line in lines) for place in range(len(self.columns))]
        return "\n".join(
            "  ".join(
                cell.ljust(width) if place == 0 else cell.rjust(width)
                for place, (cell, width) in enumerate(zip(line, widths, strict=True))
            ).rstrip()
            for line in lines
        )

    __repr__ = __str__

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{escape(name)}</th>" for name in self.columns)
        body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in self.rows)
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


@dataclass(frozen=True)
class RecipeRun:
    """One recipe of a run.

    Attributes:
        results: Its entry in results.json.
        history: Its epochs, one mapping a row of history.csv, as numbers.
    """

    results: dict[str, Any]
    history: list[dict[str, float]]


class Run:
    """A finished run: its folder and what results.json says."""

    def __init__(self, folder: Path) -> None:
        path = folder / "results.json"
        if not path.is_file():
            raise RunFolderError(f"{folder} holds no finished run. Next: tellapart fit PHOTOS --out {folder}")
        self.folder = folder
        self.results = _ours(path)

    @property
    def best(self) -> str:
        """The name of the recipe that was chosen on validation."""
        return str(self.results["best"]["recipe"])

    def recipe(self, name: str) -> RecipeRun:
        """One recipe's scores and epochs.

        Raises:
            UnknownNameError: The run has no such recipe.
        """
        entries = {entry["name"]: entry for entry in self.results["recipes"]}
        if name not in entries:
            raise UnknownNameError("recipe of this run", name, entries)
        rows = read_csv(self.folder / "recipes" / name / "history.csv")
        return RecipeRun(entries[name], [{key: float(value) for key, value in row.items()} for row in rows])

    def leaderboard(self) -> Table:
        """The ladder: a row a recipe, the chosen one marked with a star."""
        columns = ("recipe", "test", "95 % interval", "macro F1", "training", "seconds")
        rows = [
            (
                entry["name"] + (" *" if entry["name"] == self.best else ""),
                f"{entry['test']['accuracy']:.3f}",
                f"{entry['test']['accuracy_low']:.3f} to {entry['test']['accuracy_high']:.3f}",
                f"{entry['test']['macro_f1']:.3f}",
                f"{entry['train']['accuracy']:.3f}",
                f"{entry['seconds']['total']:.0f}",
            )
            for entry in self.results["recipes"]
        ]
        return Table(columns, tuple(rows))

    def __repr__(self) -> str:
        return f"Run({str(self.folder)!r}, best={self.best!r})"
