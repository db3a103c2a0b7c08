"""Whether the forecast of the learning curve comes true, and how often its interval holds it.

    python benchmarks/learning_curve.py FOLDER... [--backbone mobilenet_v2 --weights FILE] [--seeds 20] [--simulated 40]
    python benchmarks/learning_curve.py --timed

From each folder a fifth and two fifths of the photos are drawn, with `--seeds` seeds. From these alone the error
at twice and at four times as many is forecast, and held against what all photos give at that size: the mean of
60 draws, judged on the photos left out. That figure comes from a few hundred photos and is inexact itself (its
standard error stands behind it, and the last column allows for it), all seeds are judged by the same one, and a
draw is part of the photos that it is judged by. So `--simulated` makes photos anew for each draw, features from a
Gaussian of each class (heavy-tailed, with the mean and covariance of the folder's), and judges by 4,000 others.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tellapart.evaluation.draws import Frozen, covariance, spread
from tellapart.evaluation.learning_curve import SHARES, fit, learning_curve, measure
from tellapart.evaluation.naive import naive_score
from tellapart.evaluation.power_law import estimate
from tellapart.files import cache_folder
from tellapart.models.backbones import find_backbone
from tellapart.models.choice import features_of_run, resolve
from tellapart.models.probe import linear_head, one_thread
from tellapart.photos.batches import label_numbers
from tellapart.photos.duplicates import find_duplicates
from tellapart.photos.scan import scan
from tellapart.photos.split import groups_of
from tellapart.progress import Silent

Draw = Callable[[int, np.random.Generator], Frozen]
# What is forecast, for how many times the photos, its value, low and high, the truth and its standard error.
Row = tuple[str, int, float, float, float, float, float]


def read(folder: Path, backbone: str, weights: Path | None) -> Frozen:
    """All photos of a folder as a backbone sees them."""
    found = scan(folder, Silent())
    chosen = resolve([find_backbone(backbone).name], weights, Silent())
    name, features = features_of_run(chosen, None, found.root, found.items, cache=cache_folder(), progress=Silent())
    groups = np.zeros(len(found.items), dtype=int)
    for number, places in enumerate(groups_of(found.items, find_duplicates(found.items))):
        groups[list(places)] = number
    return Frozen(name, features, label_numbers(found.items, found.classes), groups, found.classes)


def some(frozen: Frozen, kept: np.ndarray) -> Frozen:
    """Part of the photos."""
    return Frozen(frozen.backbone, frozen.features[kept], frozen.labels[kept], frozen.groups[kept], frozen.classes)


def imitation(frozen: Frozen) -> Draw:
    """Features like those of a folder, as many as one likes: heavy-tailed Gaussians, one a class."""
    shares = np.bincount(frozen.labels) / len(frozen.labels)
    own = [frozen.features[frozen.labels == label].astype(float) for label in range(len(shares))]
    pooled = np.cov(np.concatenate([rows - rows.mean(axis=0) for rows in own]).T)
    steadied = 1e-4 * float(np.diag(pooled).mean()) * np.eye(len(pooled))
    roots = [np.linalg.cholesky((np.cov(rows.T) + pooled) / 2 + steadied) for rows in own]

    def draw(n: int, generator: np.random.Generator) -> Frozen:
        labels = generator.permutation(np.repeat(np.arange(len(shares)), np.round(shares * n).astype(int)))
        noise = generator.normal(size=(len(labels), len(pooled)))
        noise *= np.sqrt(4 / generator.chisquare(6, size=(len(labels), 1)))
        features = np.stack([own[k].mean(axis=0) + roots[k] @ row for k, row in zip(labels, noise, strict=True)])
        return Frozen(frozen.backbone, features, labels, np.arange(len(labels)), frozen.classes)

    return draw


def tell(line: str) -> None:
    """Write a line as soon as it is known."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


@dataclass(frozen=True)
class Truth:
    """Errors at some sizes, (sizes,), and the covariance of what was measured of them."""

    errors: np.ndarray
    covariance: np.ndarray

    def of(self, what: str, first: int, at: int) -> tuple[float, float]:
        """An error, or the gain from the first size, with its standard error."""
        contrast = np.zeros(len(self.errors))
        contrast[at] = 1.0 if what == "error" else -1.0
        if what == "gain":
            contrast[first] += 1.0
        return float(contrast @ self.errors), float(contrast @ self.covariance @ contrast) ** 0.5


