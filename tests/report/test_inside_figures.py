"""Pictures of the inside of a network."""

from pathlib import Path

import numpy as np
import pytest
from fake_inside import build_inside

from tellapart.report.inside_figures import Response, activations, filters, inside_figures, responses
from tellapart.report.inside_record import write_inside
from tellapart.report.style import png

CLASSES = ["bed", "<b>$x^2$ 椅子 with a very long name that must be cut somewhere"]
PHOTO = np.full((20, 20, 3), 90, dtype=np.uint8)


def shown(axes: object) -> np.ndarray:
    return np.asarray(axes.images[0].get_array())  # type: ignore[attr-defined]


def test_a_run_makes_a_figure_of_each_kind_and_draws_it_alike_again(tmp_path: Path) -> None:
    build_inside(tmp_path, CLASSES)
    drawn = {name: png(figure) for name, figure in inside_figures(tmp_path)}
    assert list(drawn) == [
        "filters_baseline", "filters_bottleneck", "activations_1", "activations_2",
        "responses_classes", "responses_block1", "responses_block2",
    ]  # fmt: skip
    assert drawn == {name: png(figure) for name, figure in inside_figures(tmp_path)}
    assert list(inside_figures(tmp_path / "explanations")) == []


def test_filters_stand_by_strength_each_at_its_own_scale() -> None:
    weights = np.zeros((3, 2, 2, 3), dtype=np.float32)
    weights[1, 0, 0, 0] = 4.0
    weights[2, 1, 1, 2] = -0.5
    first, second, third = filters("Simple CNN", weights).axes
    assert shown(first)[0, 0].tolist() == [1.0, 0.5, 0.5]
    assert shown(second)[1, 1].tolist() == [0.5, 0.5, 0.0]
    assert (shown(third) == 0.5).all()
    assert len(filters("many", np.ones((96, 3, 3, 3))).axes) == 64


def test_activations_have_a_row_for_each_block() -> None:
    maps = np.arange(6 * 16, dtype=np.uint8).reshape(6, 4, 4)
    figure = activations("What a bed becomes", "said", PHOTO, [("Block 1", maps), ("Block 2", maps[:3])])
    assert len(figure.axes) == 1 + 6 + 3
    assert figure.axes[2].images[0].norm.vmax == 255  # one scale, so that a dim map is dim
    np.testing.assert_array_equal(shown(figure.axes[2]), maps[1])
    heights = [axes.get_position().y0 for axes in figure.axes]
    assert heights[0] > heights[1] == heights[6] > heights[7]
    assert {"said", "Block 1", "Block 2"} <= {text.get_text() for text in figure.texts}


def test_what_was_made_stands_beside_the_photos_framed_and_every_word_in_its_place() -> None:
    made = (PHOTO, "made\n12.3")
    rows = [Response(name, made, [(PHOTO, f"{name}\n{number}.0") for number in range(4)]) for name in CLASSES]
    figure = responses("What each class responds to", rows)
    assert len(figure.axes) == 10
    frames = [axes.spines["left"].get_linewidth() for axes in figure.axes]
    assert frames[0] == frames[5] == max(frames)
    assert frames.count(max(frames)) == 2
    assert figure.axes[0].texts[0].get_text() == "made\n12.3"
    figure.canvas.draw()
    renderer = figure.canvas.get_renderer()  # type: ignore[attr-defined]
    for axes in figure.axes:
        text, box = axes.texts[0].get_window_extent(renderer), axes.get_window_extent(renderer)
        assert text.width <= box.width + 6
        assert text.y0 >= 0


def test_a_photo_of_another_class_than_its_row_is_named_and_a_long_name_broken(tmp_path: Path) -> None:
    told, arrays = build_inside(tmp_path, CLASSES)
    told["subjects"][0]["photos"][2]["class"] = "bed"
    told["subjects"][0]["photos"][3]["class"] = "beef_carpaccio"
    write_inside(tmp_path, told, arrays)
    figure = dict(inside_figures(tmp_path))["responses_classes"]
    texts = [axes.texts[0].get_text() for axes in figure.axes[:5]]
    assert texts[1:] == ["a $kind$\n4.00", "a $kind$\n3.00", "2.00", "beef_carpa\nccio\n1.00"]
    lowest = min(axes.texts[0].get_window_extent().y0 for axes in figure.axes)
    assert lowest >= 0


def test_without_made_pictures_the_photos_stand_first() -> None:
    figure = responses("x", [Response("bed", None, [(PHOTO, "bed\n1.0")] * 4)])
    assert len(figure.axes) == 4
    assert figure.axes[0].get_position().x0 < 0.05


@pytest.mark.parametrize(("place", "lines"), [(np.zeros((6, 6), np.uint8), 0), (np.eye(6, dtype=np.uint8) * 255, 2)])
def test_a_line_goes_round_the_place_that_excites_and_nowhere_else(place: np.ndarray, lines: int) -> None:
    figure = responses("x", [Response("Channel 3", None, [(PHOTO, "bed\n1.0")], [place])])
    assert len(figure.axes[0].collections) == lines


def test_the_line_is_where_the_channel_is_strong() -> None:
    place = np.zeros((10, 10), dtype=np.uint8)
    place[6:9, 1:4] = 255
    figure = responses("x", [Response("Channel 3", None, [(PHOTO, "bed\n1.0")], [place])])
    path = np.concatenate([part.vertices for part in figure.axes[0].collections[0].get_paths()])
    assert path[:, 0].min() == pytest.approx(2, abs=1.5)
    assert path[:, 0].max() == pytest.approx(8, abs=1.5)
    assert path[:, 1].min() == pytest.approx(12, abs=1.5)
    assert path[:, 1].max() == pytest.approx(18, abs=1.5)
