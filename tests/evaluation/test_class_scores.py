import math

import numpy as np
import pytest

from tellapart.evaluation.class_scores import class_changes, class_fares
from tellapart.evaluation.intervals import wilson
from tellapart.evaluation.metrics import test_score as score_of_test

CLASSES = ["bed", "chair", "sofa"]


def answers(n: int, skill: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    labels = random.integers(0, 3, n)
    return labels, np.where(random.random(n) < skill, labels, random.integers(0, 3, n))


def test_the_shares_are_those_of_the_other_scores() -> None:
    labels, said = answers(300, 0.6)
    fares = class_fares(labels, said, CLASSES)
    score = score_of_test(labels, np.eye(3)[said])
    assert np.mean([fare.f1.value for fare in fares]) == pytest.approx(score.macro_f1)
    assert np.mean([fare.recall.value for fare in fares]) == pytest.approx(score.balanced_accuracy)
    assert [fare.name for fare in fares] == CLASSES
    assert sum(fare.photos for fare in fares) == sum(fare.said for fare in fares) == 300
    for fare in fares:
        for share in (fare.recall, fare.precision, fare.f1):
            assert 0 <= share.low < share.value < share.high <= 1
    first = fares[0]
    assert (first.recall.low, first.recall.high) == wilson(round(first.recall.value * first.photos), first.photos)


def test_all_right_and_nothing_right_have_intervals_too() -> None:
    labels = np.repeat([0, 1], 10)
    whole = class_fares(labels, labels, ["a", "b"])[0].f1
    assert (whole.value, whole.high) == (1, 1)
    assert 0.7 < whole.low < 1
    none = class_fares(labels, 1 - labels, ["a", "b"])[0].f1
    assert (none.value, none.low) == (0, 0)
    assert 0 < none.high < 0.4


def test_a_class_that_is_not_there_or_never_said_has_no_share() -> None:
    fare = class_fares(np.array([0, 0, 1]), np.array([0, 0, 0]), CLASSES)
    assert math.isnan(fare[2].recall.value)
    assert math.isnan(fare[2].f1.value)
    assert math.isnan(fare[1].precision.low)
    assert fare[1].f1.value == 0
    assert fare[0].precision.value == pytest.approx(2 / 3)


def test_copies_widen_the_intervals() -> None:
    labels, said = answers(60, 0.7)
    alone = class_fares(labels, said, CLASSES)
    many = class_fares(np.repeat(labels, 4), np.repeat(said, 4), CLASSES, np.repeat(np.arange(60), 4))
    for one, copied in zip(alone, many, strict=True):
        assert copied.recall.value == pytest.approx(one.recall.value)
        assert copied.f1.high - copied.f1.low == pytest.approx(one.f1.high - one.f1.low, abs=0.03)


def test_the_intervals_of_f1_hold_the_truth() -> None:
    # Of very many photos the F1 is the truth; of 80 photos its interval should hold it 19 times in 20.
    labels, said = answers(200_000, 0.7, seed=1)
    truth = [fare.f1.value for fare in class_fares(labels, said, CLASSES)]
    held = 0
    for start in range(0, 80 * 250, 80):
        part = slice(start, start + 80)
        fares = class_fares(labels[part], said[part], CLASSES)
        held += sum(fare.f1.low <= true <= fare.f1.high for fare, true in zip(fares, truth, strict=True))
    assert 0.93 <= held / 750 <= 0.975


def test_a_change_that_chance_makes_is_not_real() -> None:
    labels, said = answers(120, 0.5)
    better = np.where(labels == 1, 1, said)
    changes = class_changes(labels, [said, said, better], 3)
    assert all(math.isnan(row[0].change) for row in changes)
    assert [row[1].change for row in changes] == [0, 0, 0]
    assert not any(row[1].real for row in changes)
    assert [row[2].real for row in changes] == [False, True, False]
    assert changes[1][2].recall == 1
    assert changes[1][2].change == pytest.approx(1 - changes[1][1].recall)


def test_copies_have_one_vote_and_a_class_without_photos_none() -> None:
    labels = np.zeros(12, dtype=int)
    before, after = np.ones(12, dtype=int), np.zeros(12, dtype=int)
    assert class_changes(labels, [before, after], 2)[0][1].real
    row, empty = class_changes(labels, [before, after], 2, np.repeat([0, 1], 6))
    assert not row[1].real
    assert row[1].change == 1
    assert math.isnan(empty[1].recall)
    assert not empty[1].real


def test_by_chance_hardly_any_change_is_called_real() -> None:
    random = np.random.default_rng(3)
    called = 0
    for _ in range(60):
        labels = random.integers(0, 4, 100)
        steps = [np.where(random.random(100) < 0.7, labels, (labels + 1) % 4) for _ in range(5)]
        called += any(cell.real for row in class_changes(labels, steps, 4) for cell in row)
    assert called <= 6
