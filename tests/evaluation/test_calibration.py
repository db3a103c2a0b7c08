import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from simulated import answers, softmax

from tellapart.evaluation.calibration import (
    BOUNDS,
    FEWEST,
    Temperature,
    calibration,
    fit_temperature,
    reliability,
    scaled,
)
from tellapart.evaluation.intervals import wilson
from tellapart.evaluation.metrics import expected_calibration_error, score

CLASSES = "abcd"


def calibrated_answers(n: int, temperature: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Labels drawn from the very probabilities, and these made too sure by a temperature."""
    generator = np.random.default_rng(seed)
    logits = 1.5 * generator.normal(size=(n, 4))
    shares = softmax(logits)
    labels = (shares.cumsum(axis=1) < generator.random((n, 1))).sum(axis=1)
    return labels, softmax(logits * temperature)


@pytest.mark.parametrize("temperature", [0.4, 1.5, 3.0])
def test_the_temperature_that_was_put_in_is_found(temperature: float) -> None:
    labels, probabilities = calibrated_answers(20_000, temperature)
    found = fit_temperature(labels, probabilities, CLASSES)
    assert found.value == pytest.approx(temperature, rel=0.03)
    assert found.why == ""
    assert found.log_loss_before == pytest.approx(score(labels, probabilities).log_loss)
    assert found.log_loss_after == pytest.approx(score(labels, scaled(probabilities, found.value)).log_loss)
    assert found.log_loss_after < found.log_loss_before - 0.01
    assert expected_calibration_error(labels, scaled(probabilities, found.value)) < 0.015


def test_it_is_the_minimum() -> None:
    labels, probabilities = answers(np.random.default_rng(0), 150, sure=2.0)
    best = fit_temperature(labels, probabilities, CLASSES)
    for other in np.geomspace(0.1, 10, 50):
        assert score(labels, scaled(probabilities, other)).log_loss >= best.log_loss_after - 1e-6


def test_where_validation_cannot_tell_it_stays_1() -> None:
    labels, probabilities = calibrated_answers(100, 3.0)
    few = fit_temperature(labels[: FEWEST - 1], probabilities[: FEWEST - 1], CLASSES)
    assert (few.value, few.why) == (1.0, "kept at 1: 19 validation photos are too few to fit it (at least 20)")
    without = labels != 2
    missing = fit_temperature(labels[without], probabilities[without], CLASSES)
    assert (missing.value, missing.why) == (1.0, "kept at 1: no validation photo of c")
    perfect = fit_temperature(probabilities.argmax(axis=1), probabilities, CLASSES)
    assert perfect.value == 1.0
    assert perfect.why.startswith("kept at 1: all validation photos are named correctly")
    assert perfect.log_loss_before == perfect.log_loss_after > 0


def test_where_it_changes_nothing_it_stays_1() -> None:
    labels = np.arange(40) % 4
    alike = fit_temperature(labels, np.tile([0.4, 0.3, 0.2, 0.1], (40, 1)), CLASSES)
    assert (alike.value, alike.why) == (1.0, "kept at 1: it answers all photos alike")
    # Two classes at 0.5 each, in one order or the other, and never a word on the others.
    unsure = np.eye(4)[labels] * 0.5 + np.eye(4)[(labels + 1) % 4] * 0.5
    found = fit_temperature(labels, unsure, CLASSES)
    assert (found.value, found.why) == (1.0, "kept at 1: no temperature gives a lower log loss")


def test_it_stays_in_its_bounds() -> None:
    labels, probabilities = answers(np.random.default_rng(1), 100)
    wrong = fit_temperature((labels + 1) % 4, probabilities, CLASSES)
    assert wrong.value == BOUNDS[1]
    assert wrong.why == "stopped at 20, the last one that is tried"
    # All right but one, and all of them as good as unsure: as sharp as it may get.
    labels = np.arange(100) % 4
    unsure = np.full((100, 4), 0.2499)
    unsure[np.arange(100), labels] += 0.0004
    unsure[0] = np.roll(unsure[0], 1)
    assert fit_temperature(labels, unsure, CLASSES).value == BOUNDS[0]


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), st.floats(0.3, 10), st.integers(2, 6))
def test_scaling_changes_no_answer_and_can_be_undone(seed: int, temperature: float, n_classes: int) -> None:
    probabilities = np.random.default_rng(seed).dirichlet(np.ones(n_classes), 20).astype(np.float32)
    there = scaled(probabilities, temperature)
    assert there.dtype == np.float32
    assert there.sum(axis=1) == pytest.approx(np.ones(20), abs=1e-6)
    sure = np.sort(probabilities, axis=1)[:, -1] - np.sort(probabilities, axis=1)[:, -2] > 1e-4
    assert (there.argmax(axis=1) == probabilities.argmax(axis=1))[sure].all()
    assert scaled(there, 1 / temperature) == pytest.approx(probabilities, abs=2e-4)


def test_scaling_divides_the_logits() -> None:
    logits = np.array([[2.0, 0.0, -1.0]])
    assert scaled(softmax(logits), 2.5) == pytest.approx(softmax(logits / 2.5), abs=1e-6)
    assert scaled(np.array([[1.0, 0.0]]), 2.0) == pytest.approx(np.array([[1.0, 1e-15]]), abs=1e-16)
    exact = np.array([[0.3, 0.7]], dtype=np.float32)
    assert (scaled(exact, 1.0) == exact).all()


def test_what_results_say() -> None:
    labels, probabilities = calibrated_answers(4000, 3.0)
    told = calibration(Temperature(3.0, 1.5, 1.0), labels, scaled(probabilities, 3.0))
    assert told["temperature"] == 3.0
    assert (told["valid_log_loss_before"], told["valid_log_loss_after"]) == (1.5, 1.0)
    assert told["ece_before"] == pytest.approx(expected_calibration_error(labels, probabilities), abs=1e-3)
    assert told["ece_after"] < 0.03
    assert told["ece_before"] > 0.15
    assert told["log_loss_before"] == pytest.approx(score(labels, probabilities).log_loss, abs=1e-3)
    assert told["log_loss_after"] < told["log_loss_before"]
    assert sum(row["n"] for row in told["bins_before"]) == sum(row["n"] for row in told["bins_after"]) == 4000


def answers_of(confidence: float, right: int, wrong: int) -> tuple[np.ndarray, np.ndarray]:
    return np.repeat([0, 1], [right, wrong]), np.tile([confidence, 1 - confidence], (right + wrong, 1))


def test_bins_by_hand_and_their_error() -> None:
    parts = [answers_of(0.9, 6, 6), answers_of(0.6, 11, 0)]
    labels, probabilities = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    low, high = reliability(labels, probabilities)
    assert [low["n"], low["confidence"], low["accuracy"]] == pytest.approx([11, 0.6, 1.0])
    assert (low["low"], low["high"]) == wilson(11, 11)
    assert [high["n"], high["confidence"], high["accuracy"]] == pytest.approx([12, 0.9, 0.5])
    error = sum(row["n"] * abs(row["accuracy"] - row["confidence"]) for row in (low, high)) / 23
    assert error == pytest.approx(expected_calibration_error(labels, probabilities))


@pytest.mark.parametrize(
    ("numbers", "wanted"),
    [((4, 3, 9, 12, 2), [16, 14]), ((20, 0, 3, 7, 11), [20, 10, 11]), ((3, 0, 0, 0, 2), [5]), ((0, 0, 0, 0, 1), [1])],
)
def test_small_bins_are_joined_with_their_neighbours(numbers: tuple[int, ...], wanted: list[int]) -> None:
    parts = [answers_of(0.55 + 0.1 * place, n, 0) for place, n in enumerate(numbers)]
    labels, probabilities = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    rows = reliability(labels, probabilities)
    assert [row["n"] for row in rows] == wanted
    assert [row["confidence"] for row in rows] == sorted(row["confidence"] for row in rows)
