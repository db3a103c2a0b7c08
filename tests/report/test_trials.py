import numpy as np
import pytest

from tellapart.report.style import new_figure, png
from tellapart.report.trials import tuning_history, tuning_importance, with_loss


def trial(number: int, state: str, loss: float | None) -> dict[str, str | float]:
    return {"trial": str(number), "state": state, "valid_loss": "" if loss is None else str(loss)}


TRIALS = [
    trial(0, "COMPLETE", 0.9),
    trial(1, "PRUNED", 1.4),
    trial(2, "FAIL", None),
    trial(3, "COMPLETE", 0.7),
    trial(4, "PRUNED", None),
]


def test_only_trials_with_a_loss_are_drawn() -> None:
    assert with_loss(TRIALS, "PRUNED") == [(1, 1.4)]
    assert with_loss(TRIALS, "FAIL") == []


def test_best_so_far_and_pruned_trials_are_named() -> None:
    axes = tuning_history(TRIALS).axes[0]
    legend = axes.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == [
        "best so far",
        "ran to its end",
        "stopped early",
    ]
    assert np.asarray(axes.lines[0].get_ydata()).tolist() == [0.9, 0.7, 0.7]


@pytest.mark.parametrize(
    "trials", [TRIALS, TRIALS[:1], TRIALS[1:2], [trial(0, "COMPLETE", 0.01), trial(1, "COMPLETE", 50)]]
)
def test_any_set_of_trials_can_be_drawn(trials: list[dict[str, str | float]]) -> None:
    assert png(tuning_history(trials))


def test_the_longest_bar_stands_at_the_top() -> None:
    rows = [
        {"parameter": "dropout", "importance": "0.2"},
        {"parameter": "learning_rate", "importance": "0.8"},
    ]
    axes = tuning_importance(rows).axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["dropout", "learning rate"]
    assert "%" in axes.get_xlabel()


@pytest.mark.parametrize("importance", ["", "0", "nan", "1"])
def test_odd_importances_are_drawn(importance: str) -> None:
    assert png(tuning_importance([{"parameter": "$a_b$ 椅子 " * 9, "importance": importance}]))


def test_they_can_share_a_figure() -> None:
    left, right = new_figure(5, width=12).subplots(1, 2)
    tuning_history(TRIALS, ax=left)
    assert png(tuning_importance([{"parameter": "a", "importance": 1.0}], ax=right))
