"""Scores, and the one place where the test photos are opened."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from tellapart.evaluation.intervals import (
    CONFIDENCE,
    DRAWS,
    accuracy_interval,
    basic,
    bca,
    by_group,
    group_numbers,
    resampled,
    studentised,
)
from tellapart.photos.batches import label_numbers
from tellapart.photos.scan import Photo
from tellapart.photos.split import HeldOutPhotos

SMALLEST: Final = 1e-7  # a probability below this counts as this in the log loss
BINS: Final = 15  # of confidence, each as wide
_FEW_MISTAKES: Final = 10
_AT_ONCE: Final = 100  # draws of all photos that are held in memory

Answer = Callable[[Sequence[Photo]], np.ndarray]


@dataclass(frozen=True)
class Score:
    """Accuracy and log loss over `n` photos."""

    n: int
    accuracy: float
    log_loss: float


@dataclass(frozen=True)
class TestScore(Score):
    """The scores of the test photos, each with its 95 % interval.

    Accuracy has Wilson's interval; log loss a studentised bootstrap, with room for
    mistakes not seen where there are few; macro F1 and balanced accuracy a BCa
    bootstrap; the calibration error a basic bootstrap, which takes off what few
    photos add to it, so that it may lie below the error itself, and which begins at
    0 where a calibrated model may show as much. It is known to be too short (about
    90 % instead of 95) for models whose probabilities are clearly wrong. All count
    groups of copies as what they are. Macro F1 and balanced accuracy are means over
    the classes that there are photos of.
    """

    __test__ = False  # its name makes pytest look for tests in it

    accuracy_low: float
    accuracy_high: float
    macro_f1: float
    ece: float
    confusion: list[list[int]]
    balanced_accuracy: float
    macro_f1_low: float
    macro_f1_high: float
    log_loss_low: float
    log_loss_high: float
    ece_low: float
    ece_high: float
    balanced_accuracy_low: float
    balanced_accuracy_high: float


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


def evaluate(
    answer: Answer, test: HeldOutPhotos, classes: Sequence[str], groups: Mapping[str, str] | None = None
) -> Evaluation:
    """Ask a model for the test photos, once.

    Args:
        answer: Gives probabilities (photos, classes) for photos.
        test: The photos that were set aside.
        classes: Their order is that of the columns.
        groups: The group of each photo that has copies, by path.
    """
    photos = test.open_for_evaluation()
    labels = label_numbers(photos, classes)
    probabilities = answer(photos)
    numbers = group_numbers([photo.path for photo in photos], groups or {})
    return Evaluation(photos, labels, probabilities, test_score(labels, probabilities, numbers))


def score(labels: np.ndarray, probabilities: np.ndarray) -> Score:
    """Accuracy and mean log loss.

    Args:
        labels: Class numbers, (photos,).
        probabilities: Shape (photos, classes).
    """
    predicted = probabilities.argmax(axis=1)
    return Score(len(labels), float((predicted == labels).mean()), float(log_losses(labels, probabilities).mean()))


def log_losses(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """The log loss of each photo in nats, (photos,); arguments as in `score`."""
    given = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    return np.asarray(-np.log(np.maximum(given, SMALLEST)))


def test_score(
    labels: np.ndarray,
    probabilities: np.ndarray,
    groups: np.ndarray | None = None,  # noqa: PT028  it is no test
) -> TestScore:
    """All scores of the test photos.

    Args:
        labels: Class numbers, (photos,).
        probabilities: Shape (photos, classes).
        groups: The group of each photo, (photos,).
    """
    from sklearn.metrics import confusion_matrix, f1_score

    plain = score(labels, probabilities)
    predicted = probabilities.argmax(axis=1)
    numbers = list(range(probabilities.shape[1]))
    confusion = confusion_matrix(labels, predicted, labels=numbers)
    photos_of_class = confusion.sum(axis=1)
    there = photos_of_class > 0
    accuracy = accuracy_interval(predicted == labels, groups)
    spans = {"accuracy": accuracy, **_bootstrapped(labels, probabilities, groups, accuracy)}
    return TestScore(
        plain.n,
        plain.accuracy,
        plain.log_loss,
        macro_f1=float(f1_score(labels, predicted, labels=np.unique(labels), average="macro", zero_division=0.0)),
        ece=expected_calibration_error(labels, probabilities),
        confusion=confusion.tolist(),
        balanced_accuracy=float((confusion.diagonal()[there] / photos_of_class[there]).mean()),
        **{f"{name}_low": low for name, (low, _) in spans.items()},
        **{f"{name}_high": high for name, (_, high) in spans.items()},
    )


test_score.__test__ = False  # type: ignore[attr-defined]  # its name makes pytest take it for a test


def expected_calibration_error(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Mean distance between confidence and accuracy, in 15 bins of equal width.

    Source: Guo et al., On Calibration of Modern Neural Networks, ICML 2017.
    """
    confidence = probabilities.max(axis=1)
    correct = probabilities.argmax(axis=1) == labels
    bins = confidence_bins(confidence)
    gaps = [abs(float((correct[bins == b] - confidence[bins == b]).sum())) for b in np.unique(bins)]
    return float(sum(gaps) / len(labels))


