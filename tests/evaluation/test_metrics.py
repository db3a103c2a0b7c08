from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from simulated import answers
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, log_loss, recall_score

from photo_maker import photo
from tellapart.evaluation.intervals import DRAWS, studentised, wilson
from tellapart.evaluation.metrics import (
    BINS,
    SMALLEST,
    confidence_bins,
    evaluate,
    expected_calibration_error,
    log_loss_interval,
    log_losses,
    score,
    test_score,
)
from tellapart.photos.scan import Photo
from tellapart.photos.split import HeldOutPhotos

LABELS = np.array([0, 0, 1, 1, 2, 2])
PROBABILITIES = np.array(
    [[0.7, 0.2, 0.1], [0.3, 0.6, 0.1], [0.1, 0.8, 0.1], [0.2, 0.5, 0.3], [0.1, 0.1, 0.8], [0.6, 0.3, 0.1]],
    dtype=np.float32,
)


def random_answers(seed: int, n: int, n_classes: int) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    return generator.integers(0, n_classes, n), generator.dirichlet(np.ones(n_classes), n).astype(np.float32)


def test_scores_by_hand() -> None:
    found = test_score(LABELS, PROBABILITIES)
    assert found.n == 6
    assert found.accuracy == pytest.approx(4 / 6)
    assert found.log_loss == pytest.approx(-np.log([0.7, 0.3, 0.8, 0.5, 0.8, 0.1]).mean(), abs=1e-6)
    assert found.confusion == [[1, 1, 0], [0, 2, 0], [1, 0, 1]]
    assert found.macro_f1 == pytest.approx((0.5 + 0.8 + 2 / 3) / 3)
    assert found.accuracy_low < 4 / 6 < found.accuracy_high


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 60), st.integers(2, 6))
def test_scores_agree_with_scikit_learn(seed: int, n: int, n_classes: int) -> None:
    labels, probabilities = random_answers(seed, n, n_classes)
    numbers = list(range(n_classes))
    predicted = probabilities.argmax(axis=1)
    found = test_score(labels, probabilities)
    exact = probabilities.astype(np.float64) / probabilities.sum(axis=1, dtype=np.float64, keepdims=True)
    assert found.accuracy == pytest.approx(accuracy_score(labels, predicted))
    assert found.log_loss == pytest.approx(log_loss(labels, exact, labels=numbers), rel=1e-4)
    assert found.macro_f1 == pytest.approx(
        f1_score(labels, predicted, labels=np.unique(labels), average="macro", zero_division=0.0)
    )
    assert found.confusion == confusion_matrix(labels, predicted, labels=numbers).tolist()
    assert found.balanced_accuracy == pytest.approx(
        recall_score(labels, predicted, labels=np.unique(labels), average="macro")
    )
    assert 0 <= found.ece <= 1
    plain = score(labels, probabilities)
    assert (plain.n, plain.accuracy, plain.log_loss) == (found.n, found.accuracy, found.log_loss)


def test_log_losses_are_by_photo() -> None:
    assert log_losses(LABELS, PROBABILITIES) == pytest.approx(-np.log([0.7, 0.3, 0.8, 0.5, 0.8, 0.1]), abs=1e-6)


SPANS = ("accuracy", "macro_f1", "log_loss", "ece", "balanced_accuracy")


def spans_of(labels: np.ndarray, probabilities: np.ndarray, groups: np.ndarray | None = None) -> np.ndarray:
    found = test_score(labels, probabilities, groups)
    return np.array([[getattr(found, f"{name}_{end}") for end in ("low", "high")] for name in SPANS])


def test_every_score_has_an_interval_that_copies_do_not_narrow() -> None:
    labels, probabilities = answers(np.random.default_rng(0), 100)
    single = spans_of(labels, probabilities)
    found = test_score(labels, probabilities)
    for (low, high), name in zip(single, SPANS, strict=True):
        assert low < high
        assert name == "ece" or low < getattr(found, name) < high
    doubled, twice = np.repeat(labels, 2), np.repeat(probabilities, 2, axis=0)
    grouped = spans_of(doubled, twice, np.repeat(np.arange(100), 2))
    assert grouped == pytest.approx(single, abs=0.005)
    assert (np.diff(spans_of(doubled, twice)) < 0.85 * np.diff(single)).all()


