"""A run folder: claimed by one run, and read when it is done."""

import math
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from tellapart.errors import PhotosError, RunFolderError, UnknownNameError
from tellapart.files import read_csv, read_json, take_folder, write_json
from tellapart.holding import OURS, Hold
from tellapart.notebook import History, Table
from tellapart.temporaries import is_temporary
from tellapart.words import percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from tellapart.report.run_folder import RunFolder

T = TypeVar("T")
FORMAT: Final = 1
_STATE: Final = "run.json"


def claim(out: Path, settings: Mapping[str, object], *, resume: bool, hold: Hold | None = None) -> None:
    """Take a folder for a run, or go on with the run that it holds.

    Args:
        out: The folder; created where missing.
        settings: What must be the same when a run goes on.
        resume: Whether the folder may hold a run already.
        hold: Of the folder, to be taken before anything is written.

    Raises:
        RunFolderError: It holds something else, or a run with other settings; or another process holds it.
    """
    state = out / _STATE
    if not (resume and state.is_file()):
        check_free(out)
    take_folder(out)
    if hold:
        hold.take()
    if resume and state.is_file():
        _check_same(out, _ours(state)["settings"], settings)
        return
    check_free(out)  # another process may have been here between
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
    # A run that was killed while it took the folder has left but what belongs to the taking.
    if out.is_dir() and any(path.name not in OURS and not is_temporary(path.name) for path in out.iterdir()):
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
class RecipeRun:
    """One recipe of a run.

    Attributes:
        results: Its entry in results.json.
        history: Its epochs, one mapping a row of history.csv, as numbers; it shows itself as a table.
        folder: Of the run.
    """

    results: dict[str, Any]
    history: History
    folder: Path

    def plot_curves(self, ax: "Axes | None" = None, what: str | None = None) -> "Figure":
        """Accuracy, loss and learning rate by epoch; see `report.curves.curves` for `what` and `ax`."""
        from tellapart.report.curves import curves

        best, phases = self.results.get("best_epoch"), self.results.get("phases", [])
        history = _needed(self.history, "epochs of this recipe", self.folder)
        return curves(self._title, history, best_epoch=best, phases=phases, what=what, ax=ax)

    def plot_confusion(self, ax: "Axes | None" = None) -> "Figure":
        """The confusion matrix of the test photos, counts and shares; see `report.matrix`."""
        from tellapart.report.matrix import confusion

        return confusion(
            self._title, self.results["test"]["confusion"], self._run().results["photos"]["classes"], ax=ax
        )

    def plot_classes(self, ax: "Axes | None" = None) -> "Figure":
        """Precision, recall and F1 of each class with intervals; see `report.classes`."""
        from tellapart.report.answers import fares_of
        from tellapart.report.classes import classes

        fares = _needed(fares_of(self._run(), self.results["name"]), "answers of this recipe", self.folder)
        return classes(self._title, fares, ax=ax)

    def plot_reliability(self, ax: "Axes | None" = None) -> "Figure":
        """How often the recipe is right where it is how sure; see `report.reliability`."""
        from tellapart.report.reliability import reliability

        told = _needed(self.results.get("calibration"), "calibration of this recipe", self.folder)
        return reliability(self._title, told, ax=ax)

    def plot_coverage(self, ax: "Axes | None" = None) -> "Figure":
        """The share of errors where only the surest photos are answered; see `report.coverage`."""
        from tellapart.report.coverage import coverage

        told = self.results.get("rejection")
        many = told if told and len(told["curve"]) > 1 else None
        return coverage(self._title, _needed(many, "doubts of this recipe", self.folder), ax=ax)

    @property
    def _title(self) -> str:
        from tellapart.report.step_view import title_of

        return title_of(self.results)

    def _run(self) -> "RunFolder":
        from tellapart.report.run_folder import read_run

        return read_run(self.folder)


def _needed(found: T | None, what: str, folder: Path) -> T:
    """Give what a picture is drawn from.

    Raises:
        RunFolderError: The run holds none of it.
    """
    if not found:
        raise RunFolderError(f"{folder} holds no {what}. Next: a picture of another recipe, or tellapart fit PHOTOS")
    return found


