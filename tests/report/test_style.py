from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.text import Text
from PIL import Image

from tellapart.report.style import (
    DARK,
    DOTS_PER_INCH,
    INCHES,
    LIGHT,
    dress,
    legend_above,
    new_figure,
    one_axes,
    png,
    put_title,
    save_figure,
)


def _lightness(colour: str) -> float:
    return float(Image.new("RGB", (1, 1), colour).convert("L").tobytes()[0])


def test_the_two_colours_differ_in_greyscale() -> None:
    assert _lightness(LIGHT) - _lightness(DARK) > 80


def test_a_figure_becomes_the_same_bytes_without_metadata() -> None:
    def draw() -> bytes:
        ax = one_axes(None, 3)
        ax.plot([1, 2], [2, 1], label="a line")
        dress(ax, "time (s)", "height (m)")
        legend_above(ax)
        put_title(ax, "A title that costs $5 and $6", whole=True)
        return png(ax.figure.figure)

    content = draw()
    assert content == draw()
    with Image.open(BytesIO(content)) as picture:
        assert picture.size == (INCHES * DOTS_PER_INCH, 3 * DOTS_PER_INCH)
        assert picture.info.keys() <= {"transparency"}
        assert picture.mode == "P"


def test_a_photo_keeps_its_colours() -> None:
    figure = new_figure(3)
    noise = np.random.default_rng(0).integers(0, 256, (200, 300, 3), dtype=np.uint8)
    figure.subplots().imshow(noise, interpolation="nearest")
    with Image.open(BytesIO(png(figure))) as picture:
        assert picture.mode == "RGB"


def test_a_title_can_stand_over_axes_of_another_figure() -> None:
    left, _ = new_figure(3).subplots(1, 2)
    put_title(left, "Left", whole=False, legend_rows=1)
    assert left.get_title(loc="left") == "Left"


def test_the_file_is_written(tmp_path: Path) -> None:
    path = save_figure(new_figure(1), tmp_path / "new" / "figure.png")
    assert path.read_bytes().startswith(b"\x89PNG")


def test_a_figure_gives_a_notebook_its_picture_and_size() -> None:
    shown: Any = new_figure(3)
    content, told = shown._repr_png_()
    assert content.startswith(b"\x89PNG")
    assert told == {"width": 540, "height": 270}


def test_the_title_of_given_axes_stands_over_their_legend() -> None:
    figure = new_figure(4)
    ax = figure.subplots()
    put_title(ax, "A title", whole=False)
    for number in range(5):
        ax.plot([1, 2], label=f"line {number}")
    legend_above(ax)
    figure.draw_without_rendering()
    legend = ax.get_legend()
    assert legend is not None
    assert ax.get_title(loc="left") == "A title"
    title = next(text for text in ax.findobj(Text) if text.get_text() == "A title")
    assert title.get_window_extent().y0 >= legend.get_window_extent().y1 - 2
