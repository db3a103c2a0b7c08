"""What it would bring to learn from features of mirrored and cropped photos too, or from those of two layers.

    python benchmarks/feature_views.py [--photos PHOTOS] [--weights WEIGHTS] [--size 224] [--pairs 15]

The linear head learns from the means of the last maps of each photo as it is; beside it from those of the photo
mirrored too; from those and of two crops (opposite corners, 7/8 of each side); from the means of the last maps and
those of twice their side, as the recipe does; and from these of the photo mirrored too. All are asked about photos as
they are, on the same folds. What a further view costs is what the photo itself does: its way through the backbone.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from fast_accuracy import folds, margin_of
from paired import inputs, keep, parser

from tellapart.evaluation.metrics import score
from tellapart.models.backbone_file import LOWER, POOLED, backbone_onnx
from tellapart.models.backbones import find_backbone
from tellapart.models.features import Source, source_of
from tellapart.models.forward import Forward
from tellapart.models.linear import fit_linear_head
from tellapart.photos.batches import label_numbers, pixels_of
from tellapart.photos.pixels import PixelSpec
from tellapart.photos.scan import Photos, scan

AS_IT_IS, MIRRORED, CROPPED = "as it is", "and mirrored", "and mirrored and cropped"
LAYERS, BOTH = "of two layers", "of two layers, and mirrored"


def views_of(photos: Photos, source: Source) -> Iterator[np.ndarray]:
    """Of each photo: as it is, mirrored, two crops; (4, size, size, 3)."""
    size = source.spec.size
    larger = PixelSpec(round(size * 8 / 7), scaling=source.spec.scaling)
    both = (pixels_of(photos.root, photos.items, spec) for spec in (source.spec, larger))
    for plain, large in zip(*both, strict=True):
        yield np.stack([plain, plain[:, ::-1], large[:size, :size], large[-size:, -size:]])


def features_of(photos: Photos, given: argparse.Namespace, cache: Path) -> tuple[np.ndarray, np.ndarray]:
    """Means of the last maps and of the lower ones, of each view, (photos, views, channels)."""
    source = source_of(find_backbone("mobilenet_v2"), given.size, given.weights)
    forward = Forward(backbone_onnx(source.backbone, given.size, source.path, cache))
    found = [forward.named_outputs(views, [POOLED, LOWER]) for views in views_of(photos, source)]
    last, lower = (np.stack([one[name] for one in found]) for name in (POOLED, LOWER))
    return last, lower


def told(features: np.ndarray, labels: np.ndarray, learned: np.ndarray, asked: np.ndarray) -> tuple[float, float]:
    """Accuracy and log loss of a head that learned from all views, asked about the first, (photos, views, channels)."""
    n_views = features.shape[1]
    some = features[learned].reshape(-1, features.shape[2])
    head = fit_linear_head(some, labels[learned].repeat(n_views), np.arange(len(learned)).repeat(n_views))
    found = score(labels[asked], head.probabilities(features[asked, 0]))
    return found.accuracy, found.log_loss


def main() -> None:
    """Measure, and keep the figures."""
    taken = parser(__doc__, pairs=15)
    taken.add_argument("--size", type=int, default=224)
    given = taken.parse_args()
    with inputs(given), TemporaryDirectory(prefix="tellapart-bench-") as place:
        photos = scan(given.photos)
        last, lower = features_of(photos, given, Path(place))
        labels = label_numbers(photos.items, photos.classes)
        both = np.concatenate([last, lower], axis=2)
        ways = {AS_IT_IS: last[:, :1], MIRRORED: last[:, :2], CROPPED: last, LAYERS: both[:, :1], BOTH: both[:, :2]}
        scores = {
            way: np.array([told(features, labels, *fold) for fold in folds(photos, given.pairs)])
            for way, features in ways.items()
        }
        name = given.photos.name
    reached: dict[str, Any] = {way: compared(score, scores[AS_IT_IS]) for way, score in scores.items()}
    n_folds = len(scores[AS_IT_IS])
    keep(
        f"feature_views_{name}",
        f"A linear head on MobileNetV2 at {given.size} px learning from more than each photo; {name}, {n_folds} folds.",
        {"reached": reached, "folds": {way: score.round(4).tolist() for way, score in scores.items()}},
    )


def compared(score: np.ndarray, plain: np.ndarray) -> dict[str, str]:
    """Means, and what they are more than those of photos as they are, with an interval over the folds."""
    parts = {}
    for number, (what, unit, digits) in enumerate((("accuracy, points", 100, 2), ("log loss", 1, 3))):
        more = unit * (score - plain)[:, number]
        margin = margin_of(more)
        mean = unit * score[:, number].mean()
        told = [f"{value:+.{digits}f}" for value in (more.mean(), more.mean() - margin, more.mean() + margin)]
        parts[what] = f"{mean:.{digits}f} ({told[0]}, {told[1]} to {told[2]})"
    return parts


if __name__ == "__main__":
    main()
