"""What the steps of earlier runs took on this machine: a record that a forecast is made of."""

import json
import math
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Final

import numpy as np

from tellapart.files import read_json, write_json
from tellapart.machine import usable_cores

FILE: Final = "times.json"  # in the cache folder
_FORMAT: Final = 1
_NEW: Final = 0.5  # share of a new measurement beside what is kept
_FROM_CACHE: Final = 0.2  # features that took less of the usual time were kept from before
# Of the matrices of the probe: so small that one core does them, as two that wait for each other say nothing on a busy
# machine, and a few at once are done between two turns of whatever else it does.
_SIDE: Final = 64
_AT_ONCE: Final = 20
_SECONDS: Final = 0.5
_REFERENCE: Final = 189e9  # multiplications and additions a second on both cores, where `REFERENCE` was measured
_OTHER: Final = 6.0  # times MobileNetV2, of a backbone that nothing is known of


@dataclass(frozen=True)
class Cost:
    """What one step takes, in seconds.

    Attributes:
        features: Of each photo that is learned from or validates: what a backbone makes of it.
        epoch: Of each training photo in each epoch.
        epochs: How many it came to.
        rest: Of each photo of the set: export, tests and files.
        runs: How many runs it was measured in; 0 for what was measured on another machine.
    """

    features: float
    epoch: float
    epochs: float
    rest: float
    runs: int = 0


# furniture4 with MobileNetV2 at 288 pixels on 2 cores (docs/LOG.md).
REFERENCE: Final[dict[str, Cost]] = {
    "majority": Cost(0, 0, 0, 0.0005),
    "baseline": Cost(0, 0.0019, 14, 0.0016),
    "deeper": Cost(0, 0.0027, 14, 0.0018),
    "augmented": Cost(0, 0.0027, 50, 0.0017),
    "tuned": Cost(0, 0.0027, 0, 0.004),
    "linear": Cost(0.0093, 0, 0, 0.005),
    "bottleneck": Cost(0.0093, 0.00025, 37, 0.008),
    "finetuned": Cost(0.031, 0.0013, 41, 0.0075),
}
_HEAVIER: Final = {"pocket": 0.3, "mobilenet_v2": 1.0, "vgg16": 20.0}  # times the work of MobileNetV2


def key_of(recipe: str, backbone: str | None, size: int | None) -> str:
    """Under what a step is kept."""
    return f"{recipe.partition('-')[0] if backbone else recipe}|{backbone or '-'}|{size or 'own'}"


def read_times(cache: Path) -> dict[str, Cost]:
    """The record of this machine; one that is damaged, or of another version, counts as none."""
    try:
        told = read_json(cache / FILE)
        if told["format"] != _FORMAT:
            return {}
        found = {key: Cost(**value) for key, value in told["costs"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, json.JSONDecodeError):
        return {}
    return {key: cost for key, cost in found.items() if _is_sound(cost)}


def _is_sound(cost: Cost) -> bool:
    values = [getattr(cost, field.name) for field in fields(cost)]
    return all(isinstance(value, int | float) and math.isfinite(value) and value >= 0 for value in values)


def remember(cache: Path, found: Mapping[str, Cost]) -> None:
    """Add what a run took to the record, whole."""
    kept = read_times(cache)
    for key, cost in found.items():
        kept[key] = _joined(kept[key], cost) if key in kept else cost
    write_json(cache / FILE, {"format": _FORMAT, "costs": {key: asdict(kept[key]) for key in sorted(kept)}})


def _joined(old: Cost, new: Cost) -> Cost:
    def mean(name: str) -> float:
        return float((1 - _NEW) * getattr(old, name) + _NEW * getattr(new, name))

    # What was read from the cache says nothing of what it takes to compute.
    features = old.features if new.features < _FROM_CACHE * old.features else mean("features")
    trained = new.epoch > 0
    return Cost(features, mean("epoch") if trained else old.epoch, mean("epochs"), mean("rest"), old.runs + new.runs)


def cost_of(entry: Mapping[str, Any], learned: int, photos: int) -> Cost:
    """What a step cost, by its entry in results.json.

    Args:
        entry: With `seconds` and `epochs`.
        learned: Photos to learn from.
        photos: All of them.
    """
    told, epochs = entry["seconds"], entry["epochs"]
    rest = max(0.0, told["total"] - told["features"] - told["train"])
    epoch = told["train"] / (learned * epochs) if epochs else 0.0
    return Cost(told["features"] / photos, epoch, epochs, rest / photos, 1)


def expected(recipe: str, backbone: str | None, size: int | None, kept: Mapping[str, Cost], speed: float) -> Cost:
    """The cost of a step: the machine's own, or that of another machine by how fast this one is."""
    own = kept.get(key_of(recipe, backbone, size))
    if own is not None:
        return own
    known = REFERENCE.get(recipe.partition("-")[0] if backbone else recipe, REFERENCE["finetuned"])
    times = (_HEAVIER.get(backbone, _OTHER) if backbone else 1.0) / speed
    return Cost(known.features * times, known.epoch / speed, known.epochs, known.rest * max(times, 1 / speed))


def probe(seconds: float = _SECONDS) -> float:
    """How fast this machine multiplies matrices, in multiples of the one of `REFERENCE`: the best of some tries."""
    matrix = np.ones((_SIDE, _SIDE), np.float32)
    best, end = math.inf, time.perf_counter() + seconds
    while (start := time.perf_counter()) < end:
        for _ in range(_AT_ONCE):
            matrix @ matrix
        best = min(best, time.perf_counter() - start)
    return _AT_ONCE * 2 * _SIDE**3 / max(best, 1e-9) * usable_cores() / _REFERENCE
