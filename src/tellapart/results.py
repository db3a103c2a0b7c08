"""results.json: what a run found, put together from what its steps left."""

import os
import platform
import sys
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from tellapart.answer_tables import TEST, VALID, read_answers
from tellapart.climb import Climb
from tellapart.evaluation.comparison import Comparison, Marks, compare_all, marks
from tellapart.evaluation.intervals import group_numbers
from tellapart.evaluation.lessons import Step, lesson
from tellapart.evaluation.metrics import Score, TestScore
from tellapart.evaluation.selection import choose
from tellapart.forecast import climb_in_time, in_turn
from tellapart.machine import processor, usable_cores
from tellapart.models.choice import Choice
from tellapart.models.recipes import Recipe

_PACKAGES = (
    "tellapart",
    "keras",
    "tensorflow",
    "tensorflow-cpu",
    "torch",
    "jax",
    "numpy",
    "onnxruntime",
    "pillow",
)


def climb_once(recipes: Sequence[Recipe], climb: Climb) -> tuple[dict[str, Any], Path]:
    """Climb every step on one split.

    Returns:
        What results.json holds, and the model file of the chosen recipe.
    """
    found = {}
    for recipe in in_turn(recipes, climb.schedule):
        entry = climb_in_time(recipe, climb)
        if entry is not None:
            found[recipe.name] = entry
            climb.listener(entry)
    climbed = [recipe for recipe in recipes if recipe.name in found]
    results = put_together(climb, climbed, [found[recipe.name] for recipe in climbed])
    results["notes"] += list(climb.schedule.left_out.values()) if climb.schedule else []
    return results, climb.run / "recipes" / results["best"]["recipe"] / "model.onnx"


def put_together(climb: Climb, recipes: Sequence[Recipe], entries: list[dict[str, Any]]) -> dict[str, Any]:
    """Everything that results.json holds, format 1."""
    before = held_against(recipes)
    pairs = compare_all(*marks_of(climb, TEST, entries), planned=[(before[name], name) for name in before])
    steps = {recipe.name: (recipe, entry) for recipe, entry in zip(recipes, entries, strict=True)}
    for name, step in steps.items():
        step[1]["lesson"] = _lesson(steps.get(before.get(name, "")), step, pairs)
    return {
        "format": 1,
        "seed": climb.options.seed,
        "photos": _photos(climb),
        "split": {
            "train": len(climb.split.train),
            "valid": len(climb.split.valid),
            "test": len(climb.split.test),
            "fingerprint": climb.split.fingerprint,
        },
        "recipes": entries,
        "comparisons": [asdict(pair) for pair in pairs],
        "best": choose(entries, *marks_of(climb, VALID, entries)),
        "model": "model.onnx",
        "backbone": _backbone(climb.choice),
        "notes": _notes(climb, entries),
        "environment": environment(),
    }


def _notes(climb: Climb, entries: Sequence[dict[str, Any]]) -> list[str]:
    """What stands on the page beside the scores; of a recipe only what is not as planned."""
    chosen = [climb.choice.why] if climb.choice and not climb.choice.by_name else []
    return chosen + [f"{entry['name']}: {note}" for entry in entries for note in entry.get("notes", [])]


def held_against(recipes: Sequence[Recipe]) -> dict[str, str]:
    """By recipe, the earlier one of this run that its question is about; the first has none."""
    names = [recipe.name for recipe in recipes]
    return {
        recipe.name: recipe.against if recipe.against in names[:place] else names[place - 1]
        for place, recipe in enumerate(recipes)
        if place
    }


def environment() -> dict[str, Any]:
    """Versions and machine, for whoever wants the same figures again."""
    versions = {}
    for package in _PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return {
        "python": sys.version.split()[0],
        "system": f"{platform.system()} {platform.machine()}",
        "processor": processor(),
        "cores": usable_cores(),  # training on another number adds up in another order
        "backend": os.environ.get("KERAS_BACKEND", ""),
        "packages": versions,
    }


def _backbone(choice: Choice | None) -> dict[str, Any] | None:
    """Which backbones the run used, why, and what was measured to choose them."""
    if choice is None:
        return None
    return {"used": choice.names, "why": choice.why, "trials": [asdict(trial) for trial in choice.trials]}


def _photos(climb: Climb) -> dict[str, Any]:
    photos = climb.photos
    return {
        "classes": list(photos.classes),
        "counts": photos.counts,
        "excluded": [asdict(item) for item in photos.excluded],
        "skipped": [asdict(item) for item in photos.skipped],
        "duplicate_groups": climb.split.duplicate_groups,
        "fingerprint": photos.fingerprint,
        **({"corrections": photos.corrections.as_json()} if photos.corrections else {}),
    }


def marks_of(climb: Climb, file: str, entries: Sequence[dict[str, Any]]) -> tuple[dict[str, Marks], np.ndarray]:
    """What each recipe made of the same photos, and the groups of these."""
    classes, paths, marked = climb.photos.classes, [""], {}
    for entry in entries:
        table = read_answers(climb.run / "recipes" / entry["name"] / file, classes)
        marked[entry["name"]] = marks(table.labels, table.probabilities)
        paths = table.paths
    return marked, group_numbers(paths, climb.split.groups)


def _lesson(
    before: tuple[Recipe, dict[str, Any]] | None,
    now: tuple[Recipe, dict[str, Any]],
    pairs: Sequence[Comparison],
) -> str:
    if before is None:
        return lesson(None, _step(*now), None)
    pair = next(pair for pair in pairs if (pair.a, pair.b) == (before[0].name, now[0].name))
    return lesson(_step(*before), _step(*now), pair)


def _step(recipe: Recipe, entry: dict[str, Any]) -> Step:
    return Step(recipe.name, recipe.asks, recipe.judged_by, Score(**entry["train"]), TestScore(**entry["test"]))
