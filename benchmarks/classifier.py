"""From a folder of photos to a trained bottleneck classifier: whole processes of Tellapart beside one of stock Keras.

    python benchmarks/classifier.py --photos PHOTOS --weights WEIGHTS [--size 224] [--pairs 5] [--recipes bottleneck]

PHOTOS has a folder a class, WEIGHTS is MobileNetV2's file without its dense layers. `tellapart fit` runs with an empty
cache (the first run) and with a warm one (the second), `stock_bottleneck.py` on the photos of the same split; the page
and the model file, which stock Keras has not, are part of Tellapart's time. Accuracies are of the same test photos.
"""

import argparse
import csv
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from paired import OURS, STOCK, compare, keep, spread

SECOND = "tellapart, second run"


def fit(given: argparse.Namespace, work: Path, *, warm: bool) -> dict[str, float]:
    """Run `tellapart fit` as a process, and read what its recipe scored."""
    run, cache = work / "run", work / ("warm" if warm else "cold")
    shutil.rmtree(run, ignore_errors=True)
    if not warm:
        shutil.rmtree(cache, ignore_errors=True)
    words = ["fit", str(given.photos), "--out", str(run), "--recipes", given.recipes, "--seed", "0"]
    words += ["--backbone", "mobilenet_v2", "--weights", str(given.weights), "--image-size", str(given.size)]
    subprocess.run(  # noqa: S603
        [sys.executable, "-m", "tellapart.cli", *words],
        env={**os.environ, "TELLAPART_CACHE": str(cache)},
        check=True,
        capture_output=True,
    )
    told = json.loads((run / "results.json").read_text(encoding="utf-8"))["recipes"]
    (row,) = [row for row in told if row["name"] == given.recipes.rpartition(",")[2]]
    return {part: {name: row[part][name] for name in ("n", "accuracy", "log_loss")} for part in ("valid", "test")}


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


def main() -> None:
    """Time all three in turn."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--epochs", type=int, default=50, help="of the stock script")
    parser.add_argument("--recipes", default="bottleneck", help="the last one is scored: bottleneck, or linear")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--name", default="classifier", help="of the file in benchmarks/results")
    given = parser.parse_args()
    with TemporaryDirectory(prefix="tellapart-bench-") as place:
        work = Path(place)
        fit(given, work, warm=True)  # makes the split and fills the cache
        lay_out(given.photos, work / "run" / "split.csv", work / "photos")
        runs: dict[str, Callable[[], Any]] = {
            OURS: lambda: fit(given, work, warm=False),
            SECOND: lambda: fit(given, work, warm=True),
            STOCK: lambda: stock(given, work / "photos"),
        }
        told = compare(runs, pairs=given.pairs, warm_up=False)
    seconds = told["seconds"]
    second = spread([theirs / own for own, theirs in zip(seconds[SECOND]["all"], seconds[STOCK]["all"], strict=True)])
    first = told["times_faster"][STOCK]
    keep(
        given.name,
        f"Folder to trained classifier: {given.photos.name}, MobileNetV2 at {given.size} px; tellapart fit --recipes "
        f"{given.recipes} against bottleneck features and {given.epochs} epochs of a dense head in stock Keras.",
        {
            "aim": {"first run": 15, "second run": 40, "accuracy": "equal or better"},
            "reached": {
                "first run": first["median"],
                "second run": second["median"],
                "accuracy": {name: found["test"]["accuracy"] for name, found in told["found"].items()},
            },
            **told,
            "times_faster": {"first run": first, "second run": second},
        },
    )


if __name__ == "__main__":
    main()
