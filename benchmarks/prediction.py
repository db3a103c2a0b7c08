"""Predicting: start-up of a process to its first answer, latency of one photo, throughput of many; beside stock Keras.

    python benchmarks/prediction.py RUN PHOTOS [--recipe bottleneck] [--photos 200] [--rounds 50] [--pairs 5]

RUN is a run folder whose recipe kept its `model.keras`: Tellapart answers with the recipe's `model.onnx`, stock Keras
(`stock_prediction.py`) with that file, so that both are the same network. PHOTOS is a folder of photos. Every figure is
measured in processes of their own, which change their order from pair to pair.
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

from paired import OURS, STOCK, compare, keep, spread


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


def main() -> None:
    """Time both in turn."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("run", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--recipe", default="bottleneck")
    parser.add_argument("--photos", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument(
        "--measure", action="store_true", help="one process of Tellapart; the benchmark calls itself so"
    )
    given = parser.parse_args()
    if given.measure:
        sys.stdout.write(json.dumps(measure(given.run, given.folder, given.rounds)) + "\n")
        return
    folder = given.run / "recipes" / given.recipe
    onnx, saved, stock = folder / "model.onnx", folder / "model.keras", Path(__file__).with_name("stock_prediction.py")
    photos = sorted(path for path in given.folder.rglob("*.*") if path.is_file())[: given.photos]
    with TemporaryDirectory(prefix="tellapart-bench-") as place:
        for number, photo in enumerate(photos):
            (Path(place) / f"{number:05d}{photo.suffix}").symlink_to(photo.resolve())
        started = compare(
            {
                OURS: lambda: output_of("-m", "tellapart.cli", "predict", onnx, photos[0]),
                STOCK: lambda: output_of(stock, saved, photos[0]),
            },
            pairs=given.pairs,
        )
        several = ("--rounds", given.rounds)
        told = steady(
            {
                OURS: lambda: json.loads(output_of(__file__, onnx, place, "--measure", *several)),
                STOCK: lambda: json.loads(output_of(stock, saved, place, *several)),
            },
            given.pairs,
        )
    start_up = started["times_faster"][STOCK]
    keep(
        "prediction",
        f"Predicting with the {given.recipe} of {given.run.name}: start-up of a process to its first answer, one photo "
        f"at a time, and {len(photos)} photos; the same network as model.onnx and as model.keras.",
        {
            "aim": {"start-up": 5},
            "reached": {
                "start-up": start_up["median"],
                "latency": told["latency"]["times_better"]["median"],
                "throughput": told["photos_per_second"]["times_better"]["median"],
                "same class": f"{told['same_class']} of {told['photos']}",
            },
            "start_up": started,
            **told,
        },
    )


if __name__ == "__main__":
    main()
