"""Predicting: start-up of a process to its first answer, latency of one photo, throughput of many; beside stock Keras.

    python benchmarks/prediction.py [--photos PHOTOS] [--weights WEIGHTS] [--run RUN] [--count 200] [--pairs 5]

Tellapart answers with the `model.onnx` of a run's `bottleneck`, stock Keras (`stock_prediction.py`) with the
`model.keras` beside it: the same network. Without RUN one is made first, untimed, of PHOTOS (a folder a class) and
WEIGHTS (MobileNetV2's). Every figure is measured in processes of their own, in turn.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from paired import OURS, STOCK, compare, inputs, keep, parser, spread

RECIPE = "bottleneck"
SCRIPT = Path(__file__).with_name("stock_prediction.py")


def measure(model: Path, folder: Path, rounds: int) -> dict[str, Any]:
    """Latency, throughput and answers of Tellapart in this process."""
    import tellapart

    paths = sorted(path for path in folder.rglob("*.*") if path.is_file())
    opened = tellapart.load(model)
    opened.predict_proba(paths[:1])
    latencies = []
    for path in paths[:rounds]:
        start = time.perf_counter()
        opened.predict_proba([path])
        latencies.append(time.perf_counter() - start)
    start = time.perf_counter()
    classes = opened.predict_proba(paths).argmax(axis=1).tolist()
    took = time.perf_counter() - start
    told = dict(zip(map(str, paths), classes, strict=True))
    return {"latency": statistics.median(latencies), "photos_per_second": len(paths) / took, "classes": told}


def output_of(*words: object) -> str:
    """What a process prints."""
    env = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, *map(str, words)]
    result = subprocess.run(command, env=env, check=True, capture_output=True, text=True)  # noqa: S603
    return result.stdout.splitlines()[-1]


def steady(runs: dict[str, Callable[[], Any]], pairs: int) -> dict[str, Any]:
    """Latency and throughput over some pairs of processes, and for how many photos both name the same class."""
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in runs}
    for number in range(pairs):
        for name in sorted(runs, reverse=bool(number % 2)):
            found[name].append(runs[name]())
    told: dict[str, Any] = {}
    for figure, better in (("latency", 1), ("photos_per_second", -1)):
        both = {name: [one[figure] for one in some] for name, some in found.items()}
        ratios = [(theirs / own) ** better for own, theirs in zip(both[OURS], both[STOCK], strict=True)]
        told[figure] = {**{name: spread(some) for name, some in both.items()}, "times_better": spread(ratios)}
    ours, theirs = (found[name][-1]["classes"] for name in (OURS, STOCK))
    told["photos"] = len(ours)
    told["same_class"] = sum(theirs[path] == number for path, number in ours.items())
    return told


def train(photos: Path, weights: Path, run: Path) -> None:
    """A run folder with the recipe."""
    how = ("--recipes", RECIPE, "--backbone", "mobilenet_v2", "--weights", weights, "--image-size", 224, "--json")
    output_of("-m", "tellapart.cli", "fit", photos, "--out", run, *how)


def start_up(folder: Path, photo: Path, pairs: int) -> dict[str, Any]:
    """Seconds from the start of a process to the end of one that answered one photo."""
    return compare(
        {
            OURS: lambda: output_of("-m", "tellapart.cli", "predict", folder / "model.onnx", photo),
            STOCK: lambda: output_of(SCRIPT, folder / "model.keras", photo),
        },
        pairs=pairs,
    )


def main() -> None:
    """Time both in turn."""
    taken = parser(__doc__)
    taken.add_argument("--run", type=Path)
    taken.add_argument("--count", type=int, default=200, help="how many of the photos")
    taken.add_argument("--rounds", type=int, default=50, help="how many of them one by one")
    taken.add_argument("--measure", type=Path, help="a model file: one process of ours; the benchmark calls itself so")
    given = taken.parse_args()
    if given.measure:
        sys.stdout.write(json.dumps(measure(given.measure, given.photos, given.rounds)) + "\n")
        return
    with inputs(given):
        both_in_turn(given)


def both_in_turn(given: argparse.Namespace) -> None:
    """Make a run where none is given, and time it beside stock Keras."""
    photos = sorted(path for path in given.photos.rglob("*.*") if path.is_file())
    photos = photos[:: -(-len(photos) // given.count)]
    with TemporaryDirectory(prefix="tellapart-bench-") as place:
        if given.run is None:
            train(given.photos, given.weights, Path(place) / "run")
        folder = (given.run or Path(place) / "run") / "recipes" / RECIPE
        links = Path(place) / "photos"
        links.mkdir()
        for number, photo in enumerate(photos):
            (links / f"{number:05d}{photo.suffix}").symlink_to(photo.resolve())
        started = start_up(folder, photos[0], given.pairs)
        del started["found"]  # the answer, with the photo's path
        more = ("--photos", links, "--rounds", given.rounds)
        told = steady(
            {
                OURS: lambda: json.loads(output_of(__file__, "--measure", folder / "model.onnx", *more)),
                STOCK: lambda: json.loads(output_of(SCRIPT, folder / "model.keras", links, *more[2:])),
            },
            given.pairs,
        )
    keep(
        "prediction",
        "Predicting with MobileNetV2 and a dense head: start-up of a process to its first answer, one photo at a time, "
        f"and {len(photos)} photos of {given.photos.name}; the same network as model.onnx and as model.keras.",
        {
            "aim": {"start-up, times": 5},
            "reached": {
                "start-up, times": started["times_faster"][STOCK]["median"],
                "one photo, times": told["latency"]["times_better"]["median"],
                "photos a second, times": told["photos_per_second"]["times_better"]["median"],
                "same class": f"{told['same_class']} of {told['photos']}",
            },
            "start_up": started,
            **told,
        },
    )


if __name__ == "__main__":
    main()
