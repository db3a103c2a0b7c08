"""What the dense head gains from the means of lower maps beside those of the last, and how far they must be scaled.

    python benchmarks/dense_layers.py [--photos PHOTOS] [--weights WEIGHTS] [--size 224] [--pairs 15]

The head of `bottleneck` on MobileNetV2. The photos of a fold that are learned from are divided once more (15 % to steer
by); the head is asked about the others. Each way learns from the same photos and begins with the same seed.
"""

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from fast_accuracy import folds
from feature_views import AS_IT_IS, compared
from paired import inputs, keep, parser
from sklearn.model_selection import StratifiedShuffleSplit

from tellapart.evaluation.metrics import score
from tellapart.models.backbones import find_backbone
from tellapart.models.bottleneck import HEAD_DROPOUT, HEAD_PLAN, LARGE_BATCH, balance
from tellapart.models.dense import fresh_head
from tellapart.models.dense_training import DenseTraining
from tellapart.models.features import pooled_features, source_of
from tellapart.models.networks import HEAD_UNITS
from tellapart.models.probe import one_thread
from tellapart.models.training import Watcher
from tellapart.photos.batches import Batches, label_numbers, rows_of
from tellapart.photos.scan import scan
from tellapart.progress import Silent

CHANNELS = 1280  # of MobileNetV2's last maps
Parts = tuple[np.ndarray, np.ndarray, np.ndarray]  # to learn from, to steer by, to ask about
_MANY = 4 * LARGE_BATCH


def scaled(features: np.ndarray, learned: np.ndarray) -> dict[str, np.ndarray]:
    """The features of each way, (photos, channels), scaled by what the photos that are learned from have."""
    scales = balance(features[learned], (CHANNELS, features.shape[1] - CHANNELS))
    twice = np.where(np.arange(len(scales)) < CHANNELS, scales, 2 * scales)
    deviation = features[learned].std(axis=0) + 1e-6
    even = (features - features[learned].mean(axis=0)) / deviation
    rooted = features * np.sqrt(features[learned, :CHANNELS].std(axis=0).mean() / deviation)
    return {
        AS_IT_IS: features[:, :CHANNELS],
        "of two layers, as they are": features,
        "of two layers, brought to one spread": features * scales,
        "of two layers, the lower one to twice the spread": features * twice,
        "of two layers, each channel over the root of its deviation": rooted,
        "of two layers, each channel to mean 0 and deviation 1": even,
    }


def told(features: np.ndarray, labels: np.ndarray, parts: Parts, seed: int) -> tuple[float, float]:
    """Accuracy and log loss of a head on the photos that are asked about."""
    learned, steered, asked = parts
    plan = replace(HEAD_PLAN, batch_size=LARGE_BATCH) if len(learned) >= _MANY else HEAD_PLAN
    drawn = np.random.default_rng([seed, features.shape[1]])
    head = fresh_head(features.shape[1], HEAD_UNITS, int(labels.max()) + 1, drawn)
    batches = (
        Batches(rows_of(features[learned]), labels[learned], plan.batch_size, seed),
        Batches(rows_of(features[steered]), labels[steered], 256, 0, shuffle=False),
    )
    with one_thread():
        head, _ = DenseTraining(head, batches, plan, HEAD_DROPOUT, Watcher("head", Silent())).run()
    found = score(labels[asked], head.probabilities(features[asked]))
    return found.accuracy, found.log_loss


def main() -> None:
    """Measure, and keep the figures."""
    taken = parser(__doc__, pairs=15)
    taken.add_argument("--size", type=int, default=224)
    given = taken.parse_args()
    scores: dict[str, list[tuple[float, float]]] = {}
    with inputs(given), TemporaryDirectory(prefix="tellapart-bench-") as place:
        photos = scan(given.photos)
        labels, name = label_numbers(photos.items, photos.classes), given.photos.name
        source = source_of(find_backbone("mobilenet_v2"), given.size, given.weights)
        cache = Path(place)
        features = pooled_features(source, photos.root, photos.items, cache=cache, progress=Silent(), lower=True)
        for seed, (learned, asked) in enumerate(folds(photos, given.pairs)):
            divided = StratifiedShuffleSplit(1, test_size=0.15, random_state=seed).split(learned, labels[learned])
            parts = *(learned[part] for part in next(divided)), asked
            for way, some in scaled(features, parts[0]).items():
                scores.setdefault(way, []).append(told(some, labels, parts, seed))
    plain = np.array(scores[AS_IT_IS])
    keep(
        f"dense_layers_{name}",
        f"The dense head on means of two layers of MobileNetV2 at {given.size} px; {name}, {len(plain)} folds.",
        {"reached": {way: compared(np.array(score), plain) for way, score in scores.items()}},
    )


if __name__ == "__main__":
    main()
