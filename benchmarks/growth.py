"""Cost against the number of photos and of classes: is it linear?

    python benchmarks/growth.py [--numbers 250,500,1000,2000] [--classes 2,4,8,16] [--pairs 3]

Drawn photos, all different, and the built-in backbone, each time without features of an earlier round. Told are the
seconds of the processor (of all cores together) for scan, audit, features and the linear head, by number of photos
(four classes) and by number of classes (the middle number of photos), the fewest of some rounds, in which the numbers
take turns; and the slope of each on logarithmic scales: 1 is linear, 0 does not grow.
"""

import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from paired import keep, parser
from PIL import Image

from tellapart.models.choice import BUILT_IN, resolve
from tellapart.models.features import Source, pooled_features, source_of
from tellapart.models.linear import fit_linear_head
from tellapart.photos.audit import audit
from tellapart.photos.batches import label_numbers
from tellapart.photos.scan import Photos, scan
from tellapart.progress import Silent

CLASSES = 4
STEPS = ("scan", "audit", "features", "linear head")
LINEAR = 1.15  # a slope up to here counts as linear: timings scatter


def draw(folder: Path, n_photos: int, n_classes: int) -> None:
    """Write different photos: blots in a hue of their class."""
    generator = np.random.default_rng([n_photos, n_classes])
    for number in range(n_photos):
        label = number % n_classes
        path = folder / f"class {label:02}" / f"{number:06}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        hue = np.array([np.cos(label), np.sin(label), np.cos(2 * label)]) * 40
        coarse = np.clip(generator.integers(40, 216, (8, 8, 3)) + hue, 0, 255).astype(np.uint8)
        Image.fromarray(coarse).resize((160, 120), Image.Resampling.BICUBIC).save(path, quality=90)


def timed(run: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds of the processor, and what it gave."""
    start = time.process_time()
    found = run()
    return time.process_time() - start, found


def steps_on(folder: Path, source: Source, cache: Path) -> dict[str, float]:
    """Seconds of each step on a folder."""
    seconds: dict[str, float] = {}
    photos: Photos
    seconds["scan"], photos = timed(lambda: scan(folder))
    seconds["audit"], _ = timed(lambda: audit(photos, Silent()))
    seconds["features"], features = timed(
        lambda: pooled_features(source, photos.root, photos.items, cache=cache, progress=Silent())
    )
    labels, groups = label_numbers(photos.items, photos.classes), np.arange(len(photos.items))
    seconds["linear head"], _ = timed(lambda: fit_linear_head(features, labels, groups))
    return seconds


def slopes(numbers: Sequence[int], seconds: dict[int, dict[str, float]]) -> dict[str, float]:
    """Of each step, on logarithmic scales."""
    return {
        step: round(float(np.polyfit(np.log(numbers), np.log([seconds[n][step] for n in numbers]), 1)[0]), 2)
        for step in STEPS
    }


def curve(sizes: dict[int, tuple[int, int]], source: Source, rounds: int) -> dict[int, dict[str, float]]:
    """The fewest seconds of each step, by what stands for a size: photos and classes."""
    best: dict[int, dict[str, float]] = {}
    with TemporaryDirectory() as place:
        for name, (n_photos, n_classes) in sizes.items():
            draw(Path(place) / str(name), n_photos, n_classes)
        first = Path(place) / "cache"
        steps_on(Path(place) / str(next(iter(sizes))), source, first)  # imports; how the network runs fastest
        shutil.rmtree(first / "features")
        for number in range(rounds):
            for name in sizes:
                cache = shutil.copytree(first, Path(place) / f"cache {number} {name}")
                told = steps_on(Path(place) / str(name), source, cache)
                best[name] = {step: round(min(told[step], best.get(name, told)[step]), 4) for step in STEPS}
    return best


def main() -> None:
    """Measure both curves, and keep the figures."""
    taken = parser(__doc__, pairs=3)  # photos and weights are its own
    taken.add_argument("--numbers", default="250,500,1000,2000")
    taken.add_argument("--classes", default="2,4,8,16")
    options = taken.parse_args()
    numbers, classes = ([int(one) for one in told.split(",")] for told in (options.numbers, options.classes))
    middle = numbers[len(numbers) // 2]
    chosen = resolve([BUILT_IN], None, Silent())
    (row,) = chosen.backbones
    source = source_of(row, row.image_size, chosen.weights[row.name])
    by_photos = curve({n: (n, CLASSES) for n in numbers}, source, options.pairs)
    by_classes = curve({n: (middle, n) for n in classes}, source, options.pairs)
    found = {"by photos": slopes(numbers, by_photos), "by classes": slopes(classes, by_classes)}
    keep(
        "growth",
        f"Seconds of the processor by step; by classes on {middle} photos. Slopes: 1 is linear, 0 does not grow.",
        {
            "aim": {"slope at most": LINEAR},
            "reached": found,
            "seconds": {
                "by photos": {str(n): by_photos[n] for n in numbers},
                "by classes": {str(n): by_classes[n] for n in classes},
            },
        },
    )


if __name__ == "__main__":
    main()
