from typing import Any

import numpy as np
import pytest

from tellapart.report.heatmaps import Panel, heatmap, heatmaps, measured, overlay, said, smoothed, strengths
from tellapart.report.style import INCHES, new_figure, png


def photo(height: int = 60, width: int = 90) -> np.ndarray:
    return np.full((height, width, 3), 120, dtype=np.uint8)


def spot(height: int = 60, width: int = 90) -> np.ndarray:
    heat = np.zeros((height, width), dtype=np.float32)
    heat[10:20, 60:80] = 2.0
    heat[40:, :10] = -5.0
    return heat


def test_an_overlay_is_bright_where_the_map_is_high_and_dim_elsewhere() -> None:
    shown = overlay(photo(), spot())
    light = shown @ np.array([0.299, 0.587, 0.114])
    assert shown.shape == (60, 90, 3)
    assert shown.dtype == np.uint8
    assert light[15, 70] > 150
    assert light[30, 45] < 80
    # What is negative is not drawn.
    assert np.array_equal(shown[50, 5], shown[30, 45])


def test_lightness_rises_with_the_map_so_that_greyscale_keeps_it() -> None:
    ramp = np.tile(np.linspace(0, 1, 200), (20, 1))
    light = overlay(photo(20, 200), ramp) @ np.array([0.299, 0.587, 0.114])
    assert (np.diff(light[10][10:]) >= -1.5).all()
    assert light[10, -1] - light[10, 0] > 80


def test_strengths_are_shares_of_the_top_and_few_pixels_do_not_pale_the_rest() -> None:
    heat = np.ones((100, 100))
    heat[0, 0] = 1000
    assert strengths(heat)[50, 50] == 1
    assert strengths(np.zeros((4, 4))).max() == 0
    assert strengths(-np.ones((4, 4))).max() == 0
    lone = np.zeros((100, 100))
    lone[3, 3] = 2
    assert strengths(lone)[3, 3] == 1


def test_smoothing_keeps_the_place_and_drops_the_negative() -> None:
    smooth = smoothed(spot())
    assert smooth.min() >= 0
    assert np.unravel_index(smooth.argmax(), smooth.shape)[0] in range(10, 20)
    assert smooth.sum() == pytest.approx(spot()[spot() > 0].sum(), rel=0.02)


def test_a_map_is_drawn_into_given_axes() -> None:
    figure = new_figure(3)
    ax = figure.subplots()
    assert heatmap(photo(), spot(), ax=ax) is figure
    assert ax.images
    assert heatmap(photo(), spot()) is not figure


@pytest.mark.parametrize("shape", [(60, 90), (90, 60), (10, 200), (200, 10)])
@pytest.mark.parametrize("count", [1, 2, 4, 5, 7, 9])
def test_pictures_stand_within_the_figure_and_apart(shape: tuple[int, int], count: int) -> None:
    panels = [Panel(f"Step {n}, a long title $x$ 椅子", spot(*shape), "says chair\n87 % sure") for n in range(count)]
    figure = heatmaps("What speaks for “chair” in a folder/with a long name.jpg, a “table”", photo(*shape), panels)
    assert figure.get_figwidth() == INCHES
    boxes = [ax.get_position() for ax in figure.axes[:-1]]
    assert len(boxes) == count + 1
    assert all(box.x0 >= 0 and box.x1 <= 1 and box.y0 > 0 and box.y1 < 1 for box in boxes)
    for number, one in enumerate(boxes):
        for other in boxes[number + 1 :]:
            assert not one.overlaps(other)
    renderer: Any = figure.canvas.get_renderer()  # type: ignore[attr-defined]
    for ax in figure.axes[:-1]:
        assert ax.title.get_window_extent(renderer).y1 <= figure.bbox.y1


def test_titles_do_not_run_into_the_heading() -> None:
    panels = [Panel("Deeper CNN with augmentation and dropout", spot()) for _ in range(7)]
    figure = heatmaps(
        "A mistake: what speaks for “sofa” in sofa/a-rather-long-name-of-a-file.jpg, a “table”", photo(), panels
    )
    renderer: Any = figure.canvas.get_renderer()  # type: ignore[attr-defined]
    heading = figure.texts[0].get_window_extent(renderer)
    titles = [ax.title.get_window_extent(renderer) for ax in figure.axes[:-1]]
    assert heading.y1 <= figure.bbox.y1
    assert all(title.y1 < heading.y0 for title in titles)


def test_the_same_maps_give_the_same_bytes_and_nothing_is_said_where_nothing_is() -> None:
    panels = [Panel("Majority", None, "says bed\n28 % sure"), Panel("CNN", spot()), Panel("Empty", np.zeros((60, 90)))]
    assert png(heatmaps("t", photo(), panels)) == png(heatmaps("t", photo(), panels))
    texts = [text.get_text() for ax in heatmaps("t", photo(), panels).axes for text in ax.texts]
    assert sum("nothing to" in text for text in texts) == 1


def test_words_under_a_map() -> None:
    assert said({"predicted": "bed", "probability": 0.876}) == "says bed\n88 % sure"
    assert measured({"in_middle": 0.744}) == "74 % central"
    assert measured({"in_middle": 0.744, "against": 0.49}) == "74 % central\n49 % against"
    assert measured({"in_middle": None}) == "nothing speaks for it"
