"""Reading a run folder: what fit left, checked as far as the report needs it."""

import csv
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tellapart.errors import RunFolderError
from tellapart.files import read_csv, read_json

_NEEDED = {
    "photos": ("classes", "counts"),
    "split": ("train", "valid", "test"),
    "best": ("recipe", "why"),
}
_NEEDED_OF_RECIPE = {
    "seconds": ("total",),
    "train": ("accuracy",),
    "test": ("n", "accuracy", "accuracy_low", "accuracy_high", "macro_f1", "log_loss", "confusion"),
}
_OPTIONAL: dict[str, Any] = {
    "step": "",
    "title": "",
    "lesson": "",
    "stopped": "",
    "backbone": None,
    "best_epoch": None,
    "phases": [],
    "epochs": 0,
    "parameters": 0,
    "trainable_parameters": 0,
    "hyperparameters": {},
    "calibration": None,
    "rounds": [],
    "rejection": None,
    "conformal": None,
    "stranger": None,
}
REFIT = "Next: tellapart fit PHOTOS --out RUN --resume"


@dataclass(frozen=True)
class RunFolder:
    """A run folder and the content of its results.json."""

    path: Path
    results: dict[str, Any]

    @property
    def recipes(self) -> list[dict[str, Any]]:
        """All recipes that ran, in the order of the ladder; what a recipe may lack is empty."""
        return [{**_OPTIONAL, **recipe} for recipe in self.results["recipes"]]

    @property
    def best(self) -> dict[str, Any]:
        """The chosen recipe."""
        return next(recipe for recipe in self.recipes if recipe["name"] == self.results["best"]["recipe"])

    def table(self, *parts: str) -> list[dict[str, str]]:
        """Read a table of the folder; one that is not there has no rows.

        Raises:
            RunFolderError: The file cannot be read as a table.
        """
        file = self.path.joinpath(*parts)
        if not file.is_file():
            return []
        try:
            return read_csv(file)
        except (OSError, UnicodeDecodeError, csv.Error) as problem:
            raise RunFolderError(f"{file} cannot be read as a table. {REFIT}") from problem

    def figure(self, name: str) -> Path | None:
        """Give the path of a figure, or None where it was not drawn."""
        file = self.path / "figures" / f"{name}.png"
        return file if file.is_file() else None


def read_run(run: Path) -> RunFolder:
    """Read the results.json of a run folder.

    Raises:
        RunFolderError: It is missing, of another format, or lacks what the report needs.
    """
    file = run / "results.json"
    if not file.is_file():
        raise RunFolderError(
            f"{run} is not a finished run: it has no results.json. Next: tellapart fit PHOTOS --out {run}"
        )
    try:
        results = read_json(file)
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as problem:
        raise RunFolderError(f"{file} cannot be read as JSON. {REFIT}") from problem
    return checked(run, results)


def read_record(file: Path, again: str) -> dict[str, Any]:
    """Read what a page is made of: a JSON object of format 1.

    Args:
        file: Beside which the page is to lie.
        again: What to type to have it made anew.

    Raises:
        RunFolderError: There is none, it cannot be read, or it is of another format.
    """
    try:
        told = read_json(file)
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as problem:
        raise RunFolderError(f"{file} cannot be read as JSON. {again}") from problem
    if not isinstance(told, dict) or told.get("format") != 1:
        raise RunFolderError(f"{file} is of another version of Tellapart. {again}")
    return told


def checked(run: Path, results: Any) -> RunFolder:
    """Check the content of a results.json, whether it is written yet or not.

    Raises:
        RunFolderError: It is of another format, or lacks what the report needs.
    """
    file = run / "results.json"
    said = results.get("format") if isinstance(results, dict) else None
    if said != 1:
        raise RunFolderError(
            f"{file} is of format {said!r}; this version reads format 1. "
            "Next: use the version of Tellapart that made the run, or fit again"
        )
    lack = next(_problems(results), None)
    if lack:
        raise RunFolderError(f"{file} is not whole: {lack}. {REFIT}")
    return RunFolder(run, results)


def _problems(results: dict[str, Any]) -> Iterator[str]:
    yield from _lacking(results, _NEEDED, "it")
    recipes = results.get("recipes")
    if not isinstance(recipes, list) or not recipes:
        yield "it has no recipes"
        return
    for recipe in recipes:
        name = recipe.get("name") if isinstance(recipe, dict) else None
        # The name becomes part of file names, so it must not lead out of the folder.
        if not isinstance(name, str) or not re.fullmatch(r"\w[\w.-]*", name, re.ASCII):
            yield f"a recipe is called {name!r}"
            return
        yield from _lacking(recipe, _NEEDED_OF_RECIPE, f"recipe {name}")
        yield from _misshapen(recipe, len(results["photos"]["classes"]))
    if results["best"]["recipe"] not in [recipe["name"] for recipe in recipes]:
        yield f"the chosen recipe {results['best']['recipe']!r} is none of its recipes"


def _misshapen(recipe: dict[str, Any], n_classes: int) -> Iterator[str]:
    matrix = recipe["test"]["confusion"]
    if len(matrix) != n_classes or any(len(row) != n_classes for row in matrix):
        yield f"the confusion matrix of {recipe['name']} is not {n_classes} by {n_classes}"


def _lacking(content: dict[str, Any], needed: dict[str, tuple[str, ...]], what: str) -> Iterator[str]:
    for key, fields in needed.items():
        part = content.get(key)
        for field in fields:
            if not isinstance(part, dict) or field not in part:
                yield f"{what} lacks {key}.{field}"
