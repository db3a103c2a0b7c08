import numpy as np
import pytest

from tellapart.report.parallel import settings_of, tuning_parallel
from tellapart.report.style import new_figure, png


def trial(number: int, loss: float | str, state: str = "COMPLETE", **settings: float | str) -> dict[str, str | float]:
    return {"trial": number, "state": state, "valid_loss": loss, "seconds": 1.0 + number, **settings}


TRIALS = [
    trial(0, 0.9, rate=0.001, dropout=0.5, kind="adam", same=1),
    trial(1, 0.4, rate=0.01, dropout=0.1, kind="sgd", same=1),
    trial(2, 1.4, "PRUNED", rate=0.0001, dropout=0.3, kind="adam", same=1),
    trial(3, "", "FAIL", rate=0.1, dropout=0.3, kind="adam", same=1),
]


def test_settings_are_the_columns_that_differ() -> None:
    assert settings_of(TRIALS) == ["rate", "dropout", "kind"]
    assert settings_of([]) == []


def test_each_trial_with_a_loss_is_a_line_and_the_best_one_stands_out() -> None:
    (axes,) = tuning_parallel(TRIALS).axes
    lines = {str(line.get_label()): line for line in axes.lines if np.size(line.get_xdata()) == 4}
    assert set(lines) == {"ran to its end", "best", "stopped early"}
    # rate is logarithmic: 0.0001 to 0.01, the failed trial left out; the least loss lies at the left.
    assert np.asarray(lines["best"].get_xdata()) == pytest.approx([1, 0, 1, 0])
    assert np.asarray(lines["ran to its end"].get_xdata()) == pytest.approx([0.5, 1, 0, 0.5])
    assert np.asarray(lines["stopped early"].get_xdata())[-1] == 1
    assert lines["best"].get_linewidth() > lines["ran to its end"].get_linewidth()
    ends = [text.get_text() for text in axes.texts]
    assert ends == ["0.0001", "0.01 (log)", "0.1", "0.5", "adam", "sgd", "0.4", "1.4"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["rate", "dropout", "kind", "validation\nloss"]


@pytest.mark.parametrize("trials", [TRIALS[:1], TRIALS[2:3], [trial(0, 0.5, **{"$odd$ 椅子 " * 5: "😀"})] * 2])
def test_any_set_of_trials_can_be_drawn(trials: list[dict[str, str | float]]) -> None:
    assert png(tuning_parallel(trials))


def test_it_can_share_a_figure() -> None:
    left, _ = new_figure(5, width=12).subplots(1, 2)
    assert png(tuning_parallel(TRIALS, ax=left))