def judge(title: str, rows: list[Row]) -> None:
    """Print, for each kind of forecast, how far off it was and how often the interval held."""
    for what, factor in sorted({row[:2] for row in rows}):
        value, low, high, truth, error = np.array([row[2:] for row in rows if row[:2] == (what, factor)]).T
        held = np.mean((low <= truth) & (truth <= high))
        reach = np.where(truth < value, value - low, high - value)
        allowed = np.mean(np.abs(value - truth) <= np.sqrt(reach**2 + (1.96 * error) ** 2))
        tell(
            f"| {title} | {what} at {factor}x | {len(value)} | {100 * truth.mean():.1f} ± {100 * error.mean():.1f} | "
            f"{100 * (value - truth).mean():+.1f} | {100 * np.sqrt(((value - truth) ** 2).mean()):.1f} | "
            f"{100 * (high - low).mean():.1f} | {held:.2f} | {allowed:.2f} |"
        )


def judged(pool: Frozen, sizes: np.ndarray, first: int, seed: int, truth: Truth) -> Iterator[Row]:
    """Forecasts from a pool of the first size for the later ones, each beside the truth."""
    laws = fit(pool, measure(pool, SHARES, seed=seed, progress=Silent()))
    for at in range(first + 1, len(sizes)):
        for what, values in (("error", laws.errors(sizes[at])), ("gain", laws.gains(sizes[first], sizes[at]))):
            told = estimate(values)
            yield what, 2 ** (at - first), told.value, told.low, told.high, *truth.of(what, first, at)


def on_photos(title: str, frozen: Frozen, seeds: int) -> None:
    """Forecast from parts of the photos, judged by all of them."""
    runs = [measure(frozen, (0.25, 0.5, 1.0), seed=seed, progress=Silent()) for seed in (1000, 1001, 1002)]
    wrong = np.concatenate([run.predicted for run in runs]) != frozen.labels
    by_chance = np.cov(wrong.mean(axis=2).T) / len(wrong)
    truth = Truth(wrong.mean(axis=(0, 2)), covariance(wrong.mean(axis=0).T, frozen.groups) + by_chance)
    rows: list[Row] = []
    for first, share in enumerate((0.2, 0.4)):
        for seed in range(seeds):
            places = spread(frozen.labels, frozen.groups, np.random.default_rng([seed, first]))
            rows += judged(some(frozen, places < share), runs[0].sizes, first, seed, truth)
    judge(title, rows)


def on_imitations(title: str, frozen: Frozen, draws: int) -> None:
    """Forecast from imitated photos, each time others."""
    draw, sizes = imitation(frozen), np.array([200, 400, 800])
    test = draw(4000, np.random.default_rng(1))
    errors = np.zeros((32, len(sizes)))
    for at, size in enumerate(sizes):
        for row in range(len(errors)):
            pool = draw(int(size), np.random.default_rng([2, int(size), row]))
            head = linear_head().fit(pool.features, pool.labels)
            errors[row, at] = (head.predict(test.features) != test.labels).mean()
    truth = Truth(errors.mean(axis=0), np.cov(errors.T) / len(errors))
    rows: list[Row] = []
    for first in (0, 1):
        for seed in range(draws):
            pool = draw(int(sizes[first]), np.random.default_rng([3, first, seed]))
            rows += judged(pool, sizes, first, seed, truth)
    judge(f"{title}, simulated", rows)


def timed(photos: int, channels: int, classes: int = 5) -> None:
    """Print the seconds that the curve and the naive score take on made-up features, 100 pairs among them."""
    generator = np.random.default_rng(0)
    features = generator.normal(size=(photos, channels)).astype(np.float32)
    labels = generator.integers(0, classes, photos)
    features[np.arange(photos), labels] += 2
    groups = np.append(np.arange(photos - 100), np.arange(100))
    frozen = Frozen("made up", features, labels, groups, tuple(map(str, range(classes))))
    seconds = []
    for ask in (learning_curve, naive_score):
        start = time.perf_counter()
        ask(frozen, seed=0, progress=Silent())
        seconds.append(f"{time.perf_counter() - start:.1f} s")
    tell(f"{photos} photos, {channels} channels: {' and '.join(seconds)}")


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="*", type=Path)
    parser.add_argument("--backbone", default="pocket")
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--simulated", type=int, default=0)
    parser.add_argument("--timed", action="store_true")
    asked = parser.parse_args()
    if asked.timed:
        for photos, channels in ((300, 320), (900, 320), (900, 1280), (5000, 1280)):
            timed(photos, channels)
        return
    tell(
        "| photos | forecast | draws | measured, points | mean miss | typical miss | width | held | allowing |\n"
        + "|---" * 9
        + "|"
    )
    for folder in asked.folders:
        frozen = read(folder, asked.backbone, asked.weights)
        with one_thread():
            on_photos(f"{folder.name}, {frozen.backbone}", frozen, asked.seeds)
            if asked.simulated:
                on_imitations(f"{folder.name}, {frozen.backbone}", frozen, asked.simulated)


if __name__ == "__main__":
    main()