class Run:
    """A finished run: its folder and what results.json says; its pictures are drawn from the folder alone."""

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
        """One recipe's scores, epochs and pictures.

        Raises:
            UnknownNameError: The run has no such recipe.
        """
        entries = {entry["name"]: entry for entry in self.results["recipes"]}
        if name not in entries:
            raise UnknownNameError("recipe of this run", name, entries)
        file = self.folder / "recipes" / name / "history.csv"
        rows = read_csv(file) if file.is_file() else []
        numbers = [{key: float(value) if value else math.nan for key, value in row.items()} for row in rows]
        return RecipeRun(entries[name], History(numbers, best_epoch=entries[name].get("best_epoch")), self.folder)

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
        names = [entry["name"] for entry in self.results["recipes"]]
        chosen = names.index(self.best) if self.best in names else None
        return Table(columns, tuple(rows), chosen, "Accuracy on the test photos; * is the recipe that was chosen.")

    def plot_ladder(self, ax: "Axes | None" = None) -> "Figure":
        """Accuracy of all recipes, with intervals, against the time they took; see `report.steps.ladder`."""
        from tellapart.report.steps import ladder

        return ladder(self._checked().recipes, best=self.best, ax=ax)

    def plot_curves(self) -> "Figure":
        """Accuracy and loss of all recipes by epoch, a row a recipe; see `report.curves_all`."""
        from tellapart.report.answers import learned_of
        from tellapart.report.curves_all import curves_all

        return curves_all(self._needed(learned_of(self._checked()), "epochs"))

    def plot_confusions(self) -> "Figure":
        """The confusion matrices of all recipes but the floor, as shares; see `report.matrices`."""
        from tellapart.report.matrices import confusion_steps

        entries = [entry for entry in self._checked().recipes if entry["name"] != "majority"]
        matrices = [(entry["name"], entry["test"]["confusion"]) for entry in entries]
        return confusion_steps(matrices, self.results["photos"]["classes"])

    def plot_classes(self, ax: "Axes | None" = None) -> "Figure":
        """The share of each class that each recipe finds, and what it changed; see `report.classes.class_steps`."""
        from tellapart.report.answers import steps_of_classes
        from tellapart.report.classes import class_steps

        steps = self._needed(steps_of_classes(self._checked()), "answers of two recipes to the same photos")
        return class_steps(self.results["photos"]["classes"], steps.recipes, steps.changes, ax=ax)

    def plot_map(self, ax: "Axes | None" = None) -> "Figure":
        """All photos as points, those that the chosen model finds alike together; see `report.feature_map`."""
        from tellapart.report.map_figures import map_figure
        from tellapart.report.photo_map import read_map

        return map_figure(self._needed(read_map(self.folder), "map of its photos"), ax=ax)

    def plot_learning_curve(self, ax: "Axes | None" = None) -> "Figure":
        """Accuracy against the number of photos, measured and forecast; see `report.growth`."""
        from tellapart.report.growth import learning_curve

        curve = self.results.get("learning_curve")
        return learning_curve(self._needed(curve if curve and curve["sizes"] else None, "learning curve"), ax=ax)

    def plot_search(self, what: str = "history", ax: "Axes | None" = None) -> "Figure":
        """The search of the hyper-parameters: "history", "importance" or "parallel"; see `report.trials`.

        Raises:
            UnknownNameError: `what` is none of these.
            RunFolderError: There was no search.
        """
        from tellapart.report.parallel import tuning_parallel
        from tellapart.report.trials import tuning_history, tuning_importance

        drawn: dict[str, tuple[str, Callable[..., Figure]]] = {
            "history": ("trials.csv", tuning_history),
            "importance": ("importance.csv", tuning_importance),
            "parallel": ("trials.csv", tuning_parallel),
        }
        if what not in drawn:
            raise UnknownNameError("picture of the search", what, drawn)
        file, draw = drawn[what]
        return draw(self._needed(self._checked().table("recipes", "tuned", file), "search"), ax=ax)

    def _needed(self, found: T | None, what: str) -> T:
        return _needed(found, what, self.folder)

    def _checked(self) -> "RunFolder":
        from tellapart.report.run_folder import checked

        return checked(self.folder, self.results)

    def __repr__(self) -> str:
        return f"Run({str(self.folder)!r}, best={self.best!r})"

    def _repr_html_(self) -> str:
        chosen = next(entry for entry in self.results["recipes"] if entry["name"] == self.best)["test"]
        right, low, high = (percent(chosen[key]) for key in ("accuracy", "accuracy_low", "accuracy_high"))
        command = f"tellapart predict {shlex.quote(str(self.folder / 'model.onnx'))} PHOTO"
        return (
            f"<p><strong>{right}</strong> of the test photos right (95 % interval {low} to {high}), "
            f"by <strong>{escape(self.best)}</strong>. The whole report: "
            f"<code>{escape(str(self.folder / 'report.html'))}</code>. Name a new photo: "
            f"<code>{escape(command)}</code></p>{self.leaderboard()._repr_html_()}"
        )
