"""Conformal prediction: sets of classes that hold the right one for a promised share of photos.

A class is in the set where its probability is not much lower than right classes had on
validation photos. For photos of the same kind as those the promise needs nothing else of the
model; a bad model keeps it by large sets.

Sources: M. Sadinle, J. Lei, L. Wasserman, Least Ambiguous Set-Valued Classifiers with Bounded Error
Levels, JASA 114 (2019) 223-234; A. N. Angelopoulos, S. Bates, Conformal Prediction: A Gentle
Introduction, Foundations and Trends in Machine Learning 16 (2023).
"""

import math
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np

from tellapart.evaluation.intervals import accuracy_interval
from tellapart.evaluation.selective import Answered

LEVEL: Final = 0.9


@dataclass(frozen=True)
class Conformal:
    """What makes sets of probabilities.

    Attributes:
        level: The share of photos whose set holds the right class.
        quantile: A class is in the set where 1 less its probability is at most this; 1 takes all classes.
        n: The validation photos that it was found on.
    """

    level: float
    quantile: float
    n: int

    def sets(self, probabilities: np.ndarray) -> np.ndarray:
        """Which classes are in the set of each photo, (photos, classes) of booleans.

        Where none would be, the most probable class is: that only makes the right one more frequent.
        """
        inside = 1 - probabilities.astype(np.float64) <= self.quantile
        inside[np.arange(len(inside)), probabilities.argmax(axis=1)] = True
        return np.asarray(inside)


def fit_conformal(labels: np.ndarray, probabilities: np.ndarray, level: float = LEVEL) -> Conformal:
    """Find the quantile on validation photos.

    It is the ceil((n + 1) level)-th smallest of 1 less the probability of the right class; where the
    photos are too few for the level, all classes are in every set. The promise would be exact for
    photos that took no part in the training. These stopped it early and fitted the temperature, so
    that it is approximate.

    Args:
        labels: Class numbers of validation photos, (photos,).
        probabilities: Shape (photos, classes).
        level: Over 0 and under 1.
    """
    n = len(labels)
    place = math.ceil((n + 1) * level)
    if place > n:
        return Conformal(level, 1.0, n)
    missing = np.sort(1 - probabilities[np.arange(n), labels].astype(np.float64))
    return Conformal(level, float(missing[place - 1]), n)


def conformal(valid: Answered, test: Answered, groups: np.ndarray | None = None) -> dict[str, Any]:
    """What results.json says of a recipe's prediction sets.

    Args:
        valid: Class numbers and probabilities of the validation photos.
        test: The same of the test photos.
        groups: The group of each test photo, (photos,).

    Returns:
        `level`, `quantile`, `n` as fitted; on test `coverage`, the share of photos whose set holds the right
        class, with its interval; `mean_size`; and `sizes`, the photos with a set of 1, 2, ... classes.
    """
    return coverage_of(fit_conformal(*valid), test, groups)


def coverage_of(fitted: Conformal, test: Answered, groups: np.ndarray | None = None) -> dict[str, Any]:
    """What `conformal` gives, for sets that are fitted already.

    Args:
        fitted: Such as a model file holds.
        test: Class numbers and probabilities of the photos.
        groups: The group of each, (photos,).
    """
    labels, probabilities = test
    sets = fitted.sets(probabilities)
    held, sizes = sets[np.arange(len(labels)), labels], sets.sum(axis=1)
    low, high = accuracy_interval(held, groups)
    return {
        **asdict(fitted),
        "coverage": float(held.mean()),
        "coverage_low": low,
        "coverage_high": high,
        "mean_size": float(sizes.mean()),
        "sizes": np.bincount(sizes, minlength=probabilities.shape[1] + 1)[1:].tolist(),
    }
