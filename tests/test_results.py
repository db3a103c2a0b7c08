"""results.json: what stands in it besides the figures of the steps."""

import os
from dataclasses import replace

import pytest

from tellapart.models.recipes import RECIPES, choose_recipes
from tellapart.results import environment, held_against


def test_each_step_is_held_against_the_one_before_it() -> None:
    assert held_against(choose_recipes("majority,deeper,bottleneck")) == {"deeper": "majority", "bottleneck": "deeper"}
    assert held_against(choose_recipes("tuned")) == {}


def test_a_later_backbone_is_held_against_the_first() -> None:
    names = ("bottleneck-a", "finetuned-a", "bottleneck-b")
    rows = [replace(RECIPES["bottleneck"], name=name) for name in names]
    rows[2] = replace(rows[2], against="bottleneck-a")
    assert held_against(rows) == {"finetuned-a": "bottleneck-a", "bottleneck-b": "bottleneck-a"}
    assert held_against(rows[1:]) == {"bottleneck-b": "finetuned-a"}


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
