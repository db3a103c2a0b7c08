"""Draws of photos to learn from and photos to answer for, for questions about the photos themselves.

A linear head on frozen features stands in for the model: it takes milliseconds
where a recipe takes minutes, so that it can be trained a hundred times.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from tellapart.evaluation.intervals import by_group
from tellapart.models.probe import FOLDS, linear_head

_SMALL: Final = 2_000_000  # numbers in all features: 1,500 photos of 1,280 channels


@dataclass(frozen=True)
class Frozen:
    """Photos as a frozen backbone sees them; the test photos are not among them.

    Attributes:
        backbone: Whose features they are.
        features: (photos, channels).
        labels: Class numbers, (photos,).
        groups: The group of each photo, (photos,); copies, bursts and patients share one.
        classes: Names of the classes, by number.
    """

    backbone: str
    features: np.ndarray
    labels: np.ndarray
    groups: np.ndarray
    classes: tuple[str, ...]

    def repeats(self, wished: int) -> int:
        """How often the folds are repeated: as wished, but twice where the photos are many, which steadies as well."""
        return wished if self.features.size <= _SMALL else 2

    @property
    def different(self) -> np.ndarray:
        """How many groups each class has, (classes,); copies count as one photo."""
        return np.asarray(np.bincount(_grouped(self.labels, self.groups)[1], minlength=len(self.classes)))


def spread(labels: np.ndarray, groups: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Places from 0 to 1 by chance: any stretch holds its share of each class, and each group lies at one place.

    Args:
        labels: Class numbers, (photos,).
        groups: The group of each photo, (photos,).
        generator: Of the chance.

    Returns:
        (photos,).
    """
    numbers, of_class = _grouped(labels, groups)
    places = np.empty(len(of_class))
    for label in np.unique(of_class):
        members = generator.permutation(np.flatnonzero(of_class == label))
        places[members] = (np.arange(len(members)) + generator.random()) / len(members)
    return np.asarray(places[numbers])


def _grouped(labels: np.ndarray, groups: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Groups numbered from 0, (photos,), and the commonest class of each, (groups,)."""
    numbers = np.unique(groups, return_inverse=True)[1]
    tallies = np.zeros((int(numbers.max()) + 1, int(labels.max()) + 1))
    np.add.at(tallies, (numbers, labels), 1)
    return numbers, tallies.argmax(axis=1)


def folds(labels: np.ndarray, groups: np.ndarray, generator: np.random.Generator) -> Iterator[np.ndarray]:
    """The photos of each fold, (photos,) of booleans; each photo is in one of the five."""
    numbers = np.floor(FOLDS * spread(labels, groups, generator)).astype(int)
    for fold in range(FOLDS):
        yield numbers == fold


def answers(frozen: Frozen, learned: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """The classes that a linear head, trained on the photos `learned`, gives to the photos `asked`."""
    head = linear_head().fit(frozen.features[learned], frozen.labels[learned])
    return np.asarray(head.predict(frozen.features[asked]))


def covariance(values: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Of the means of some columns, with groups as the units: (photos, columns) to (columns, columns)."""
    sums = by_group(np.column_stack([values, np.ones(len(values))]), groups)
    away = sums[:, :-1] - sums[:, -1:] * values.mean(axis=0)
    n = len(sums)
    return np.asarray(n / (n - 1) * (away.T @ away) / len(values) ** 2)
