from dataclasses import replace

import pytest

from tellapart.evaluation.comparison import Comparison
from tellapart.evaluation.lessons import Step, lesson
from tellapart.evaluation.metrics import Score, TestScore

ASKS = "Did depth help?"


def step(name: str, train: float, test: float, judged_by: str = "test") -> Step:
    spans = (0.0, 1.0) * 4  # no lesson is drawn from them
    scores = TestScore(100, test, 0.5, test - 0.1, test + 0.1, test, 0.05, [], test, *spans)
    return Step(name, ASKS, judged_by, Score(400, train, 0.1), scores)


def pair(difference: float, p: float) -> Comparison:
    return Comparison("baseline", "deeper", difference, difference - 0.05, difference + 0.05, p, p)


def test_the_first_step_has_nothing_before_it() -> None:
    assert lesson(None, step("majority", 0.25, 0.25), None) == "It is right on 25.0 % of 100 test photos."


def test_a_step_that_bought_something() -> None:
    told = lesson(step("baseline", 0.9, 0.6), step("deeper", 0.95, 0.75), pair(0.15, 0.001))
    assert told == (
        f"{ASKS} Yes. From baseline to deeper training accuracy went from 90.0 % to 95.0 % and test accuracy "
        "from 60.0 % to 75.0 %. The gap between the two closed from 30 to 20 points. "
        "So it bought 15.0 points on test photos, more than chance would give."
    )


def test_a_step_that_cost_something() -> None:
    told = lesson(step("baseline", 0.8, 0.7), step("deeper", 0.95, 0.5), pair(-0.2, 0.001))
    assert told.startswith(f"{ASKS} No. ")
    assert "The gap between the two widened from 10 to 45 points." in told
    assert told.endswith("So it cost 20.0 points on test photos, more than chance would take.")


def test_a_step_that_cannot_be_told_apart() -> None:
    told = lesson(step("baseline", 0.9, 0.705), step("deeper", 0.92, 0.73), pair(0.025, 0.4))
    assert told.startswith(f"{ASKS} These test photos cannot tell. ")
    assert "The gap between the two stayed at about 19 points." in told
    assert told.endswith(
        "On test photos the difference of +2.5 points (95 % interval -2.5 to +7.5) could be chance: "
        "100 photos cannot tell the two apart; no realistic number would do."
    )


@pytest.mark.parametrize(("difference", "answer"), [(0.2, "It seems so"), (-0.2, "It seems not")])
def test_a_step_that_differs_by_itself_only(difference: float, answer: str) -> None:
    doubtful = replace(pair(difference, 0.01), p_adjusted=0.07, tests=12)
    told = lesson(step("baseline", 0.9, 0.6), step("deeper", 0.9, 0.6 + difference), doubtful)
    assert told.startswith(f"{ASKS} {answer}, but these test photos cannot tell for certain. From baseline")
    assert told.endswith(
        " would count by itself (p = 0.01), but it is one of 12 tests, and after correction p = 0.07: "
        "100 photos do not settle it; no realistic number would do."
    )
    assert "could be chance" not in told


@pytest.mark.parametrize(
    ("judged_by", "train", "test", "answer"),
    [
        ("training", 0.95, 0.6, "Yes."),
        ("training", 0.90, 0.9, "No."),
        ("training", 0.80, 0.9, "No."),
        ("gap", 0.85, 0.7, "Yes."),
        ("gap", 0.99, 0.6, "No."),
        ("gap", 0.90, 0.6, "No."),
    ],
)
def test_the_question_is_answered_by_what_it_asks_about(judged_by: str, train: float, test: float, answer: str) -> None:
    told = lesson(step("baseline", 0.9, 0.6), step("deeper", train, test, judged_by), pair(test - 0.6, 0.5))
    assert told.startswith(f"{ASKS} {answer} From")


def test_the_gap_is_what_was_learned_by_heart() -> None:
    assert step("deeper", 0.95, 0.7).gap == pytest.approx(0.25)


def test_two_that_are_right_on_the_same_photos() -> None:
    same = Comparison("augmented", "tuned", 0.0, 0.0, 0.0, 1.0, 1.0)
    told = lesson(step("augmented", 0.9, 0.6), step("tuned", 0.9, 0.6), same)
    assert told.endswith("Both are right on the same test photos.")
