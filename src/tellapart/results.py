"""results.json: what a run found, put together from what its steps left."""

import os
import platform
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final

import numpy as np

from tellapart.climb import TEST, VALID, Climb
from tellapart.evaluation.comparison import LEVEL, Comparison, Marks, compare_all, compare_pairs, marks, percent
from tellapart.evaluation.intervals import group_numbers
from tellapart.evaluation.lessons import Step, lesson
from tellapart.evaluation.metrics import Score, TestScore
from tellapart.files import read_csv
from tellapart.models.choice import Choice
from tellapart.models.recipes import Recipe

_FLOOR: Final = "majority"
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
    tested, groups = _marks(climb, TEST, entries)
    pairs = compare_all(tested, groups)
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
        "best": choose(entries, *_marks(climb, VALID, entries)),
        "model": "model.onnx",
        "backbone": _backbone(climb.choice),
        "notes": [climb.choice.why] if climb.choice and not climb.choice.by_name else [],
        "environment": environment(),
    }


def choose(
    entries: Sequence[dict[str, Any]], marked: Mapping[str, Marks], groups: np.ndarray | None = None
) -> dict[str, str]:
    """The cheapest recipe that cannot be told from the best on validation.

    The best has the highest validation accuracy; of equal ones the lower log
    loss, to two digits (less than that is the arithmetic, not the recipe), then
    the one that comes first. Another is told from it where McNemar's test or the
    paired bootstrap of the log losses says at 5 % that it is worse, on the same
    photos. Neither is corrected for the number of recipes: here the dangerous
    mistake is to miss a difference. The floor is no rival: a model that never
    looks at the photo is chosen only where nothing ranks higher.

    Args:
        entries: Of results.json, in the order of the ladder.
        marked: By recipe, its marks on the validation photos.
        groups: The group of each of these photos.
    """

    def rank(place: int) -> tuple[float, float, int]:
        valid = entries[place]["valid"]
        return -valid["accuracy"], round(valid["log_loss"], 2), place

    best = entries[min(range(len(entries)), key=rank)]
    rivals = {entry["name"]: entry for entry in entries if entry is not best and entry["name"] != _FLOOR}
    pairs = compare_pairs([(best["name"], name) for name in rivals], marked, groups)
    level_with = [pair for pair in pairs if not _is_worse(pair)]
    # Of equally dear ones the earlier on the ladder: `min` keeps the first.
    held = {best["name"], *(pair.b for pair in level_with)}
    chosen = min((entry for entry in entries if entry["name"] in held), key=lambda entry: entry["seconds"]["total"])
    pair = next((pair for pair in level_with if pair.b == chosen["name"]), None)
    why = _why(best, chosen, pair, alone=not rivals)
    return {"recipe": chosen["name"], "why": f"{why} The test photos had no part in the choice."}


def _is_worse(pair: Comparison) -> bool:
    """Whether a test tells at 5 % that `b` is worse than `a`."""
    return (pair.p_value < LEVEL and pair.difference < 0) or (
        pair.log_loss_p_value < LEVEL and pair.log_loss_difference > 0
    )


def _why(best: dict[str, Any], chosen: dict[str, Any], pair: Comparison | None, *, alone: bool) -> str:
    valid = best["valid"]
    told = (
        f"{best['name']} is the best on the {valid['n']} validation photos "
        f"(accuracy {percent(valid['accuracy'])}, log loss {valid['log_loss']:.2f})"
    )
    if alone:
        return f"{told}."
    if pair is None:
        return (
            f"{told}; no cheaper recipe comes so near that these photos cannot tell it from {best['name']} (5 % level)."
        )
    score, seconds = chosen["valid"], (f"{entry['seconds']['total']:.0f}" for entry in (chosen, best))
    return (
        f"{told}. {chosen['name']} (accuracy {percent(score['accuracy'])}, log loss {score['log_loss']:.2f}) cannot "
        f"be told from it there (5 % level: p = {pair.p_value:.2f} for accuracy, {pair.log_loss_p_value:.2f} for log "
        f"loss) and took {' seconds instead of '.join(seconds)}: the cheapest of those is chosen."
    )


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
        **({"corrections": photos.corrections.as_json()} if photos.corrections else {}),
    }


def _marks(climb: Climb, file: str, entries: Sequence[dict[str, Any]]) -> tuple[dict[str, Marks], np.ndarray]:
    """What each recipe made of the same photos, and the groups of these."""
    classes, paths, marked = climb.photos.classes, [""], {}
    for entry in entries:
        rows = sorted(read_csv(climb.run / "recipes" / entry["name"] / file), key=lambda row: row["path"])
        labels = np.array([classes.index(row["class"]) for row in rows])
        marked[entry["name"]] = marks(labels, np.array([[float(row[name]) for name in classes] for row in rows]))
        paths = [row["path"] for row in rows]
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
