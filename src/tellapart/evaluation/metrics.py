"""Scores, and the one place where the test photos are opened."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from tellapart.evaluation.intervals import wilson
from tellapart.photos.batches import label_numbers
from tellapart.photos.scan import Photo
from tellapart.photos.split import HeldOutPhotos

SMALLEST: Final = 1e-7  # a probability below this counts as this in the log loss
_BINS: Final = 15

Answer = Callable[[Sequence[Photo]], np.ndarray]


@dataclass(frozen=True)
class Score:
    """Accuracy and log loss over `n` photos."""

    n: int
    accuracy: float
    log_loss: float


@dataclass(frozen=True)
class TestScore(Score):
    """The scores of the test photos; accuracy with its 95 % interval (Wilson)."""

    __test__ = False  # its name makes pytest look for tests in it

    accuracy_low: float
    accuracy_high: float
    macro_f1: float
    ece: float
    confusion: list[list[int]]


@dataclass(frozen=True)
class Evaluation:
    """The answers to the test photos, and their scores.

    Attributes:
        photos: The test photos.
        labels: Their class numbers.
        probabilities: Shape (photos, classes).
        score: What follows from them.
    """

    photos: tuple[Photo, ...]
    labels: np.ndarray
    probabilities: np.ndarray
    score: TestScore


def evaluate(answer: Answer, test: HeldOutPhotos, classes: Sequence[str]) -> Evaluation:
    """Ask a model for the test photos, once.

    Args:
        answer: Gives probabilities (photos, classes) for photos.
        test: The photos that were set aside.
        classes: Their order is that of the columns.
    """
    photos = test.open_for_evaluation()
    labels = label_numbers(photos, classes)
    probabilities = answer(photos)
    return Evaluation(photos, labels, probabilities, test_score(labels, probabilities))


def score(labels: np.ndarray, probabilities: np.ndarray) -> Score:
    """Accuracy and mean log loss.

    Args:
        labels: Class numbers, (photos,).
        probabilities: Shape (photos, classes).
    """
    predicted = probabilities.argmax(axis=1)
    given = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    return Score(
        len(labels),
        float((predicted == labels).mean()),
        float(-np.log(np.maximum(given, SMALLEST)).mean()),
    )


def test_score(labels: np.ndarray, probabilities: np.ndarray) -> TestScore:
    """All scores of the test photos; arguments as in `score`."""
    from sklearn.metrics import confusion_matrix, f1_score

    plain = score(labels, probabilities)
    predicted = probabilities.argmax(axis=1)
    numbers = list(range(probabilities.shape[1]))
    low, high = wilson(int((predicted == labels).sum()), len(labels))
    return TestScore(
        plain.n,
        plain.accuracy,
        plain.log_loss,
        low,
        high,
        float(f1_score(labels, predicted, labels=numbers, average="macro", zero_division=0.0)),
        expected_calibration_error(labels, probabilities),
        confusion_matrix(labels, predicted, labels=numbers).tolist(),
    )


test_score.__test__ = False  # type: ignore[attr-defined]  # its name makes pytest take it for a test


def expected_calibration_error(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Mean distance between confidence and accuracy, in 15 bins of equal width.

    Source: Guo et al., On Calibration of Modern Neural Networks, ICML 2017.
    """
    confidence = probabilities.max(axis=1)
    correct = probabilities.argmax(axis=1) == labels
    bins = np.minimum((confidence * _BINS).astype(int), _BINS - 1)
    gaps = [abs(float((correct[bins == b] - confidence[bins == b]).sum())) for b in np.unique(bins)]
    return float(sum(gaps) / len(labels))