def test_intervals_are_fixed_and_stay_where_scores_can_be() -> None:
    labels, probabilities = answers(np.random.default_rng(1), 12)
    first = spans_of(labels, probabilities)
    assert (first == spans_of(labels, probabilities)).all()
    assert (first >= 0).all()
    assert (np.delete(first, 2, axis=0) <= 1).all()


def test_where_nothing_is_wrong_the_intervals_have_a_width_all_the_same() -> None:
    labels = np.repeat([0, 1], 10)
    found = test_score(labels, np.eye(2)[labels] * 0.8 + 0.1)
    assert (found.macro_f1_low, found.macro_f1_high) == wilson(20, 20)
    assert (found.balanced_accuracy_low, found.balanced_accuracy_high) == wilson(20, 20)


def test_a_single_photo_has_scores() -> None:
    found = test_score(np.array([1]), np.array([[0.7, 0.3]]))
    assert found.accuracy == 0
    assert np.isfinite(spans_of(np.array([1]), np.array([[0.7, 0.3]]))).all()


def test_a_class_without_photos_in_a_draw_does_not_count_as_failed() -> None:
    # One photo in twenty is of class 1, and is found: the draws without it must not lower the score.
    labels = np.array([0] * 19 + [1])
    probabilities = np.where(labels[:, np.newaxis] == [0, 1], 0.9, 0.1)
    probabilities[0] = [0.4, 0.6]
    assert test_score(labels, probabilities).balanced_accuracy_low > 0.8


def test_a_class_without_any_photo_is_in_no_mean() -> None:
    labels, shares = random_answers(3, 60, 3)
    labels = labels % 2
    assert (shares.argmax(axis=1) == 2).any(), "it was named all the same"
    told = test_score(labels, shares)
    predicted = shares.argmax(axis=1)
    assert told.macro_f1 == pytest.approx(f1_score(labels, predicted, labels=[0, 1], average="macro"))
    assert told.macro_f1_low < told.macro_f1 < told.macro_f1_high


def test_the_calibration_error_of_a_calibrated_model_may_be_0() -> None:
    covered = []
    for seed in range(60):
        # Noise of 1 and a gap of 1.5 make the logits true where they are multiplied by 1.5.
        labels, probabilities = answers(np.random.default_rng(seed), 150, gap=1.5, sure=1.5)
        covered.append(test_score(labels, probabilities).ece_low == 0)
    assert np.mean(covered) > 0.9
    labels, brash = answers(np.random.default_rng(0), 150, gap=1.5, sure=6.0)
    assert test_score(labels, brash).ece_low > 0.05
    # Twenty copies of each of ten photos tell as much as ten photos.
    labels, sound = answers(np.random.default_rng(0), 10, gap=1.5, sure=1.5)
    groups = np.repeat(np.arange(10), 20)
    assert test_score(labels[groups], sound[groups]).ece_low > 0
    assert test_score(labels[groups], sound[groups], groups).ece_low == 0


def test_bins_of_confidence() -> None:
    assert confidence_bins(np.array([0.0, 0.0667, 0.5, 0.9999, 1.0])).tolist() == [0, 1, 7, 14, BINS - 1]


def test_a_certain_error_costs_much_and_not_infinity() -> None:
    assert score(np.array([0]), np.array([[0.0, 1.0]])).log_loss == pytest.approx(-np.log(SMALLEST))


def test_a_class_that_is_never_right_counts_as_zero_in_macro_f1() -> None:
    found = test_score(np.array([0, 0, 0, 1]), np.array([[0.9, 0.1]] * 4))
    assert found.accuracy == 0.75
    assert found.macro_f1 == pytest.approx((6 / 7) / 2)
    assert found.confusion == [[3, 0], [1, 0]]


def test_calibration_error_by_hand() -> None:
    # Two photos at 0.9 and one right of them, two at 0.6 and both right.
    probabilities = np.array([[0.9, 0.1], [0.9, 0.1], [0.6, 0.4], [0.6, 0.4]])
    error = expected_calibration_error(np.array([0, 1, 0, 0]), probabilities)
    assert error == pytest.approx((2 * abs(0.5 - 0.9) + 2 * abs(1.0 - 0.6)) / 4)


