import math

import numpy as np
import pytest

from tellapart.errors import UnknownNameError
from tellapart.report.curves import best_epoch_of, column, curves, epochs_of, learning_rate, number, rates_of
from tellapart.report.style import new_figure, png


def history(epochs: int) -> list[dict[str, str | float]]:
    return [
        {
            "epoch": str(epoch),
            "loss": str(1 / epoch),
            "accuracy": str(1 - 0.5 / epoch),
            "valid_loss": str(1 / epoch + 0.05 * epoch),
            "valid_accuracy": str(0.8 - 0.3 / epoch),
        }
        for epoch in range(1, epochs + 1)
    ]


def test_numbers_are_read_from_any_cell() -> None:
    assert number("0.5") == 0.5
    assert all(math.isnan(number(cell)) for cell in ("", None, "no number"))
    assert column([{"a": "1"}, {}], "a")[0] == 1


def test_epochs_that_start_anew_are_numbered_through() -> None:
    assert epochs_of([{"epoch": "3"}, {"epoch": "4"}]) == [3, 4]
    assert epochs_of([{"epoch": "1"}, {"epoch": "2"}, {"epoch": "1"}]) == [1, 2, 3]
    assert epochs_of([{"epoch": ""}, {}]) == [1, 2]


def test_the_best_epoch_is_the_said_one_or_that_of_least_loss() -> None:
    rows = history(10)
    assert best_epoch_of(rows, 7) == 7
    assert best_epoch_of(rows) == 4
    assert best_epoch_of(rows, 99) == 4
    assert best_epoch_of([]) is None
    assert best_epoch_of([{"epoch": 1, "loss": 1}]) is None


def test_both_panels_say_what_they_show() -> None:
    figure = curves("Deeper CNN", history(12), best_epoch=5)
    upper, lower = figure.axes
    legend = upper.get_legend()
    assert legend is not None
    said = {text.get_text() for text in legend.get_texts()}
    assert said == {"training photos", "validation photos", "gap: over-fitting", "best epoch: 5"}
    assert upper.get_ylabel() == "accuracy (%)"
    assert "loss" in lower.get_ylabel()
    assert "epoch" in lower.get_xlabel()
    assert "Deeper CNN" in figure.get_suptitle()


def test_training_and_validation_differ_without_colour() -> None:
    train, valid = curves("x", history(5)).axes[0].lines[:2]
    assert train.get_linestyle() != valid.get_linestyle()
    assert train.get_marker() != valid.get_marker()


@pytest.mark.parametrize("epochs", [1, 2, 300])
def test_any_number_of_epochs_can_be_drawn(epochs: int) -> None:
    assert png(curves("x", history(epochs)))


def test_cells_may_be_empty() -> None:
    rows = history(4)
    rows[1] |= {"valid_loss": "", "valid_accuracy": ""}
    assert png(curves("$x^2$ 椅子", rows))
    assert png(curves("no validation", [{"epoch": 1, "loss": 1, "accuracy": 0.5}]))


def with_rates(epochs: int, *rates: float) -> list[dict[str, str | float]]:
    each = -(-epochs // len(rates))
    return [{**row, "learning_rate": rates[at // each]} for at, row in enumerate(history(epochs))]


def test_the_learning_rate_stands_below_where_there_is_one() -> None:
    axes = curves("Deeper CNN", with_rates(9, 0.001, 0.0001, 0.00001)).axes
    assert [ax.get_ylabel() for ax in axes] == ["accuracy (%)", "loss (cross-entropy, nats)", "learning rate"]
    assert axes[2].get_yscale() == "log"
    assert np.asarray(axes[2].lines[0].get_ydata()).tolist()[::3] == [0.001, 0.0001, 0.00001]
    assert axes[2].get_xlabel().startswith("epoch")
    axes[2].figure.canvas.draw()
    assert [label.get_text() for label in axes[2].get_yticklabels()] == ["0.00001", "0.0001", "0.001"]
    assert rates_of(history(3)) == []


@pytest.mark.parametrize("what", ["accuracy", "loss", "learning_rate"])
def test_one_of_them_fits_into_given_axes(what: str) -> None:
    left, right = new_figure(4).subplots(1, 2)
    figure = curves("x", with_rates(6, 0.1), what=what, ax=left, phases=[3])
    assert figure is left.figure
    assert left.lines
    assert not right.lines
    assert any("best epoch" in str(line.get_label()) for line in left.lines)
    assert png(figure)


def test_axes_alone_get_the_accuracy() -> None:
    ax = new_figure(3).subplots()
    curves("x", history(4), ax=ax)
    assert ax.get_ylabel() == "accuracy (%)"
    (alone,) = learning_rate("x", with_rates(4, 0.5)).axes
    assert alone.get_ylabel() == "learning rate"


def test_an_unknown_panel_is_told() -> None:
    with pytest.raises(UnknownNameError, match="Accepted: accuracy, learning_rate, loss"):
        curves("x", history(3), what="acuracy")
