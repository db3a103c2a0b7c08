from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

from tellapart.report.compare import paired_differences, side_by_side


def score(name: str, accuracy: float, backbone: str | None = None) -> dict[str, Any]:
    test = {"accuracy": accuracy, "accuracy_low": accuracy - 0.05, "accuracy_high": accuracy + 0.03}
    return {"name": name, "backbone": backbone, "test": test}


def difference(value: float, p_adjusted: float) -> dict[str, Any]:
    span = {"low": value - 0.04, "difference": value, "high": value + 0.04}
    return {"a": "one/$x$", "b": "two/baseline", "photos": 40, "p_adjusted": p_adjusted, **span}


def texts(figure: Figure) -> str:
    return "\n".join(text.get_text() for text in figure.axes[0].texts)


def test_each_score_has_its_name_and_interval() -> None:
    figure = side_by_side([score("a/baseline", 0.7), score("b/bottleneck", 0.9, "pocket")])
    (axes,) = figure.axes
    assert "a/baseline: 70.0 %" in texts(figure)
    drawn = [np.asarray(line.get_xdata()) for line in axes.lines]
    spans = [line for line in drawn if len(line) == 2]
    assert np.array(spans) == pytest.approx(np.array([[65, 73], [85, 93]]))
    legend = axes.get_legend()
    assert legend is not None
    assert {text.get_text() for text in legend.get_texts()} == {
        "pretrained backbone", "from scratch", "95 % interval",
    }  # fmt: skip


def test_what_the_test_tells_apart_is_marked() -> None:
    figure = paired_differences([difference(0.1, 0.01), difference(0.02, 1.0)])
    (axes,) = figure.axes
    assert "two/baseline less\none/$x$: +10.0 on 40 photos" in texts(figure)
    points = [line for line in axes.lines if np.size(line.get_xdata()) == 1]
    assert [line.get_marker() for line in points] == ["D", "o"]


def test_axes_of_another_figure_are_taken() -> None:
    own = Figure()
    axes = own.subplots(1, 2)
    assert side_by_side([score("a/baseline", 0.7)], ax=axes[0]) is own
    assert paired_differences([difference(0.1, 0.01)], ax=axes[1]) is own
