"""Whether every file of a run folder can be read, and what is left there that should not be."""

import csv
import json
import re
import shutil
import sqlite3
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

TEMPORARY = re.compile(r"^\..*(\.tmp(\..*)?|\.old)$")
# What follows from the choice. Between recipes that cannot be told apart seconds decide, which no run promises.
_OF_THE_CHOSEN = ("figures/", "explanations/", "exports/", "model.onnx", "report.html", "MODEL_CARD.md")
# Why a recipe was chosen may name seconds. Keras writes the date into its files, so that their digests differ too, and
# addresses in memory as numbers of objects.
_TIMES = {"seconds", "waiting", "peak_rss_mb", "forecast", "why", "shared_object_id", "model.keras"}


def unreadable(folder: Path, seen: dict[Path, tuple[int, int]]) -> list[str]:
    """What is wrong with the files of a folder, but for those that were looked at before and have not changed."""
    wrong = []
    for path in sorted(folder.rglob("*")):
        if not path.is_file() or TEMPORARY.match(path.name) or any(TEMPORARY.match(part) for part in path.parts):
            continue
        state = path.stat()
        stamp = (state.st_mtime_ns, state.st_size)
        if seen.get(path) == stamp and path.suffix != ".db":
            continue
        try:
            _READERS.get(path.suffix, _any)(path)
        except Exception as problem:  # whatever it is, it is what this looks for
            wrong.append(f"{path.relative_to(folder)}: {type(problem).__name__}: {problem}")
        seen[path] = stamp
    return wrong


def orphans(*folders: Path) -> list[str]:
    """What no finished command should leave: temporary names, folders moved aside, half trainings, a holder."""
    return [
        str(path.relative_to(folder))
        for folder in folders
        for path in folder.rglob("*")
        if TEMPORARY.match(path.name) or path.name in {"epochs", ".lock", ".holder.json", "study.db-journal"}
    ]


def choices(*runs: Path) -> list[str]:
    """The recipe that each run chose."""
    return [_json(run / "results.json")["best"]["recipe"] for run in runs]


def differences(one: Path, other: Path) -> list[str]:
    """What two run folders do not have in common, times aside, and what follows from times."""
    names = [{path.relative_to(run).as_posix() for path in run.rglob("*") if path.is_file()} for run in (one, other)]
    left_out: tuple[str, ...] = ()
    found = []
    if len(set(choices(one, other))) > 1:
        left_out = (*_OF_THE_CHOSEN, "results.json")
        if not _chosen_by_seconds(one) and not _chosen_by_seconds(other):
            found.append(f"chosen otherwise: {choices(one, other)}")
        if _scores(one) != _scores(other):
            found.append("differs: the scores in results.json")
    found += [f"only in one of them: {name}" for name in sorted(names[0] ^ names[1]) if not name.startswith(left_out)]
    for name in sorted(names[0] & names[1]):
        told = None if name.startswith(left_out) else _TELLING.get(Path(name).suffix)
        if told and told(one / name) != told(other / name):
            found.append(f"differs: {name}")
    return found


def _chosen_by_seconds(run: Path) -> bool:
    why = json.loads((run / "results.json").read_text(encoding="utf-8"))["best"]["why"]
    return "the cheapest of those is chosen" in why or "comes earlier on the ladder" in why


def _scores(run: Path) -> Any:
    return _json(run / "results.json")["recipes"]


def _without_times(told: Any) -> Any:
    if isinstance(told, dict):
        return {key: _without_times(value) for key, value in told.items() if key not in _TIMES}
    return [_without_times(value) for value in told] if isinstance(told, list) else told


def _json(path: Path) -> Any:
    return _without_times(json.loads(path.read_text(encoding="utf-8")))


def _csv(path: Path) -> Any:
    text = path.read_text(encoding="utf-8")
    if not text.endswith("\n"):
        raise ValueError("the last line is cut")
    rows = list(csv.DictReader(text.splitlines()))
    if any(None in row or None in row.values() for row in rows):
        raise ValueError("a row is cut")
    return [{key: value for key, value in row.items() if key != "seconds"} for row in rows]


def _onnx(path: Path) -> bytes:
    if path.name == "model.onnx":
        from tellapart.deploy.runtime import load

        load(path)
    return path.read_bytes()


def _keras(path: Path) -> Any:
    with zipfile.ZipFile(path) as archive:
        if archive.testzip():
            raise ValueError("damaged")
        return _without_times(json.loads(archive.read("config.json"))), archive.read("model.weights.h5")


def _arrays(path: Path) -> Any:
    with np.load(path, allow_pickle=False) as file:
        return {name: (file[name].shape, file[name].tobytes()) for name in file.files}


def _array(path: Path) -> Any:
    return np.load(path, mmap_mode="r", allow_pickle=False).shape


def _tensors(path: Path) -> Any:
    from safetensors import safe_open

    with safe_open(path, framework="numpy") as file:
        return {name: file.get_tensor(name).shape for name in file.keys()}  # noqa: SIM118  it is no mapping


def _database(path: Path) -> Any:
    """Looked at as a copy, so that what the next start mends is left to it."""
    with tempfile.TemporaryDirectory() as place:
        for file in path.parent.glob(f"{path.name}*"):
            shutil.copy(file, place)
        connection = sqlite3.connect(Path(place) / path.name)
        told = connection.execute("PRAGMA integrity_check").fetchone()
        connection.close()
    if told != ("ok",):
        raise ValueError(str(told))


def _page(path: Path) -> Any:
    if not path.read_text(encoding="utf-8").rstrip().endswith("</html>"):
        raise ValueError("the page is cut")


def _picture(path: Path) -> Any:
    with Image.open(path) as picture:
        picture.load()


def _any(path: Path) -> Any:
    path.read_bytes()


_READERS: dict[str, Callable[[Path], Any]] = {
    ".json": _json,
    ".csv": _csv,
    ".onnx": _onnx,
    ".keras": _keras,
    ".npz": _arrays,
    ".npy": _array,
    ".safetensors": _tensors,
    ".db": _database,
    ".html": _page,
    ".png": _picture,
}
_TELLING: dict[str, Callable[[Path], Any]] = {
    ".json": _json,
    ".csv": _csv,
    ".onnx": Path.read_bytes,
    ".keras": _keras,
    ".npz": _arrays,
}
