"""results.json: the choice, and what is said of it."""

from typing import Any

import pytest

from tellapart.results import choose, environment


def entry(name: str, accuracy: float, log_loss: float = 0.5) -> dict[str, Any]:
    return {"name": name, "valid": {"n": 40, "accuracy": accuracy, "log_loss": log_loss}}


def test_the_highest_validation_accuracy_is_chosen() -> None:
    best = choose([entry("baseline", 0.7), entry("deeper", 0.9), entry("augmented", 0.8)])
    assert best["recipe"] == "deeper"
    assert "90.0 %" in best["why"]
    assert "before augmented (80.0 %)" in best["why"]
    assert "40 validation photos" in best["why"]


def test_of_equal_accuracies_the_lower_log_loss_is_chosen() -> None:
    best = choose([entry("baseline", 0.9, 0.6), entry("deeper", 0.9, 0.3), entry("augmented", 0.9, 0.4)])
    assert best["recipe"] == "deeper"
    assert "as augmented and baseline has" in best["why"]


def test_of_equals_the_cheaper_is_chosen() -> None:
    assert choose([entry("baseline", 0.9), entry("deeper", 0.9)])["recipe"] == "baseline"


def test_one_recipe_is_chosen_without_a_rival() -> None:
    assert "before" not in choose([entry("baseline", 0.9)])["why"]


def test_the_environment_names_versions_and_no_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")
    told = environment()
    assert told["backend"] == "tensorflow"
    assert told["packages"]["numpy"]
    assert "/" not in str(told)
