"""From a folder of photos to a trained bottleneck classifier: whole processes of Tellapart beside one of stock Keras.

    python benchmarks/classifier.py [--photos PHOTOS] [--weights WEIGHTS] [--size 224] [--pairs 5]

PHOTOS has a folder a class, WEIGHTS is MobileNetV2's file without its dense layers. `tellapart fit` runs with an empty
cache (the first run) and with a warm one (the second), with `bottleneck` and with `linear`; `stock_bottleneck.py` on
the photos of the same split. Accuracies are of the same test photos.
"""

import argparse
import csv
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from paired import OURS, STOCK, compare, inputs, keep, parser, spread

SECOND = "tellapart, second run"
PARTS = ("valid", "test")
LABELS = {
    OURS: "bottleneck, first run, times",
    SECOND: "bottleneck, second run, times",
    "linear": "linear, first run, times",
    "linear, second run": "linear, second run, times",
}


def fit(given: argparse.Namespace, work: Path, recipe: str, *, warm: bool) -> dict[str, Any]:
    """Run `tellapart fit` as a process, and read what its recipe scored, and when its model file was there."""
    run, cache = work / "run", work / ("warm" if warm else "cold")
    shutil.rmtree(run, ignore_errors=True)
    if not warm:
        shutil.rmtree(cache, ignore_errors=True)
    words = ["fit", str(given.photos), "--out", str(run), "--recipes", recipe, "--seed", "0"]
    words += ["--backbone", "mobilenet_v2", "--weights", str(given.weights), "--image-size", str(given.size)]
    start = time.time()
    subprocess.run(  # noqa: S603
        [sys.executable, "-m", "tellapart.cli", *words],
        env={**os.environ, "TELLAPART_CACHE": str(cache)},
        check=True,
        capture_output=True,
    )
    (row,) = json.loads((run / "results.json").read_text(encoding="utf-8"))["recipes"]
    model = (run / "recipes" / recipe / "model.onnx").stat().st_mtime - start
    return {"model": model, **{part: {name: row[part][name] for name in ("accuracy", "log_loss")} for part in PARTS}}


def lay_out(photos: Path, split: Path, target: Path) -> None:
    """Link the photos of a split into the folders that `image_dataset_from_directory` reads."""
    with split.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            place = target / row["part"] / row["class"]
            place.mkdir(parents=True, exist_ok=True)
            (place / Path(row["path"]).name).symlink_to((photos / row["path"]).resolve())


def stock(given: argparse.Namespace, photos: Path) -> Any:
    """Run the stock script as a process."""
    words = [str(photos), str(given.weights), "--size", str(given.size), "--epochs", str(given.epochs)]
    script = Path(__file__).with_name("stock_bottleneck.py")
    env = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, str(script), *words]
    result = subprocess.run(command, env=env, check=True, capture_output=True, text=True)  # noqa: S603
    return json.loads(result.stdout.splitlines()[-1])


def in_turn(given: argparse.Namespace, work: Path) -> tuple[dict[str, Any], dict[str, list[float]]]:
    """Time all in turn; also gives when each model file was there."""
    models: dict[str, list[float]] = {}
    fit(given, work, "linear", warm=True)  # makes the split and fills the cache
    lay_out(given.photos, work / "run" / "split.csv", work / "photos")

    def timed(name: str, recipe: str, *, warm: bool) -> Callable[[], Any]:
        def run() -> Any:
            found = fit(given, work, recipe, warm=warm)
            models.setdefault(name, []).append(found.pop("model"))
            return found

        return run

    ways = {OURS: ("bottleneck", False), SECOND: ("bottleneck", True)}
    if not given.no_linear:
        ways |= {"linear": ("linear", False), "linear, second run": ("linear", True)}
    runs = {name: timed(name, recipe, warm=warm) for name, (recipe, warm) in ways.items()}
    told = compare({**runs, STOCK: lambda: stock(given, work / "photos")}, pairs=given.pairs, warm_up=False)
    return told, models


def times_stock(seconds: Mapping[str, list[float]], stock_seconds: list[float]) -> dict[str, Any]:
    """How many times faster than stock Keras each is: median, lowest and highest of the pairs."""
    return {
        name: spread([theirs / own for own, theirs in zip(some, stock_seconds, strict=True)])
        for name, some in seconds.items()
    }


def main() -> None:
    """Time all in turn, and keep the figures."""
    taken = parser(__doc__)
    taken.add_argument("--size", type=int, default=224)
    taken.add_argument("--epochs", type=int, default=50, help="of the stock script")
    taken.add_argument("--no-linear", action="store_true", help="leave out `linear`, which halves the time")
    given = taken.parse_args()
    with inputs(given), TemporaryDirectory(prefix="tellapart-bench-") as place:
        told, models = in_turn(given, Path(place))
        name = given.photos.name
    seconds = {who: one["all"] for who, one in told["seconds"].items()}
    stock_seconds = seconds.pop(STOCK)
    to_model, to_page = times_stock(models, stock_seconds), times_stock(seconds, stock_seconds)
    keep(
        "classifier",
        f"Folder to trained classifier: {name}, MobileNetV2 at {given.size} px; tellapart fit with one recipe against "
        f"bottleneck features and {given.epochs} epochs of a dense head in stock Keras. To the model file, which is "
        "trained, checked and scored then, and to the end, with explanations and report, which stock Keras has not.",
        {
            "aim": {LABELS[OURS]: 15, LABELS[SECOND]: 40},
            "reached": {
                **{LABELS[who]: one["median"] for who, one in to_model.items()},
                **{f"{LABELS[who]} with report": one["median"] for who, one in to_page.items()},
                **{f"test accuracy, {who}": found["test"]["accuracy"] for who, found in told["found"].items()},
            },
            **told,
            "to_model": {"seconds": {who: spread(some) for who, some in models.items()}, "times_faster": to_model},
            "times_faster": to_page,
        },
    )


if __name__ == "__main__":
    main()
