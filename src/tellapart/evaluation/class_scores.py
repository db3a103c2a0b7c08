"""How each class fares, with intervals, and what each step of the ladder changed for it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tellapart.evaluation.comparison import LEVEL, holm, mcnemar
from tellapart.evaluation.intervals import accuracy_interval, by_group


@dataclass(frozen=True)
class Share:
    """A share of photos with its 95 % interval; NaN throughout where there are no photos to take a share of."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class ClassFare:
    """How one class fared on the test photos.

    Attributes:
        name: Of the class.
        photos: Its test photos.
        said: Test photos that were given its name.
        recall: Of its photos, those that were named right.
        precision: Of the photos given its name, those that are of it.
        f1: The harmonic mean of both.
    """

    name: str
    photos: int
    said: int
    recall: Share
    precision: Share
    f1: Share


@dataclass(frozen=True)
class ClassChange:
    """What a step changed for one class against the step before it.

    Attributes:
        recall: Of the class, with this step.
        change: Of the recall, in shares of 1; NaN for the first step, and for a class without test photos.
        real: Whether the change is more than chance, all classes and steps considered.
    """

    recall: float
    change: float
    real: bool


def class_fares(
    labels: np.ndarray, predicted: np.ndarray, classes: Sequence[str], groups: np.ndarray | None = None
) -> list[ClassFare]:
    """Recall, precision and F1 of each class with 95 % intervals; copies count as what they are.

    Recall and precision are shares of photos and have Wilson's interval, as
    accuracy has. F1 is 2 J / (1 + J), where J is the share of right photos among
    those that are of the class or were called it; that share has Wilson's interval
    too, and the formula, which only rises, carries it over. So there is an interval
    even where nothing, or everything, was right, which a bootstrap cannot give.

    Args:
        labels: Class numbers, (photos,).
        predicted: Class numbers that were said, (photos,).
        classes: Names, by number.
        groups: The group of each photo, (photos,).
    """
    fares = []
    for number, name in enumerate(classes):
        there, said = labels == number, predicted == number
        right = there & said
        joint = _share(right, there | said, groups)
        f1 = Share(*(2 * end / (1 + end) for end in (joint.value, joint.low, joint.high)))
        recall, precision = _share(right, there, groups), _share(right, said, groups)
        fares.append(ClassFare(name, int(there.sum()), int(said.sum()), recall, precision, f1))
    return fares


def _share(right: np.ndarray, among: np.ndarray, groups: np.ndarray | None) -> Share:
    if not among.any():
        return Share(np.nan, np.nan, np.nan)
    kept = right[among]
    low, high = accuracy_interval(kept, None if groups is None else groups[among])
    return Share(float(kept.mean()), max(low, 0.0), min(high, 1.0))


def class_changes(
    labels: np.ndarray, predicted: Sequence[np.ndarray], n_classes: int, groups: np.ndarray | None = None
) -> list[list[ClassChange]]:
    """The recall of each class with each step, and its change, tested on the same photos.

    Each change is tested with McNemar's exact test, and Holm's correction goes over
    all classes and steps: with 5 % at most, any one that is called real is not.

    Args:
        labels: Class numbers, (photos,).
        predicted: Of each step, the class numbers that were said, (photos,).
        n_classes: How many classes there are.
        groups: The group of each photo, (photos,); each has one vote.

    Returns:
        One row a class, one column a step.
    """
    right = np.array([said == labels for said in predicted], dtype=float).T
    steps = np.diff(right, axis=1)
    recalls = np.full((n_classes, right.shape[1]), np.nan)
    changes, p_values = recalls.copy(), np.ones(recalls.shape)
    for number in np.unique(labels):
        place = labels == number
        recalls[number] = right[place].mean(axis=0)
        changes[number, 1:] = steps[place].mean(axis=0)
        votes = np.sign(by_group(steps[place], None if groups is None else groups[place]))
        p_values[number, 1:] = [mcnemar(votes[:, step]) for step in range(votes.shape[1])]
    tested = np.isfinite(changes)
    p_values[tested] = holm(p_values[tested])
    return [
        [ClassChange(float(a), float(b), p < LEVEL) for a, b, p in zip(*row, strict=True)]
        for row in zip(recalls, changes, p_values, strict=True)
    ]