def confidence_bins(confidence: np.ndarray) -> np.ndarray:
    """The bin, 0 to 14, of each confidence from 0 to 1."""
    return np.asarray(np.minimum((confidence * BINS).astype(int), BINS - 1))


def _bootstrapped(
    labels: np.ndarray, probabilities: np.ndarray, groups: np.ndarray | None, accuracy: tuple[float, float]
) -> dict[str, tuple[float, float]]:
    """The 95 % intervals of all scores but accuracy, by name."""
    n_classes = len(np.unique(labels))
    sums = by_group(_sums(labels, probabilities), groups)
    total = sums.sum(axis=0)
    now, drawn = _scores(total, n_classes), _scores(resampled(sums), n_classes)
    # Of a single group nothing is left to be scored.
    left_out = _scores(total - sums, n_classes) if len(sums) > 1 else now[np.newaxis]
    spans = {
        name: bca(drawn[:, place], float(now[place]), left_out[:, place])
        for place, name in enumerate(("macro_f1", "balanced_accuracy"))
    }
    if (probabilities.argmax(axis=1) == labels).all():
        # Where nothing is wrong, no draw is: these two are accuracies then, and have its interval.
        spans = dict.fromkeys(spans, accuracy)
    low, high = basic(drawn[:, 2], float(now[2]))
    spans["ece"] = (0.0 if _may_be_calibrated(float(now[2]), probabilities, groups) else low, high)
    spans = {name: (max(low, 0.0), min(high, 1.0)) for name, (low, high) in spans.items()}
    return {**spans, "log_loss": log_loss_interval(labels, probabilities, accuracy, groups)}


def log_loss_interval(
    labels: np.ndarray,
    probabilities: np.ndarray,
    accuracy: tuple[float, float],
    groups: np.ndarray | None = None,
) -> tuple[float, float]:
    """The 95 % interval of the mean log loss: studentised bootstrap, and with few mistakes room for those not seen.

    A good model's loss is mostly that of a few mistakes, and draws from photos
    without any know nothing of them. So with 10 mistakes or fewer the upper end is
    at least that with as many as the interval of the accuracy allows, each at the
    mean loss of those seen and of one more at the price that the model itself
    expects of a mistake. It is then too wide rather than too short: docs/LOG.md.

    Args:
        labels: Class numbers, (photos,).
        probabilities: Shape (photos, classes).
        accuracy: The 95 % interval of the accuracy.
        groups: The group of each photo, (photos,).
    """
    losses = log_losses(labels, probabilities)
    (loss,) = studentised(losses[:, np.newaxis], groups, draws=DRAWS)
    wrong = probabilities.argmax(axis=1) != labels
    n_wrong = int(wrong.sum())
    if n_wrong > _FEW_MISTAKES or n_wrong == len(labels):
        return max(loss.low, 0.0), loss.high
    price = (float(losses[wrong].sum()) + _expected_price(probabilities)) / (n_wrong + 1)
    unseen = 1.0 - accuracy[0] - float(wrong.mean())
    return max(loss.low, 0.0), max(loss.high, loss.value + unseen * (price - float(losses[~wrong].mean())))


