import numpy as np
import pytest

from tellapart.evaluation.comparison import Comparison, compare, compare_all, holm, mcnemar, points


def answers(only_a: int, only_b: int, both: int = 0, neither: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Which photos each of two recipes got right, from the four counts."""
    a = [True] * only_a + [False] * only_b + [True] * both + [False] * neither
    b = [False] * only_a + [True] * only_b + [True] * both + [False] * neither
    return np.array(a, dtype=bool), np.array(b, dtype=bool)


@pytest.mark.parametrize(
    ("only_a", "only_b", "p"),
    [
        (0, 5, 2 / 2**5),
        (5, 0, 2 / 2**5),
        (1, 5, 2 * (1 + 6) / 2**6),
        (2, 8, 2 * (1 + 10 + 45) / 2**10),
        (3, 3, 1.0),
        (0, 0, 1.0),
    ],
)
def test_mcnemar_by_hand(only_a: int, only_b: int, p: float) -> None:
    assert mcnemar(*answers(only_a, only_b)) == pytest.approx(p)
    assert mcnemar(*answers(only_a, only_b, both=50, neither=9)) == pytest.approx(p)


def test_mcnemar_keeps_its_level_where_nothing_differs() -> None:
    generator = np.random.default_rng(0)
    told = [mcnemar(*(generator.random((2, 80)) < 0.8)) < 0.05 for _ in range(400)]
    assert np.mean(told) <= 0.07


def test_holm_by_hand() -> None:
    # Times 4, 3, 2, 1 in order of size, never below the one before it.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_holm_ends_at_1_and_with_nothing() -> None:
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([0.02]) == [0.02]
    assert holm([]) == []


def test_holm_is_never_below_what_it_corrects() -> None:
    p_values = np.random.default_rng(0).random(20)
    adjusted = holm(list(p_values))
    assert all(after >= before for before, after in zip(p_values, adjusted, strict=True))
    assert sorted(adjusted) == [adjusted[place] for place in np.argsort(p_values)]


def test_a_comparison_is_b_less_a() -> None:
    pair = compare("baseline", "deeper", *answers(only_a=2, only_b=8, both=60, neither=30))
    assert (pair.a, pair.b) == ("baseline", "deeper")
    assert pair.difference == pytest.approx(0.06)
    assert pair.low < 0.06 < pair.high
    assert pair.p_value == pytest.approx(112 / 1024)


def test_every_pair_is_compared_and_corrected() -> None:
    a, b = answers(only_a=0, only_b=30, both=40, neither=10)
    pairs = compare_all({"a": a, "b": b, "c": b.copy()})
    assert [(pair.a, pair.b) for pair in pairs] == [("a", "b"), ("a", "c"), ("b", "c")]
    assert pairs[0].p_adjusted == pytest.approx(3 * pairs[0].p_value)
    assert pairs[0].told_apart
    assert pairs[2].p_adjusted == 1.0
    assert not pairs[2].told_apart


def test_one_recipe_or_none_has_nothing_to_compare() -> None:
    assert compare_all({}) == []
    assert compare_all({"a": np.array([True])}) == []


def test_verdicts() -> None:
    low, high = answers(only_a=0, only_b=30, both=40, neither=10)
    (better,) = compare_all({"a": low, "b": high})
    assert better.verdict.startswith("b is better than a (+37.5 points, 95 % interval +")
    assert "after correction" in better.verdict
    (worse,) = compare_all({"a": high, "b": low})
    assert worse.verdict.startswith("a is better than b (-37.5 points")
    (equal,) = compare_all({"a": low, "b": low})
    assert equal.verdict == ("b and a cannot be told apart with 80 photos (+0.0 points, 95 % interval +0.0 to +0.0)")


def test_a_difference_that_chance_may_give_is_not_told_apart() -> None:
    (pair,) = compare_all(dict(zip("ab", answers(only_a=2, only_b=8, both=60, neither=30), strict=True)))
    assert pair.difference > 0
    assert "cannot be told apart with 100 photos" in pair.verdict


@pytest.mark.parametrize(("p", "apart"), [(0.049, True), (0.05, False), (0.2, False)])
def test_the_level_is_5_percent_after_correction(p: float, apart: bool) -> None:
    assert Comparison("a", "b", 0.1, 0.0, 0.2, 0.001, p_adjusted=p).told_apart is apart


def test_points() -> None:
    assert points(0.0341) == "+3.4 points"
    assert points(-0.1) == "-10.0 points"
