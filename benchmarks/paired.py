"""Timings side by side: Tellapart and stock Keras in turn, in one run, on the same photos.

Every benchmark hands its runs to `compare`, which changes their order from pair to pair, so that a machine that
becomes slower meanwhile is unjust to neither, and keeps what it found in `benchmarks/results/NAME.json`.
"""

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from tellapart.machine import processor, usable_cores

RESULTS: Final = Path(__file__).with_name("results")
OURS: Final = "tellapart"
STOCK: Final = "keras"
DRAWN: Final = 60  # photos of each kind of furniture, where none are given


def parser(told: str | None, *, pairs: int = 5) -> argparse.ArgumentParser:
    """What every benchmark takes; `told` is its docstring."""
    found = argparse.ArgumentParser(description=told, formatter_class=argparse.RawDescriptionHelpFormatter)
    found.add_argument("--photos", type=Path, help="a folder of class folders; without it furniture is drawn")
    found.add_argument("--weights", type=Path, help="MobileNetV2's without dense layers; without it random ones")
    found.add_argument("--pairs", type=int, default=pairs, help="how often each is timed")
    return found


@contextmanager
def inputs(given: argparse.Namespace) -> Iterator[None]:
    """Fill in the photos and weights that were not given; random weights show times, not accuracies."""
    with TemporaryDirectory(prefix="tellapart-bench-") as place:
        if given.photos is None:
            from tellapart.demo.furniture_set import draw_furniture
            from tellapart.progress import Silent

            given.photos = Path(place) / "furniture"
            drawn = draw_furniture(given.photos, photos_per_class=DRAWN, progress=Silent())
            drawn.broken.unlink()  # stock Keras stops at it
        if given.weights is None:
            from tellapart.models.backbones import build_backbone, find_backbone
            from tellapart.models.backend import keras

            keras.utils.set_random_seed(0)
            given.weights = Path(place) / "random.weights.h5"
            build_backbone(find_backbone("mobilenet_v2"), 224).save_weights(given.weights)
        yield


@dataclass(frozen=True)
class Timed:
    """What a run gave, and its own seconds."""

    seconds: float
    found: Any


def apart(name: str, run: Callable[..., Any], *given: Any) -> Timed:
    """Call a function in a process of its own, timed once Keras is loaded there.

    Tellapart sets for its whole process how memory is held (`models/held_memory.py`), which stock Keras has not.
    """
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        return process.submit(_timed, name == STOCK, run, given).result()


def _timed(of_stock: bool, run: Callable[..., Any], given: tuple[Any, ...]) -> Timed:
    from tellapart.models.backend import keras

    if of_stock:
        leave_memory()
    keras.backend.backend()
    start = time.perf_counter()
    found = run(*given)
    return Timed(time.perf_counter() - start, found)


def leave_memory() -> None:
    """Let Keras have the memory of this process as it is set by itself."""
    from tellapart.models import backend

    backend.hold_memory = lambda: False


def compare(runs: Mapping[str, Callable[[], Any]], *, pairs: int = 5, warm_up: bool = True) -> dict[str, Any]:
    """Time runs in turn.

    Args:
        runs: By name; `tellapart` and `keras` among them. Each does its work whole, and may give what it found, or
            that with its own seconds.
        pairs: How often each is timed.
        warm_up: Whether each runs once before, untimed.

    Returns:
        `seconds`, by name: `median`, `low`, `high` and `all`; `found`, by name, what the last run gave; and
        `times_faster`, of `tellapart` against each other one: median, lowest and highest ratio of a pair.
    """
    found = {name: run() for name, run in runs.items()} if warm_up else {}
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for number in range(pairs):
        for name in sorted(runs, reverse=bool(number % 2)):
            start = time.perf_counter()
            given = runs[name]()
            taken = given if isinstance(given, Timed) else Timed(time.perf_counter() - start, given)
            found[name] = taken.found
            seconds[name].append(taken.seconds)
    others = [name for name in runs if name != OURS]
    return {
        "pairs": pairs,
        "seconds": {
            name: {**spread(times), "all": [round(one, 4) for one in times]} for name, times in seconds.items()
        },
        "times_faster": {
            name: spread([theirs / own for own, theirs in zip(seconds[OURS], seconds[name], strict=True)])
            for name in others
        },
        "found": found,
    }


def spread(figures: list[float]) -> dict[str, float]:
    """Median, lowest and highest."""
    kept = {"median": statistics.median(figures), "low": min(figures), "high": max(figures)}
    return {name: round(value, 4) for name, value in kept.items()}


def keep(name: str, what: str, figures: Mapping[str, Any]) -> None:
    """Write a benchmark's figures to `results/NAME.json`, and print them as one line.

    Args:
        name: Of the file.
        what: One sentence for the page: what was timed, on what.
        figures: Anything that JSON takes; `aim` and `reached` are shown side by side on the page.
    """
    told = {"benchmark": name, "what": what, **figures, "machine": machine(), "date": f"{datetime.now(UTC):%Y-%m-%d}"}
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    sys.stdout.write(json.dumps(told, ensure_ascii=False) + "\n")


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    packages = ("keras", "tensorflow-cpu", "onnxruntime", "numpy", "tellapart")
    return {
        "processor": processor(),
        "cores": usable_cores(),
        "backend": os.environ.get("KERAS_BACKEND", "tensorflow"),
        "packages": {package: version(package) for package in packages},
    }
