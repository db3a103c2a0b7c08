"""Training from scratch: `baseline` and `deeper` beside the same networks in the code of tutorials.

    python benchmarks/epochs.py [--photos PHOTOS] [--pairs 5] [--epochs 6] [--seed 0]

Both learn from the same photos for so many epochs, each time in a process of its own, from the files on: ours decodes
them once into an empty cache, the tutorial (`image_dataset_from_directory`, `compile`, `fit`) in each epoch. An epoch
is timed from the second on, when the networks are built, its validation included.
"""

import argparse
import itertools
import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from paired import OURS, STOCK, Timed, apart, compare, inputs, keep, parser, spread
from tutorial import Curve, class_folders, datasets, fresh_task, noted

from tellapart.models import networks
from tellapart.models.backend import keras
from tellapart.models.recipes import PLAIN_PLAN, SCRATCH_SIZE
from tellapart.models.scratch import fit_from_scratch
from tellapart.models.training import Watcher

NETWORKS: dict[str, Callable[[int, int], Any]] = {"baseline": networks.baseline, "deeper": networks.deeper}


def ours(recipe: str, options: argparse.Namespace) -> dict[str, Any]:
    """Train as the recipe does, but for the number of epochs."""
    keras.utils.set_random_seed(options.seed)
    with fresh_task(options.photos, seed=options.seed) as task:
        network = NETWORKS[recipe](len(task.classes), SCRATCH_SIZE)
        plan = replace(PLAIN_PLAN, epochs=options.epochs, patience=options.epochs)
        rows = fit_from_scratch(task, network, plan, Watcher(recipe)).history.rows
    return told([(row.seconds, row.valid_loss) for row in rows], max(row.valid_accuracy for row in rows))


def stock(recipe: str, options: argparse.Namespace) -> dict[str, Any]:
    """Train the same network as tutorials do."""
    keras.utils.set_random_seed(options.seed)
    with fresh_task(options.photos, seed=options.seed) as task, TemporaryDirectory() as place:
        network = NETWORKS[recipe](len(task.classes), SCRATCH_SIZE)
        network.compile(optimizer="adam", loss="categorical_crossentropy", metrics=["accuracy"])
        train, valid = datasets(class_folders(task, Path(place)), SCRATCH_SIZE)
        curve: Curve = []
        fitted = network.fit(
            train,
            validation_data=valid,
            epochs=options.epochs,
            callbacks=[noted(curve, time.perf_counter())],
            verbose=0,
        )
    return told(curve, max(fitted.history["val_accuracy"]))


def told(curve: Curve, accuracy: float) -> dict[str, Any]:
    """Seconds an epoch, and the lowest validation loss and best accuracy."""
    seconds = [later[0] - earlier[0] for earlier, later in itertools.pairwise(curve)]
    lowest = min(loss for _, loss in curve)
    return {"epoch": statistics.median(seconds), "valid_loss": round(lowest, 4), "valid_accuracy": round(accuracy, 4)}


def main() -> None:
    """Measure both networks and keep the figures."""
    taken = parser(__doc__)
    taken.add_argument("--epochs", type=int, default=6)
    taken.add_argument("--seed", type=int, default=0)
    options = taken.parse_args()
    with inputs(options):
        measure(options)


def measure(options: argparse.Namespace) -> None:
    """Time both networks in turn."""
    figures: dict[str, Any] = {}
    for recipe in NETWORKS:
        kept: dict[str, list[dict[str, Any]]] = {OURS: [], STOCK: []}

        def run(name: str, train: Callable[..., dict[str, Any]], recipe: str = recipe, kept: Any = kept) -> Timed:
            timed = apart(name, train, recipe, options)
            kept[name].append(timed.found)
            return timed

        whole = compare(
            {OURS: lambda run=run: run(OURS, ours), STOCK: lambda run=run: run(STOCK, stock)},
            pairs=options.pairs,
            warm_up=False,
        )
        epochs = {name: [found["epoch"] for found in all_found] for name, all_found in kept.items()}
        ratios = [theirs / own for own, theirs in zip(epochs[OURS], epochs[STOCK], strict=True)]
        figures[recipe] = {
            "an epoch": {"seconds": {name: spread(seconds) for name, seconds in epochs.items()}},
            "epoch_times_faster": spread(ratios),
            "all epochs, from files on": whole,
        }
    keep(
        "epochs",
        f"An epoch of training from scratch on {options.photos.name}, {SCRATCH_SIZE} pixels, validation included",
        {
            **figures,
            "aim": {f"{recipe}, times": 1.2 for recipe in NETWORKS},
            "reached": {f"{recipe}, times": figures[recipe]["epoch_times_faster"]["median"] for recipe in NETWORKS},
        },
    )


if __name__ == "__main__":
    main()
