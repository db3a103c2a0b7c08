"""What `--fast` costs in accuracy: a linear head that learned from features in 8 bits, asked about features in float32.

    python benchmarks/fast_accuracy.py [--photos PHOTOS] [--weights WEIGHTS] [--size 224] [--pairs 15]

As in a run: the backbone is brought to 8 bits by photos that are learned from, and what is asked about never is. Beside
it the head that learned from features in float32, on the same folds (five of grouped, stratified cross-validation,
drawn anew as often as it takes). The difference is told with its interval over folds, which share photos, so that it is
rather too short than too long.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from paired import inputs, keep, parser
from sklearn.model_selection import StratifiedGroupKFold

from tellapart.models.backbones import find_backbone
from tellapart.models.features import learning_source, pooled_features, source_of
from tellapart.models.linear import fit_linear_head
from tellapart.photos.audit import audit
from tellapart.photos.batches import label_numbers
from tellapart.photos.scan import Photos, scan
from tellapart.progress import Silent

FOLDS = 5


def folds(photos: Photos, n: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Photos to learn from and to ask about, by position; copies of one photo stay together."""
    labels, groups = label_numbers(photos.items, photos.classes), np.arange(len(photos.items))
    for group in audit(photos, Silent()).duplicates.groups:
        groups[list(group)] = groups[group[0]]
    for seed in range(-(-n // FOLDS)):
        yield from StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed).split(labels, labels, groups)


def accuracies(photos: Photos, given: argparse.Namespace, cache: Path) -> tuple[np.ndarray, np.ndarray]:
    """Of each fold: of the head in float32, and of the one in 8 bits."""
    source = source_of(find_backbone("mobilenet_v2"), given.size, given.weights)
    labels = label_numbers(photos.items, photos.classes)
    plain = pooled_features(source, photos.root, photos.items, cache=cache, progress=Silent(), lower=True)
    told = []
    for number, (learned, asked) in enumerate(folds(photos, given.pairs)):
        some = [photos.items[place] for place in learned]
        in_8_bits, own = learning_source(source, some, fast=True), cache / str(number)
        fast = pooled_features(in_8_bits, photos.root, some, cache=own, progress=Silent(), lower=True)
        groups = np.arange(len(learned))
        heads = [fit_linear_head(features, labels[learned], groups) for features in (plain[learned], fast)]
        told.append([(head.probabilities(plain[asked]).argmax(axis=1) == labels[asked]).mean() for head in heads])
    return np.array(told)[:, 0], np.array(told)[:, 1]


def margin_of(differences: np.ndarray) -> float:
    """Half of the 95 % interval of a mean over folds."""
    return float(2.14 * differences.std(ddof=1) / np.sqrt(len(differences)))  # Student's t for 15 folds


def main() -> None:
    """Measure, and keep the figures."""
    taken = parser(__doc__, pairs=15)
    taken.add_argument("--size", type=int, default=224)
    given = taken.parse_args()
    with inputs(given), TemporaryDirectory(prefix="tellapart-bench-") as place:
        photos = scan(given.photos)
        plain, fast = accuracies(photos, given, Path(place))
        name = given.photos.name
    lost = 100 * (plain - fast)
    margin = margin_of(lost)
    figures: dict[str, Any] = {
        "aim": {"points lost, at most": 0.2},
        "reached": {
            "points lost, at most": round(float(lost.mean()), 2),
            "interval": f"{lost.mean() - margin:.2f} to {lost.mean() + margin:.2f}",
            "accuracy in float32": round(float(plain.mean()), 4),
            "accuracy with --fast": round(float(fast.mean()), 4),
        },
        "folds": {"float32": plain.round(4).tolist(), "fast": fast.round(4).tolist()},
    }
    keep(
        f"fast_accuracy_{name}",
        f"What --fast costs in accuracy: a linear head on MobileNetV2 at {given.size} px, {name}, {len(lost)} folds.",
        figures,
    )


if __name__ == "__main__":
    main()