def test_calibration_error_of_certain_answers() -> None:
    certain = np.array([[1.0, 0.0], [1.0, 0.0]])
    assert expected_calibration_error(np.array([0, 0]), certain) == 0
    assert expected_calibration_error(np.array([1, 1]), certain) == 1


def test_calibration_error_of_a_calibrated_model_is_small() -> None:
    generator = np.random.default_rng(0)
    confidence = generator.uniform(0.5, 1.0, 20_000)
    labels = (generator.random(20_000) > confidence).astype(int)
    assert expected_calibration_error(labels, np.stack([confidence, 1 - confidence], axis=1)) < 0.02


def test_the_test_photos_are_asked_for_once_and_in_order() -> None:
    photos = tuple(photo(number, label) for number, label in enumerate(["table", "chair", "table"]))
    asked: list[tuple[Photo, ...]] = []

    def answer(some: "tuple[Photo, ...]") -> np.ndarray:
        asked.append(tuple(some))
        return np.array([[0.1, 0.9], [0.8, 0.2], [0.7, 0.3]])

    found = evaluate(answer, HeldOutPhotos(photos), ("chair", "table"), {photos[0].path: "g", photos[1].path: "g"})  # type: ignore[arg-type]
    assert asked == [photos]
    assert found.photos == photos
    assert found.labels.tolist() == [1, 0, 1]
    assert found.score.accuracy == pytest.approx(2 / 3)
    assert found.score.confusion == [[1, 0], [1, 1]]
    alone = evaluate(answer, HeldOutPhotos(photos), ("chair", "table"))  # type: ignore[arg-type]
    assert found.score.accuracy_low != alone.score.accuracy_low


def test_few_mistakes_leave_room_for_those_not_seen() -> None:
    labels = np.zeros(100, dtype=int)
    probabilities = np.tile([0.98, 0.01, 0.01], (100, 1))
    low, high = log_loss_interval(labels, probabilities, wilson(100, 100))
    right, price = -np.log(0.98), -np.log(0.01)
    assert low == pytest.approx(right)
    assert high == pytest.approx(right + (1 - wilson(100, 100)[0]) * (price - right))
    # A mistake that was seen has its say in the price of the next.
    probabilities[0] = [0.0001, 0.9998, 0.0001]
    (plain,) = studentised(log_losses(labels, probabilities)[:, np.newaxis], draws=DRAWS)
    _, dearer = log_loss_interval(labels, probabilities, wilson(99, 100))
    assert dearer > max(plain.high, high)


def test_with_more_mistakes_the_interval_is_the_bootstraps() -> None:
    labels, probabilities = answers(np.random.default_rng(3), 200)
    assert (probabilities.argmax(axis=1) != labels).sum() > 10
    (plain,) = studentised(log_losses(labels, probabilities)[:, np.newaxis], draws=DRAWS)
    assert log_loss_interval(labels, probabilities, (0.0, 1.0)) == (plain.low, plain.high)


def test_nothing_but_mistakes_has_an_interval() -> None:
    low, high = log_loss_interval(np.ones(3, dtype=int), np.tile([0.9, 0.1], (3, 1)), wilson(0, 3))
    assert low == high == pytest.approx(-np.log(0.1))


@pytest.mark.slow
@pytest.mark.parametrize(("gap", "sure", "n"), [(4.0, 4.0, 200), (4.0, 4.0, 50), (3.2, 3.2, 50), (2.5, 2.5, 50)])
def test_the_log_loss_of_a_good_model_is_not_promised_too_narrowly(
    gap: float, sure: float, n: int, record_property: Callable[[str, object], None]
) -> None:
    """Models that are right on 91 to 99.4 %, where the bootstrap alone covers 0.70 to 0.94; 500 samples."""
    generator = np.random.default_rng(11)
    true = log_losses(*answers(generator, 500_000, gap=gap, sure=sure)).mean()
    covered = []
    for _ in range(500):
        labels, probabilities = answers(generator, n, gap=gap, sure=sure)
        correct = probabilities.argmax(axis=1) == labels
        low, high = log_loss_interval(labels, probabilities, wilson(correct.sum(), n))
        covered.append(low <= true <= high)
    record_property("coverage", np.mean(covered))
    assert np.mean(covered) >= 0.95 - 2 * np.sqrt(0.05 * 0.95 / 500)
