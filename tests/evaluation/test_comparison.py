from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from simulated import equally_good, softmax

from tellapart.evaluation.comparison import (
    OTHER,
    PLANNED,
    REALISTIC,
    Comparison,
    Marks,
    compare_all,
    compare_pairs,
    holm,
    marks,
    mcnemar,
    photos_needed,
    points,
    would_do,
)
from tellapart.evaluation.intervals import studentised

Record = Callable[[str, object], None]


def answers(only_a: int, only_b: int, both: int = 0, neither: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Which photos each of two recipes got right, from the four counts."""
    a = [True] * only_a + [False] * only_b + [True] * both + [False] * neither
    b = [False] * only_a + [True] * only_b + [True] * both + [False] * neither
    return np.array(a, dtype=bool), np.array(b, dtype=bool)


def marked(only_a: int, only_b: int, both: int = 0, neither: int = 0) -> dict[str, Marks]:
    """The same as marks; every photo that is right costs 0.2 nats, every other 2."""
    pair = answers(only_a, only_b, both, neither)
    return {name: Marks(correct, np.where(correct, 0.2, 2.0)) for name, correct in zip("ab", pair, strict=True)}


def signs(only_a: int, only_b: int, neither: int = 0) -> np.ndarray:
    return np.repeat([-1, 1, 0], [only_a, only_b, neither])


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
    assert mcnemar(signs(only_a, only_b)) == pytest.approx(p)
    assert mcnemar(signs(only_a, only_b, neither=59)) == pytest.approx(p)


def at_most_5_percent(rejected: list[bool]) -> bool:
    """Whether 5 % and two standard errors of the simulation hold the share."""
    return bool(np.mean(rejected) <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / len(rejected)))


def test_mcnemar_keeps_its_level_where_nothing_differs(record_property: Record) -> None:
    generator = np.random.default_rng(0)
    p_values = {both: mcnemar(signs(*both)) for both in np.ndindex(60, 60)}
    counts = generator.multinomial(200, [0.07, 0.07, 0.86], 2000)
    rejected = [p_values[int(only_a), int(only_b)] < 0.05 for only_a, only_b, _ in counts]
    record_property("rejected", np.mean(rejected))
    assert np.mean(rejected) > 0.01
    assert at_most_5_percent(rejected)


def test_the_paired_bootstrap_keeps_its_level_where_nothing_differs(record_property: Record) -> None:
    generator = np.random.default_rng(1)
    rejected: list[bool] = []
    for _ in range(20):
        pairs = [equally_good(generator, 200, 2) for _ in range(100)]
        differences = np.column_stack([pair["b"].losses - pair["a"].losses for pair in pairs])
        rejected += [mean.p_value < 0.05 for mean in studentised(differences, draws=1000)]
    record_property("rejected", np.mean(rejected))
    assert np.mean(rejected) > 0.03
    assert at_most_5_percent(rejected)


@pytest.mark.slow
def test_a_run_in_which_nothing_differs_is_told_so(record_property: Record) -> None:
    """Any verdict of a family of four recipes; 500 runs, so that the simulation itself errs by a point."""
    generator = np.random.default_rng(2)
    wrong: dict[str, list[bool]] = {PLANNED: [], OTHER: []}
    for _ in range(500):
        pairs = compare_all(equally_good(generator, 100, 4))
        for family, found in wrong.items():
            theirs = [pair for pair in pairs if pair.family == family]
            assert len(theirs) == 3
            found.append(any(pair.told_apart or pair.losses_told_apart for pair in theirs))
    record_property("family-wise", {family: float(np.mean(found)) for family, found in wrong.items()})
    assert all(at_most_5_percent(found) for found in wrong.values())
    assert any(wrong[PLANNED]), "a correction that never lets anything through tests nothing"


@pytest.mark.slow
def test_nothing_planned_is_told_wrongly_where_all_but_one_pair_are_equal(record_property: Record) -> None:
    """Strong control: a true difference, found every time, does not loosen the rest beyond 5 %."""
    generator = np.random.default_rng(12)
    wrong = []
    for _ in range(250):
        alike = equally_good(generator, 100, 4)
        poor = Marks(generator.random(100) < 0.25, np.full(100, 1.4))
        first, *rest = compare_all({"floor": poor, **alike}, planned=[("floor", "a"), ("a", "b"), ("b", "c")])
        assert first.told_apart
        wrong.append(any(p.told_apart or p.losses_told_apart for p in rest if p.family == PLANNED))
    record_property("family-wise", np.mean(wrong))
    assert at_most_5_percent(wrong)


def test_copies_have_one_vote() -> None:
    once = marked(only_a=2, only_b=9, both=40, neither=9)
    twice = {name: Marks(np.repeat(mark.correct, 2), np.repeat(mark.losses, 2)) for name, mark in once.items()}
    groups = np.repeat(np.arange(60), 2)
    (single,) = compare_pairs([("a", "b")], once)
    (copied,) = compare_pairs([("a", "b")], twice)
    (grouped,) = compare_pairs([("a", "b")], twice, groups)
    assert copied.p_value < grouped.p_value == pytest.approx(single.p_value)
    assert copied.log_loss_p_value < grouped.log_loss_p_value == pytest.approx(single.log_loss_p_value, abs=0.02)
    assert (grouped.low, grouped.high) == (single.low, single.high)


@pytest.mark.parametrize(("only_a", "only_b", "neither"), [(4, 10, 186), (12, 18, 120), (0, 4, 96)])
def test_so_many_photos_give_80_percent_power(only_a: int, only_b: int, neither: int) -> None:
    kinds = signs(only_a, only_b, neither)
    needed = photos_needed(kinds, len(kinds))
    assert needed is not None
    counts = np.random.default_rng(3).multinomial(needed, np.array([only_a, only_b, neither]) / len(kinds), 2000)
    power = np.mean([mcnemar(signs(a, b)) < 0.05 for a, b, _ in counts])
    assert 0.77 <= power <= 0.88


def test_more_photos_are_needed_at_a_stricter_level_and_for_groups() -> None:
    kinds = signs(4, 10, 186)
    needed = photos_needed(kinds, 200)
    stricter = photos_needed(kinds, 200, 0.01)
    assert needed is not None
    assert stricter is not None
    assert 1.3 * needed < stricter < 2 * needed
    assert photos_needed(kinds, 400) == pytest.approx(2 * needed, abs=1)


def test_where_no_realistic_number_of_photos_would_do() -> None:
    assert photos_needed(signs(3, 3, 10), 16) is None
    assert photos_needed(signs(0, 0, 10), 10) is None
    assert photos_needed(signs(100, 101, 99), 300) is None


@pytest.mark.parametrize(
    ("needed", "told"),
    [
        (None, "no realistic number would do"),
        (873, "about 880 would do"),
        (REALISTIC, "about 20,000 would do"),
        (7, "about 7 would do"),
    ],
)
def test_what_would_do_in_words(needed: int | None, told: str) -> None:
    assert would_do(Comparison("a", "b", 0.1, 0.0, 0.2, 0.3, photos_needed=needed)) == told


def test_holm_by_hand() -> None:
    # Times 4, 3, 2, 1 in order of size, never below the one before it.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_weighted_holm_by_hand() -> None:
    # p / weight: 0.05, 0.025, 0.15; so 0.025 x 2, then 0.05 x 1.2 (0.8 went), then 0.15 x 0.2.
    assert holm([0.05, 0.02, 0.03], [1.0, 0.8, 0.2]) == pytest.approx([0.06, 0.05, 0.06])


def test_equal_weights_are_none() -> None:
    p_values = list(np.random.default_rng(4).random(9))
    assert holm(p_values, [0.3] * 9) == pytest.approx(holm(p_values))


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
    (pair,) = compare_pairs([("a", "b")], marked(only_a=2, only_b=8, both=60, neither=30))
    assert (pair.a, pair.b) == ("a", "b")
    assert pair.difference == pytest.approx(0.06)
    assert pair.low < 0.06 < pair.high
    assert pair.p_value == pytest.approx(112 / 1024)
    assert pair.log_loss_difference == pytest.approx(-0.06 * 1.8)
    assert pair.log_loss_low < -0.06 * 1.8 < pair.log_loss_high


def test_marks_are_by_photo() -> None:
    found = marks(np.array([0, 1]), np.array([[0.8, 0.2], [0.6, 0.4]]))
    assert found.correct.tolist() == [True, False]
    assert found.losses == pytest.approx(-np.log([0.8, 0.4]))


def test_every_pair_is_compared_and_all_tests_are_corrected() -> None:
    two = marked(only_a=0, only_b=30, both=40, neither=10)
    pairs = compare_all({**two, "c": two["b"]})
    assert [(pair.a, pair.b) for pair in pairs] == [("a", "b"), ("a", "c"), ("b", "c")]
    assert [pair.family for pair in pairs] == [PLANNED, OTHER, PLANNED]
    assert [pair.tests for pair in pairs] == [4, 2, 4]
    # Two planned pairs, two scores; four fifths of the level are for accuracy.
    assert pairs[0].p_adjusted == pytest.approx(2 / 0.8 * pairs[0].p_value, abs=0)
    assert pairs[0].told_apart
    assert pairs[0].photos_needed is None
    # What the rejected test had is shared out among the rest: 0.8 + 0.2 + 0.2.
    assert pairs[0].log_loss_p_adjusted == pytest.approx(1.2 / 0.2 * pairs[0].log_loss_p_value)
    assert pairs[2].p_adjusted == pairs[2].log_loss_p_adjusted == 1.0
    assert not pairs[2].told_apart
    assert pairs[1].p_adjusted == pytest.approx(pairs[1].p_value / 0.8, abs=0)


def test_the_planned_pairs_are_those_named() -> None:
    three = dict(zip("abc", equally_good(np.random.default_rng(0), 50, 3).values(), strict=True))
    families = {(pair.a, pair.b): pair.family for pair in compare_all(three, planned=[("a", "c")])}
    assert families == {("a", "b"): OTHER, ("a", "c"): PLANNED, ("b", "c"): OTHER}


def test_pairs_that_nobody_asked_for_cost_the_planned_ones_nothing() -> None:
    two = marked(only_a=2, only_b=14, both=20, neither=12)
    crowd = equally_good(np.random.default_rng(1), 48, 5)
    alone = compare_all(two)[0]
    among = compare_all({**two, **{f"other {name}": mark for name, mark in crowd.items()}}, planned=[("a", "b")])[0]
    assert among.p_adjusted == alone.p_adjusted
    assert among.told_apart


def test_one_recipe_or_none_has_nothing_to_compare() -> None:
    assert compare_all({}) == []
    assert compare_all({"a": Marks(np.array([True]), np.array([0.1]))}) == []


def test_verdicts() -> None:
    two = marked(only_a=0, only_b=30, both=40, neither=10)
    (better,) = compare_all(two)
    assert better.verdict.startswith("b is better than a (+37.5 points, 95 % interval +")
    # 30 votes to none: how far below a thousandth such a p-value lies says nothing to a reader.
    assert better.verdict.endswith("p < 0.001 after correction)")
    (worse,) = compare_all({"a": two["b"], "b": two["a"]})
    assert worse.verdict.startswith("a is better than b (-37.5 points")
    (equal,) = compare_all({"a": two["a"], "b": two["a"]})
    assert equal.verdict == "b and a are right on the same photos, so these 80 cannot tell them apart"
    assert equal.same_marks
    assert not better.same_marks


def test_a_difference_that_chance_may_give_is_not_told_apart() -> None:
    (pair,) = compare_all(marked(only_a=4, only_b=10, both=160, neither=26))
    assert pair.difference > 0
    assert pair.photos_needed is not None
    assert pair.photos_needed > 200
    assert f"cannot be told apart with 200 photos; {would_do(pair)} (+3.0 points" in pair.verdict


def test_a_difference_that_counts_by_itself_only_is_told_as_such() -> None:
    two = marked(only_a=3, only_b=13, both=20, neither=12)
    rest = dict.fromkeys("cdefg", two["b"])
    pair = compare_all({**two, **rest})[0]
    assert pair.p_value < 0.05 <= pair.p_adjusted
    assert pair.low > 0
    assert pair.doubtful
    assert pair.verdict == (
        f"b and a cannot be told apart for certain with 48 photos: the difference (+20.8 points, 95 % interval "
        f"{100 * pair.low:+.1f} to {100 * pair.high:+.1f}) would count by itself (p = 0.021), but it is one of 12 "
        f"tests, and after correction p = {pair.p_adjusted:.2g}; {would_do(pair)}"
    )


def test_an_interval_that_the_exact_test_does_not_follow_is_explained() -> None:
    (pair,) = compare_all(marked(only_a=0, only_b=5, both=10, neither=5))
    assert pair.low > 0
    assert pair.p_value == pytest.approx(0.0625)
    assert pair.doubtful
    assert "has an interval that leaves out 0, but the exact test decides" in pair.verdict
    assert "(p = 0.062, after correction 0.0" in pair.verdict


@pytest.mark.parametrize(("only_a", "only_b"), [(4, 10), (0, 0), (0, 30)])
def test_what_is_plain_is_not_doubtful(only_a: int, only_b: int) -> None:
    (pair,) = compare_all(marked(only_a, only_b, both=100, neither=20))
    assert not pair.doubtful
    assert "by itself" not in pair.verdict


def test_probabilities_may_be_told_apart_where_answers_are_not() -> None:
    generator = np.random.default_rng(5)
    labels = generator.integers(0, 3, 200)
    logits = generator.normal(size=(200, 3)) + 1.5 * np.eye(3)[labels]
    sound, brash = marks(labels, softmax(logits)), marks(labels, softmax(6 * logits))
    (pair,) = compare_all({"brash": brash, "sound": sound})
    assert pair.difference == 0
    assert (
        "The probabilities of sound are better than those of brash all the same: its log loss is lower" in pair.verdict
    )
    (turned,) = compare_all({"sound": sound, "brash": brash})
    assert "The probabilities of sound are better" in turned.verdict


@pytest.mark.parametrize(("p", "apart"), [(0.049, True), (0.05, False), (0.2, False)])
def test_the_level_is_5_percent_after_correction(p: float, apart: bool) -> None:
    assert Comparison("a", "b", 0.1, 0.0, 0.2, 0.001, p_adjusted=p).told_apart is apart


@pytest.mark.parametrize(("p", "apart"), [(0.049, True), (0.05, False)])
def test_log_losses_have_a_level_of_their_own(p: float, apart: bool) -> None:
    pair = Comparison("a", "b", 0.1, 0.0, 0.2, 0.001, p_adjusted=1.0)
    assert replace(pair, log_loss_p_adjusted=p).losses_told_apart is apart


def test_points() -> None:
    assert points(0.0341) == "+3.4 points"
    assert points(-0.1) == "-10.0 points"
