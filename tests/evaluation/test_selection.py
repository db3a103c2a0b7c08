"""The choice on validation, and what is said of it."""

from typing import Any

import numpy as np
import pytest

from tellapart.evaluation.comparison import Marks
from tellapart.evaluation.selection import choose

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
            "seconds": {"total": (seconds or {}).get(name, 10.0 * 3**place)},
        }
        for place, (name, mark) in enumerate(marks.items(), start=1)
    ]


def chosen(marks: dict[str, Marks], seconds: dict[str, float] | None = None) -> dict[str, str]:
    return choose(entries(marks, seconds), marks)


def test_the_best_is_chosen_where_every_cheaper_one_is_told_from_it() -> None:
    best = chosen({"baseline": marked(60), "deeper": marked(90), "augmented": marked(75)})
    assert best["recipe"] == "deeper"
    assert best["why"] == (
        "deeper is the best on the 100 validation photos (accuracy 90.0 %, log loss 0.55); every other recipe is more "
        "than 2 points less accurate there, or told by a test to be worse (5 % level). The test photos had "
        "no part in the choice."
    )


def test_the_cheapest_that_cannot_be_told_from_the_best_is_chosen() -> None:
    best = chosen({"baseline": marked(60), "bottleneck": marked(88), "finetuned": marked(90, 0.49)})
    assert best["recipe"] == "bottleneck"
    assert best["why"].startswith("finetuned is the best on the 100 validation photos (accuracy 90.0 %")
    assert "bottleneck (accuracy 88.0 %, log loss 0." in best["why"]
    assert "is within 2 points and cannot be told from it there (5 % level: p = 0.50 for accuracy, 0." in best["why"]
    assert "and took 90 seconds instead of 270: the cheapest of those is chosen. The test photos" in best["why"]


def test_a_dearer_one_is_not_chosen_for_coming_earlier() -> None:
    marks = {"tuned": marked(88), "finetuned": marked(90, 0.49)}
    best = chosen(marks, {"tuned": 300.0, "finetuned": 40.0})
    assert best["recipe"] == "finetuned"
    assert "; of the recipes that cannot be told from it there none takes less than half its time." in best["why"]


@pytest.mark.parametrize("tuned", [25.0, 40.0, 60.0, 79.0])
def test_of_about_equally_dear_ones_the_earlier_is_chosen_whatever_the_clock_says(tuned: float) -> None:
    best = chosen({"tuned": marked(88), "finetuned": marked(90, 0.49)}, {"tuned": tuned, "finetuned": 40.0})
    assert best["recipe"] == "tuned"
    if tuned > 40:
        assert f"took about as long ({tuned:.0f} seconds, 40) and comes earlier on the ladder." in best["why"]


def test_few_photos_do_not_choose_a_poor_recipe() -> None:
    """12 photos, 58 and 92 %: the test cannot tell (p = 0.125), and all the same nobody would take the first."""
    right = {"baseline": 7, "finetuned": 11}
    marks = {name: Marks(np.arange(12) < n, np.linspace(0.1, 0.5 + 0.01 * n, 12)) for name, n in right.items()}
    rows = entries(marks)
    for row in rows:
        row["valid"]["n"] = 12
    best = choose(rows, marks)
    assert best["recipe"] == "finetuned"
    assert best["why"].startswith("finetuned is the best on the 12 validation photos (accuracy 91.7 %")
    assert (
        "So few photos cannot tell baseline from it either (p = 0.12), but it is 33.3 points less accurate, "
        "too much to give up for a cheaper one." in best["why"]
    )


@pytest.mark.parametrize(("right", "level"), [(88, True), (87, False)])
def test_two_points_may_be_given_up_for_a_cheaper_one(right: int, level: bool) -> None:
    marks = {"baseline": marked(right), "finetuned": marked(90)}
    assert (chosen(marks)["recipe"] == "baseline") is level


def test_worse_probabilities_are_told_from_the_best_as_well() -> None:
    marks = {"bottleneck": marked(89, 0.8), "finetuned": marked(90, 0.5)}
    assert chosen(marks)["recipe"] == "finetuned"
    # Better ones are no reason against the cheaper recipe.
    assert chosen({"bottleneck": marked(89, 0.2), "finetuned": marked(90, 0.5)})["recipe"] == "bottleneck"


def test_copies_do_not_tell_recipes_apart() -> None:
    # Twenty photos cost the first more: they tell the log losses apart, as copies of one photo they do not.
    marks = {"baseline": Marks(np.arange(N) < 90, np.full(N, 0.5)), "deeper": marked(90)}
    marks["deeper"] = Marks(marks["baseline"].correct, marks["baseline"].losses - 0.2 * (np.arange(N) >= 80))
    assert chosen(marks)["recipe"] == "deeper"
    groups = np.arange(N)
    groups[80:] = 80
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