def _expected_price(probabilities: np.ndarray) -> float:
    """The mean log loss of a mistake if the probabilities were right."""
    others = np.sort(probabilities.astype(np.float64), axis=1)[:, :-1]
    chance = float(others.sum())
    return float((others * -np.log(np.maximum(others, SMALLEST))).sum()) / chance if chance else -math.log(SMALLEST)


def _may_be_calibrated(ece: float, probabilities: np.ndarray, groups: np.ndarray | None) -> bool:
    """Whether a model that is right as often as it says may show such a calibration error, with 97.5 %.

    An error cannot come out below 0, so that even this model shows some, and the
    bootstrap takes off too little of it: its interval would leave out the truth.

    Source: J. Bröcker, L. A. Smith, Increasing the Reliability of Reliability
    Diagrams, Weather and Forecasting 22 (2007) 651-661 (consistency resampling).
    """
    confidence = probabilities.max(axis=1)
    bins = np.eye(BINS, dtype=np.float32)[confidence_bins(confidence)]
    expected = confidence @ bins
    places = np.arange(len(confidence)) if groups is None else np.unique(groups, return_inverse=True)[1]
    generator = np.random.default_rng(0)
    errors = []
    for _ in range(0, DRAWS, _AT_ONCE):
        # Copies are right together.
        drawn = generator.random((_AT_ONCE, int(places.max()) + 1), dtype=np.float32)
        right = (drawn if groups is None else drawn[:, places]) < confidence
        errors.append(np.abs(right.astype(np.float32) @ bins - expected).sum(axis=1) / len(confidence))
    return bool(ece <= np.quantile(np.concatenate(errors), (1 + CONFIDENCE) / 2))


def _sums(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """What each photo adds to the scores: 1; of its class hit, there, said; of its bin, right less confidence."""
    each = np.arange(len(labels))
    # A class without any photo has no recall, and is not to be 0 in a mean because it was named once.
    classes = np.eye(probabilities.shape[1])[:, np.unique(labels)]
    predicted, confidence = probabilities.argmax(axis=1), probabilities.max(axis=1)
    right = predicted == labels
    gaps = np.zeros((len(labels), BINS))
    gaps[each, confidence_bins(confidence)] = right - confidence
    hit = classes[labels] * right[:, np.newaxis]
    return np.hstack([np.ones((len(labels), 1)), hit, classes[labels], classes[predicted], gaps])


def _scores(totals: np.ndarray, n_classes: int) -> np.ndarray:
    """Macro F1, balanced accuracy and calibration error, (..., 3), from sums over photos.

    A class that a draw has no photo of has no score there; counted as 0 it would
    pull the scores of sets with small classes down.
    """
    n, totals = totals[..., 0], totals[..., 1:]
    hit, there, said, gaps = np.split(totals, [n_classes, 2 * n_classes, 3 * n_classes], axis=-1)
    return np.stack(
        [_mean_share(2 * hit, there + said), _mean_share(hit, there), np.abs(gaps).sum(axis=-1) / n], axis=-1
    )


def _mean_share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """The mean over classes of part / whole, without classes where both are nothing."""
    known = whole > 0
    shares = np.where(known, part / np.where(known, whole, 1.0), 0.0)
    return np.asarray(shares.sum(axis=-1) / known.sum(axis=-1))
