"""The forecast of a run, and its steps within a budget."""

import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from as_user import Notes
from tellapart import forecast as module
from tellapart.climb import Climb
from tellapart.errors import OptionError
from tellapart.forecast import after_training, climb_in_time, keep_times, plan, timed
from tellapart.models.backbones import BACKBONES
from tellapart.models.recipes import choose_recipes, on_backbones
from tellapart.models.task import Options
from tellapart.models.time_limit import OVER, time_is_over
from tellapart.schedule import Part, Schedule
from tellapart.times import Cost, key_of, read_times, remember


def climb(place: Path, **more: Any) -> Climb:
    photos: Any = SimpleNamespace(items=range(100), root=place)
    split: Any = SimpleNamespace(train=range(60), valid=range(20))
    return Climb(photos, split, Options(search_time=50.0), place / "run", place / "cache", Notes(), **more)


@pytest.fixture(autouse=True)
def speed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How often the machine was probed; the probe says that it is as the reference."""
    asked: list[int] = []

    def probed() -> float:
        asked.append(1)
        return 1.0

    monkeypatch.setattr(module, "probe", probed)
    return asked


def test_a_forecast_is_of_this_machine_where_it_has_a_record(tmp_path: Path, speed: list[int]) -> None:
    run, recipes = climb(tmp_path), choose_recipes("deeper,tuned")
    first = plan(run, recipes, None, time.perf_counter())
    assert speed == [1]
    assert not first.parts[0].known
    costs = {
        key_of("deeper", None, None): Cost(0, 0.01, 20, 0.02, 1),
        key_of("tuned", None, None): Cost(0, 0.01, 20, 0.1, 1),
    }
    remember(run.cache, {**costs, "map": Cost(0, 0, 0, 100.0, 1)})
    second = plan(run, recipes, None, time.perf_counter())
    assert speed == [1]
    deeper, tuned = second.parts
    assert (deeper.seconds, deeper.least, deeper.tail) == pytest.approx((12 + 2, 0.6 + 2, 2))
    assert (tuned.seconds, tuned.least) == pytest.approx((50 + 10, 6 + 10))
    assert second.after > first.after + 90
    few = replace(run, options=replace(run.options, epochs=2))
    assert plan(few, recipes, None, time.perf_counter()).parts[0].seconds == pytest.approx(1.2 + 2)
    with pytest.raises(OptionError, match="too short for any step"):
        plan(run, recipes, 5.0, time.perf_counter())


def test_transfer_steps_come_first_and_the_features_of_a_backbone_count_once(tmp_path: Path) -> None:
    steps = choose_recipes("majority,baseline,linear,bottleneck,finetuned")
    bound = on_backbones(steps, [BACKBONES["mobilenet_v2"]], {"mobilenet_v2": tmp_path})
    whole = {part.name: part for part in plan(climb(tmp_path), bound, None, time.perf_counter()).parts}
    assert [name for name, part in whole.items() if part.first] == ["majority", "linear", "bottleneck", "finetuned"]
    done = whole["linear"].features
    assert whole["bottleneck"].features == 0 < done
    for name in ("bottleneck", "finetuned"):
        (alone,) = plan(climb(tmp_path), [row for row in bound if row.name == name], None, time.perf_counter()).parts
        for what in ("seconds", "least", "features"):
            assert getattr(alone, what) - getattr(whole[name], what) == pytest.approx(done)


def scheduled(place: Path, budget: float | None, *, tail: float = 0.0) -> Climb:
    parts = (Part("deeper", 10, 1, tail), Part("tuned", 60, 5, tail))
    return climb(place, schedule=Schedule(parts, 10.0, budget, time.perf_counter()))


def test_a_step_that_does_not_fit_is_left_out_and_said_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "climb_step", lambda *_: pytest.fail("it was climbed"))
    run = scheduled(tmp_path, 15.0)
    (tuned,) = choose_recipes("tuned")
    assert climb_in_time(tuned, run) is None
    assert run.schedule is not None
    notes: Any = run.progress
    assert notes.lines == [run.schedule.left_out["tuned"]]


def test_a_step_is_told_when_its_time_is_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[bool, float]] = []

    def step(recipe: Any, run: Climb) -> dict[str, Any]:
        seen.append((time_is_over(), run.options.search_time))
        return {"name": recipe.name, "stopped": OVER if recipe.name == "deeper" else "all trials done"}

    monkeypatch.setattr(module, "climb_step", step)
    deeper, tuned = choose_recipes("deeper,tuned")
    for budget, tail, over in ((None, 0.0, False), (1000.0, 0.0, False), (40.0, 1000.0, True)):
        run = scheduled(tmp_path, budget, tail=tail)
        assert climb_in_time(deeper, run) is not None
        assert seen.pop()[0] is over
        assert run.schedule is not None
        assert run.schedule.cut == ([] if budget is None else ["deeper"])
    run = scheduled(tmp_path, 40.0)
    climb_in_time(tuned, run)
    over, search = seen.pop()
    assert not over
    assert search == pytest.approx(27, abs=0.5)
    assert run.schedule is not None
    assert run.schedule.cut == ["tuned"]


def test_what_a_run_took_is_kept_but_not_of_steps_that_were_cut(tmp_path: Path) -> None:
    run = scheduled(tmp_path, 40.0)
    assert run.schedule is not None
    run.schedule.cut.append("tuned")
    seconds = {"features": 0.0, "train": 6.0, "total": 8.0}
    results = {"recipes": [{"name": name, "seconds": seconds, "epochs": 5} for name in ("deeper", "tuned")]}
    keep_times(run, choose_recipes("deeper,tuned,baseline"), results, {"map": 3.0, "other": 1.0})
    assert read_times(run.cache) == {
        key_of("deeper", None, None): Cost(0, 0.02, 5, 0.02, 1),
        "map": Cost(0, 0, 0, 3.0, 1),
    }
    assert after_training(run.cache)["map"] == 3.0
    # Twice as fast with matrices is not twice as fast with all that comes after training.
    assert after_training(run.cache, 4.0)["report"] == module.AFTER["report"] / 2


def test_work_is_timed() -> None:
    assert 0.02 <= timed(lambda: time.sleep(0.02)) < 5
