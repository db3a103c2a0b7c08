"""results.json: what stands in it besides the figures of the steps."""

import os
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tellapart import results as module
from tellapart.models.recipes import RECIPES, Recipe, choose_recipes
from tellapart.results import climb_once, environment, held_against
from tellapart.schedule import Part, Schedule


def test_each_step_is_held_against_the_one_before_it() -> None:
    assert held_against(choose_recipes("majority,deeper,bottleneck")) == {"deeper": "majority", "bottleneck": "deeper"}
    assert held_against(choose_recipes("tuned")) == {}


def test_a_later_backbone_is_held_against_the_first() -> None:
    names = ("bottleneck-a", "finetuned-a", "bottleneck-b")
    rows = [replace(RECIPES["bottleneck"], name=name) for name in names]
    rows[2] = replace(rows[2], against="bottleneck-a")
    assert held_against(rows) == {"finetuned-a": "bottleneck-a", "bottleneck-b": "bottleneck-a"}
    assert held_against(rows[1:]) == {"bottleneck-b": "finetuned-a"}


@pytest.mark.parametrize("budget", [None, 60.0])
def test_steps_stand_in_the_ladders_order_however_they_are_climbed(
    budget: float | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    climbed, recipes = [], choose_recipes("majority,deeper,tuned,linear")
    parts = tuple(Part(recipe.name, 30, 1, first=recipe.transfer) for recipe in recipes)
    schedule = Schedule(parts, 1.0, budget, time.perf_counter())
    schedule.left_out["tuned"] = "tuned was left out"

    def step(recipe: Recipe, climb: Any) -> dict[str, Any] | None:  # noqa: ARG001
        climbed.append(recipe.name)
        return None if recipe.name == "tuned" else {"name": recipe.name}

    def together(_: Any, kept: Sequence[Recipe], entries: Any) -> dict[str, Any]:
        assert [recipe.name for recipe in kept] == [entry["name"] for entry in entries]
        return {"recipes": entries, "notes": [], "best": {"recipe": "linear"}}

    monkeypatch.setattr(module, "climb_in_time", step)
    monkeypatch.setattr(module, "put_together", together)
    run: Any = SimpleNamespace(schedule=schedule, listener=lambda entry: entry, run=tmp_path)
    results, _ = climb_once(recipes, run)
    ladder = ["majority", "deeper", "tuned", "linear"]
    assert climbed == (ladder if budget is None else ["linear", "majority", "deeper", "tuned"])
    assert [entry["name"] for entry in results["recipes"]] == ["majority", "deeper", "linear"]
    assert results["notes"] == ["tuned was left out"]


def test_the_environment_names_versions_and_no_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")
    told = environment()
    assert told["backend"] == "tensorflow"
    assert told["packages"]["numpy"]
    assert "/" not in str(told)


def test_the_environment_names_what_sums_depend_on() -> None:
    told = environment()
    assert told["cores"] == len(os.sched_getaffinity(0)) >= 1
    assert told["processor"]
