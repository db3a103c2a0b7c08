"""results.json: the choice, and what is said of it."""

from typing import Any

import numpy as np
import pytest

from tellapart.evaluation.comparison import Marks
from tellapart.results import choose, environment

N = 100


def marked(right: int, loss: float = 0.5, *, first: int = 0, spread: float = 0.3) -> Marks:
    """Marks on 100 photos: so many right from the photo `first` on; log losses about `loss`, each recipe's own."""
    generator = np.random.default_rng(right + 1000 * first + int(10_000 * loss))
    return Marks(np.roll(np.arange(N) < right, first), loss + spread * generator.normal(size=N))


def entries(marks: dict[str, Marks], seconds: dict[str, float] | None = None) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "valid": {"n": N, "accuracy": mark.correct.mean(), "log_loss": mark.losses.mean()},
            "seconds": {"total": (seconds or {}).get(name, 10.0 * place)},
        }
        for place, (name, mark) in enumerate(marks.items(), start=1)
    ]


def chosen(marks: dict[str, Marks], seconds: dict[str, float] | None = None) -> dict[str, str]:
    return choose(entries(marks, seconds), marks)


def test_the_best_is_chosen_where_every_cheaper_one_is_told_from_it() -> None:
    best = chosen({"baseline": marked(60), "deeper": marked(90), "augmented": marked(75)})
    assert best["recipe"] == "deeper"
    assert best["why"] == (
        "deeper is the best on the 100 validation photos (accuracy 90.0 %, log loss 0.55); no cheaper recipe comes so "
        "near that these photos cannot tell it from deeper (5 % level). The test photos had no part in the choice."
    )


def test_the_cheapest_that_cannot_be_told_from_the_best_is_chosen() -> None:
    best = chosen({"baseline": marked(60), "bottleneck": marked(88), "finetuned": marked(90, 0.49)})
    assert best["recipe"] == "bottleneck"
    assert best["why"].startswith("finetuned is the best on the 100 validation photos (accuracy 90.0 %")
    assert "bottleneck (accuracy 88.0 %, log loss 0." in best["why"]
    assert "cannot be told from it there (5 % level: p = 0.50 for accuracy, 0." in best["why"]
    assert "and took 20 seconds instead of 30: the cheapest of those is chosen. The test photos" in best["why"]


def test_a_dearer_one_is_not_chosen_for_coming_earlier() -> None:
    marks = {"tuned": marked(88), "finetuned": marked(90, 0.49)}
    assert chosen(marks, {"tuned": 300.0, "finetuned": 40.0})["recipe"] == "finetuned"
    assert chosen(marks, {"tuned": 40.0, "finetuned": 40.0})["recipe"] == "tuned"


def test_worse_probabilities_are_told_from_the_best_as_well() -> None:
    marks = {"bottleneck": marked(89, 0.8), "finetuned": marked(90, 0.5)}
    assert chosen(marks)["recipe"] == "finetuned"
    # Better ones are no reason against the cheaper recipe.
    assert chosen({"bottleneck": marked(89, 0.2), "finetuned": marked(90, 0.5)})["recipe"] == "bottleneck"


def test_copies_do_not_tell_recipes_apart() -> None:
    marks = {"baseline": marked(84), "deeper": marked(90)}
    marks = {name: Marks(mark.correct, np.full(N, 0.5)) for name, mark in marks.items()}
    assert chosen(marks)["recipe"] == "deeper"
    groups = np.arange(N)
    groups[84:90] = 84
    assert choose(entries(marks), marks, groups)["recipe"] == "baseline"


def test_of_equal_accuracies_the_lower_log_loss_is_the_best() -> None:
    best = chosen({"deeper": marked(90, 0.9), "augmented": marked(90, 0.3)})
    assert best["why"].startswith("augmented is the best")


def test_the_floor_is_chosen_only_where_nothing_is_better() -> None:
    level = {"majority": marked(49), "baseline": marked(50)}
    assert chosen(level)["recipe"] == "baseline"
    assert chosen({"majority": marked(50), "baseline": marked(30)})["recipe"] == "majority"


def test_one_recipe_is_chosen_without_a_rival() -> None:
    best = chosen({"baseline": marked(90)})
    assert best["recipe"] == "baseline"
    assert "told" not in best["why"]


def test_the_environment_names_versions_and_no_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")
    told = environment()
    assert told["backend"] == "tensorflow"
    assert told["packages"]["numpy"]
    assert "/" not in str(told)
