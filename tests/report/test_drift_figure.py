from typing import Any

import numpy as np

from tellapart.report.drift_figure import drift
from tellapart.report.style import new_figure, png


def measure(title: str, verdict: str, *, drifts: bool, places: tuple[float, ...] = (0.1, 0.25, 0.5, 0.75, 0.9)) -> Any:
    return {"title": title, "verdict": verdict, "drifts": drifts, "places": list(places)}


def test_every_measure_has_its_row() -> None:
    figure = drift(
        [
            measure("brightness", "darker", drifts=True, places=(0.0, 0.01, 0.02, 0.1, 0.2)),
            measure("contrast", "alike", drifts=False),
        ]
    )
    (axes,) = figure.axes
    texts = [text.get_text() for text in axes.texts]
    assert texts == ["brightness: darker", "contrast: alike"]
    weights = [text.get_fontweight() for text in axes.texts]
    assert weights == ["bold", "normal"]
    legend = axes.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == [
        "differs",
        "alike",
        "half of the new photos",
        "four fifths",
    ]
    marks = [line for line in axes.lines if line.get_marker() in ("D", "o")]
    medians = [float(at[0]) for at in (np.asarray(line.get_xdata(), dtype=float) for line in marks) if len(at)]
    assert medians == [2.0, 50.0]
    assert png(figure)


def test_it_can_be_drawn_into_axes() -> None:
    figure = new_figure(4)
    axes = figure.subplots()
    assert drift([measure("brightness", "alike", drifts=False)], ax=axes) is figure
    assert axes.get_title(loc="left")
