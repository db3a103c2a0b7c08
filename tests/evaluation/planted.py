"""Features of photos that do not exist: classes about their means, as far apart and as noisy as one likes."""

import numpy as np

from tellapart.evaluation.draws import Frozen

NAMES = ("bed", "chair", "sofa", "table")


def planted(
    per_class: int, *, apart: float = 1.5, channels: int = 40, classes: int = 3, seed: int = 0, swapped: float = 0.0
) -> Frozen:
    """Photos of some classes, each a group of its own.

    Args:
        per_class: Photos of each class.
        apart: Of the class means, in deviations of the noise.
        channels: Of the features.
        classes: How many, at most four.
        seed: Of the noise.
        swapped: Share of the photos whose label is of any class.
    """
    generator = np.random.default_rng(seed)
    labels = np.repeat(np.arange(classes), per_class)
    features = generator.normal(size=(len(labels), channels))
    features[np.arange(len(labels)), labels] += apart
    wrong = generator.random(len(labels)) < swapped
    labels = np.where(wrong, generator.integers(0, classes, len(labels)), labels)
    return Frozen("pocket", features, labels, np.arange(len(labels)), NAMES[:classes])


def with_copies(frozen: Frozen, which: np.ndarray, copies: int, seed: int = 0) -> Frozen:
    """The photos and, of some of them, slightly noisy copies in the same group."""
    again = np.repeat(which, copies)
    noise = 0.05 * np.random.default_rng(seed).normal(size=(len(again), frozen.features.shape[1]))
    return Frozen(
        frozen.backbone,
        np.vstack([frozen.features, frozen.features[again] + noise]),
        np.append(frozen.labels, frozen.labels[again]),
        np.append(frozen.groups, frozen.groups[again]),
        frozen.classes,
    )
