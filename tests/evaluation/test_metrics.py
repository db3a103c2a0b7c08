import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, log_loss

from photo_maker import photo
from tellapart.evaluation.metrics import SMALLEST, evaluate, expected_calibration_error, score, test_score
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
        f1_score(labels, predicted, labels=numbers, average="macro", zero_division=0.0)
    )
    assert found.confusion == confusion_matrix(labels, predicted, labels=numbers).tolist()
    assert 0 <= found.ece <= 1
    plain = score(labels, probabilities)
    assert (plain.n, plain.accuracy, plain.log_loss) == (found.n, found.accuracy, found.log_loss)


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

    found = evaluate(answer, HeldOutPhotos(photos), ("chair", "table"))  # type: ignore[arg-type]
    assert asked == [photos]
    assert found.photos == photos
    assert found.labels.tolist() == [1, 0, 1]
    assert found.score.accuracy == pytest.approx(2 / 3)
    assert found.score.confusion == [[1, 0], [1, 1]]
