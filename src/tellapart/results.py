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

from tellapart.climb import Climb
from tellapart.evaluation.comparison import Comparison, compare_all, percent
from tellapart.evaluation.lessons import Step, lesson
from tellapart.evaluation.metrics import Score, TestScore
from tellapart.files import read_csv
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


def put_together(climb: Climb, recipes: Sequence[Recipe], entries: list[dict[str, Any]]) -> dict[str, Any]:
    """Everything that results.json holds, format 1."""
    pairs = compare_all({entry["name"]: _correct(climb.run, entry["name"]) for entry in entries})
    for place, (recipe, entry) in enumerate(zip(recipes, entries, strict=True)):
        names = [earlier["name"] for earlier in entries[:place]]
        held = names.index(recipe.against) if recipe.against in names else place - 1
        before = (recipes[held], entries[held]) if place else None
        entry["lesson"] = _lesson(before, (recipe, entry), pairs)
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
        "best": choose(entries),
        "model": "model.onnx",
        "backbone": _backbone(climb.choice),
        "notes": [climb.choice.why] if climb.choice and not climb.choice.by_name else [],
        "environment": environment(),
    }


def choose(entries: Sequence[dict[str, Any]]) -> dict[str, str]:
    """The recipe with the highest validation accuracy; of equal ones the lower log loss, then the cheaper.

    Log losses that agree to two digits count as equal: less than that is the arithmetic, not the recipe.
    """

    def rank(place: int) -> tuple[float, float, int]:
        valid = entries[place]["valid"]
        return -valid["accuracy"], round(valid["log_loss"], 2), place

    order = sorted(range(len(entries)), key=rank)
    best = entries[order[0]]
    valid = best["valid"]
    why = (
        f"{best['name']} has the highest accuracy on the {valid['n']} validation photos ({percent(valid['accuracy'])})"
    )
    ties = [entries[place]["name"] for place in order[1:] if entries[place]["valid"]["accuracy"] == valid["accuracy"]]
    if ties:
        loss = f"{valid['log_loss']:.2f}"
        why += f", as {' and '.join(ties)} has; of these it has the lowest log loss ({loss}), or is the cheapest"
    elif len(order) > 1:
        second = entries[order[1]]
        why += f", before {second['name']} ({percent(second['valid']['accuracy'])})"
    return {"recipe": best["name"], "why": why + "; the test photos had no part in the choice."}


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
        "cores": os.cpu_count(),
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
    }


def _correct(run: Path, name: str) -> np.ndarray:
    rows = sorted(read_csv(run / "recipes" / name / "predictions.csv"), key=lambda row: row["path"])
    return np.array([row["class"] == row["predicted"] for row in rows])


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
