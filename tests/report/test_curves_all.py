import numpy as np
from test_curves import history

from tellapart.report.curves_all import curves_all
from tellapart.report.style import png


def test_each_recipe_has_a_row_on_the_same_scales() -> None:
    figure = curves_all([("baseline", history(5), 3), ("deeper", history(12), None), ("tuned", history(9), 99)])
    assert len(figure.axes) == 6
    assert [ax.get_title(loc="left") for ax in figure.axes[::2]] == ["baseline", "deeper", "tuned"]
    assert {ax.get_ylim() for ax in figure.axes[::2]} == {(0.0, 103.0)}
    assert len({ax.get_ylim() for ax in figure.axes[1::2]}) == 1
    assert all(ax.get_xlim()[1] >= 12 for ax in figure.axes)
    assert png(figure) == png(
        curves_all([("baseline", history(5), 3), ("deeper", history(12), None), ("tuned", history(9), 99)])
    )


def test_the_best_epoch_and_the_curves_of_the_others_are_drawn() -> None:
    figure = curves_all([("a", history(5), 3), ("b", history(8), 6)])
    first = figure.axes[0]
    # The other recipe, training, validation, the best epoch.
    assert [np.size(line.get_xdata()) for line in first.lines] == [8, 5, 5, 2]
    assert np.asarray(first.lines[-1].get_xdata()).tolist() == [3, 3]
    said = [text.get_text() for text in figure.legends[0].get_texts()]
    assert said == [
        "training photos",
        "validation photos",
        "best epoch",
        "gap: over-fitting",
        "validation of the others",
    ]


def test_one_recipe_and_odd_names_can_be_drawn() -> None:
    figure = curves_all([("$x^2$ 椅子 " * 9, history(1), None)])
    assert len(figure.legends[0].get_texts()) == 4
    assert png(figure)


def test_a_first_epoch_far_above_all_others_does_not_flatten_them() -> None:
    rows = history(6)
    rows[0]["loss"] = 900.0
    (_, loss) = curves_all([("a", rows, None)]).axes
    assert loss.get_ylim()[1] < 3
