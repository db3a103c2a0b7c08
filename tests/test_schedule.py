"""How steps share a time, by a clock that only the tests move."""

import pytest

from tellapart.errors import OptionError
from tellapart.schedule import Part, Schedule, share_out

CHEAP, MIDDLE, SEARCH = Part("linear", 10, 5, tail=2), Part("deeper", 60, 10, tail=5), Part("tuned", 300, 20, tail=5)
MAJORITY = Part("majority", 0.5, 0.5)


class Clock:
    """Seconds that are set."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def schedule(budget: float | None, clock: Clock, *parts: Part, after: float = 20) -> Schedule:
    return Schedule(parts or (MAJORITY, MIDDLE, SEARCH, CHEAP), after, budget, 0.0, clock)


def test_cheap_steps_get_what_they_need_and_dear_ones_share_the_rest() -> None:
    assert share_out([MIDDLE, SEARCH, CHEAP], 100) == {"linear": 10, "deeper": 45, "tuned": 45}
    assert share_out([MIDDLE, SEARCH, CHEAP], 170) == {"linear": 10, "deeper": 60, "tuned": 100}


def test_where_there_is_more_than_all_need_each_gets_more() -> None:
    assert share_out([MIDDLE, CHEAP], 140) == pytest.approx({"linear": 20, "deeper": 120})


def test_the_dearest_that_does_not_fit_is_left_out_and_the_others_gain() -> None:
    assert share_out([MIDDLE, SEARCH, CHEAP], 40) == {"linear": 10, "deeper": 30}
    assert share_out([MIDDLE, SEARCH, CHEAP], 8) == {"linear": 8}
    assert share_out([MIDDLE, SEARCH, CHEAP], 4) == {}


def test_a_forecast_has_a_range_that_is_wider_where_the_machine_is_unknown() -> None:
    unknown, known = Part("a", 100, 10, features=40), Part("a", 100, 10, features=40, known=True)
    clock = Clock()
    clock.now = 8
    one, other = (schedule(None, clock, part) for part in (unknown, known))
    assert one.seconds == other.seconds == 128
    assert one.range[0] < other.range[0] < 128 < other.range[1] < one.range[1]
    assert one.told().replace("\xa0", " ").startswith("Forecast: 2 min 08 s (")
    assert "Budget" not in one.told()
    assert "Budget" in schedule(300, clock).told()


def test_without_a_budget_nothing_is_limited() -> None:
    plan = schedule(None, Clock())
    plan.check()
    assert plan.before("tuned") == plan.left == float("inf")
    assert plan.fitting({"map": 1e9, "report": 1e9})("map")


def test_a_budget_in_which_nothing_fits_is_refused_before_training() -> None:
    with pytest.raises(OptionError, match=r"too short for any step: the least takes about 31.s.*--budget"):
        schedule(30, Clock()).check()
    schedule(32, Clock()).check()
    schedule(27, Clock(), MAJORITY).check()


def test_steps_are_given_what_is_left_at_their_turn() -> None:
    clock = Clock()
    plan = schedule(126.5, clock)
    assert plan.before("majority") == 0.5
    assert plan.before("deeper") == pytest.approx(45.25)
    clock.now = 80  # it took longer than it was given
    assert plan.before("tuned") is None
    assert list(plan.left_out) == ["tuned"]
    assert "tuned was left out: it takes 20" in plan.left_out["tuned"].replace("\xa0", " ")
    given = plan.before("linear")
    assert given == pytest.approx(126.5 - 80 - 1.3 * 20)


def test_a_slow_step_makes_those_to_come_dearer() -> None:
    plan = schedule(126.5, Clock())
    plan.done(40, 45)
    plan.done(3, 1)
    assert plan.slower == 1
    plan.done(60, 40)
    assert plan.slower == 1.5
    assert plan.part("linear") == Part("linear", 15, 7.5, tail=3)
    assert plan.before("deeper") == pytest.approx((126.5 - 1.3 * 1.5 * 20 - 15) / 2)
    plan.done(1000, 40)
    assert plan.slower == 2.25


def test_pictures_that_do_not_fit_before_the_report_are_noted() -> None:
    clock = Clock()
    fits = (plan := schedule(100, clock)).fitting({"map": 10, "inside": 40, "report": 10})
    clock.now = 50
    assert fits("map")
    assert not fits("inside")
    assert plan.unexplained == ["The report goes without the look inside: the time was over."]


def test_what_is_kept_and_told_afterwards() -> None:
    clock = Clock()
    plan = schedule(600, clock)
    plan.cut.append("tuned")
    clock.now = 400
    told = plan.as_json(10)
    assert (told["seconds"], told["took"], told["budget"], told["cut"]) == (390.5, 410, 600, ["tuned"])
    assert told["steps"] == {"majority": 0.5, "deeper": 60, "tuned": 300, "linear": 10}
    assert plan.told_after().replace("\xa0", " ") == "Forecast 6 min 30 s; took 6 min 40 s of a budget of 10 min"
