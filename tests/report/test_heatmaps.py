"""Heat maps on photos."""

import numpy as np
import pytest

from tellapart.report.heatmaps import Panel, heatmap, heatmaps, measured, overlay, said, smoothed, strengths
from tellapart.report.style import new_figure, png

PHOTO = np.full((30, 40, 3), 200, dtype=np.uint8)
HEAT = np.zeros((30, 40))
HEAT[5:10, 20:30] = 2.0
HEAT[20:25, 5:10] = -3.0


def test_the_strongest_place_is_one_and_what_is_negative_is_nothing() -> None:
    assert strengths(HEAT).max() == 1
    assert strengths(HEAT)[22, 7] == 0
    assert strengths(-np.ones((3, 3))).max() == 0
    assert smoothed(HEAT).shape == HEAT.shape


def test_a_photo_is_dimmed_where_the_map_is_low_and_coloured_where_it_is_high() -> None:
    drawn = overlay(PHOTO, HEAT)
    assert drawn.shape == PHOTO.shape
    assert drawn[0, 0].max() < 200
    assert not np.array_equal(drawn[7, 25], drawn[0, 0])
    assert len(set(drawn[0, 0].tolist())) == 1


def test_figures_are_drawn_alone_into_given_axes_and_side_by_side() -> None:
    ax = new_figure(3).subplots()
    assert heatmap(PHOTO, HEAT, ax=ax) is ax.get_figure()
    panels = [Panel("Grad-CAM", HEAT, "says $bed\n90 % sure"), Panel("Majority", None), *[Panel("x", HEAT)] * 4]
    figure = heatmaps("What speaks for “<b>$x^2$”", PHOTO, panels, "words")
    assert len(figure.axes) == 1 + len(panels) + 1
    assert png(figure) == png(heatmaps("What speaks for “<b>$x^2$”", PHOTO, panels, "words"))


@pytest.mark.parametrize(("middle", "words"), [(None, "nothing speaks for it"), (0.25, "25 % central")])
def test_the_figures_under_a_map_are_told(middle: float | None, words: str) -> None:
    assert measured({"in_middle": middle}) == words
    assert measured({"in_middle": middle, "against": 0.5}) == f"{words}\n50 % against"
    assert said({"predicted": "bed", "probability": 0.875}) == "says bed\n88 % sure"
