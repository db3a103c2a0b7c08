"""The look that all figures share: legible at 360 pixels' width, in greyscale, to colour-blind eyes."""

import io
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from tellapart.files import write_bytes
from tellapart.report.lettering import drawable, font, wrapped

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from PIL.Image import Image

# At 360 px a figure 6 inches wide has 60 px an inch: 12 points are 10 px there.
INCHES = 6.0
DOTS_PER_INCH = 150
SIZE = 12.0
SMALL = 11.0
TITLE = 13.5
_COLOURS_OF_A_DRAWING = 8_000
_PIXELS_PER_INCH = 90  # in a notebook: letters there are a little larger than on the page

# Blue and orange are told apart by all common kinds of colour blindness; their
# lightness (25 and 65 of 100) keeps them apart in greyscale.
INK = "#1b1f24"
GREY = "#5c6570"
PALE = "#d5dae0"
DARK = "#0b3d73"
LIGHT = "#e08600"


def new_figure(height: float, width: float = INCHES) -> "Figure":
    """Make an empty white figure, which shows itself in a notebook; sizes in inches."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    figure = _shown_figure()(figsize=(width, height), dpi=DOTS_PER_INCH, facecolor="white")
    figure.set_layout_engine("constrained", w_pad=0.08, h_pad=0.08)
    FigureCanvasAgg(figure)
    return figure


@cache
def _shown_figure() -> "type[Figure]":
    """The class of figures that show themselves in a notebook, without pyplot and its state."""
    from matplotlib.figure import Figure

    class ShownFigure(Figure):
        """A figure that gives a notebook its PNG and the size to show it at."""

        def _repr_png_(self) -> tuple[bytes, dict[str, int]]:
            width, height = self.get_size_inches() * _PIXELS_PER_INCH
            return png(self), {"width": round(width), "height": round(height)}

    return ShownFigure


def one_axes(ax: "Axes | None", height: float) -> "Axes":
    """Give `ax`, or where there is none the only axes of a new figure."""
    return new_figure(height).subplots() if ax is None else ax


def figure_of(ax: "Axes") -> "Figure":
    """Give the figure that `ax` stands in."""
    figure = ax.get_figure(root=True)
    if figure is None:
        raise ValueError("these axes were removed from their figure")
    return figure


def put_title(ax: "Axes", text: str, *, whole: bool, legend_rows: int = 0) -> None:
    """Put a title at the left: of the whole figure, or of `ax`, over the rows of its legend."""
    figure = figure_of(ax)
    inches = figure.get_figwidth() * (1.0 if whole else ax.get_position().width)
    title = wrapped(drawable(text, "bold"), int(inches * 8.3), lines=3)
    if whole:
        figure.suptitle(title, x=0.02, ha="left", color=INK, **font(TITLE, "bold"))
    else:
        ax.set_title(title, loc="left", color=INK, pad=6 + 18 * legend_rows, **font(TITLE, "bold"))


def dress(ax: "Axes", x: str, y: str) -> None:
    """Label the axes and draw them quietly; an empty label draws none."""
    ax.set_xlabel(drawable(x), color=INK, **font(SIZE))
    ax.set_ylabel(drawable(y), color=INK, **font(SIZE))
    ax.tick_params(labelsize=SMALL, labelcolor=INK, color=GREY)
    ax.grid(visible=True, color=PALE, linewidth=0.8)
    ax.set_axisbelow(True)
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[["left", "bottom"]].set_color(GREY)


def legend_above(ax: "Axes", per_row: int = 2) -> None:
    """Put the legend over the axes, where it hides nothing, and the title of the axes, if any, over the legend."""
    legend = ax.legend(
        loc="lower left",
        bbox_to_anchor=(-0.02, 1.0),
        ncols=per_row,
        fontsize=SMALL,
        frameon=False,
        handlelength=2.2,
        columnspacing=1.4,
        borderaxespad=0.2,
    )
    title = ax.get_title(loc="left")
    if title:
        rows = -(-len(legend.get_texts()) // per_row)
        ax.set_title(title, loc="left", color=INK, pad=12 + 18 * rows, **font(TITLE, "bold"))


def png(figure: "Figure") -> bytes:
    """Draw a figure as PNG: the same figure gives the same bytes, without date or version."""
    return encoded(drawn(figure))


def drawn(figure: "Figure") -> "Image":
    """Draw a figure as a picture, RGB."""
    import numpy as np
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image

    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")


def encoded(picture: "Image") -> bytes:
    """Give the PNG of a picture; a thread of its own can do it while the next figure is drawn."""
    from PIL import Image

    # A third of the bytes for drawings, which have few colours; photos keep all of theirs.
    if picture.getcolors(_COLOURS_OF_A_DRAWING) is not None:
        picture = picture.quantize(256, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    content = io.BytesIO()
    # Zlib's last levels take four times as long and save 3 % of a picture with photos, and 10 % of a drawing.
    picture.save(content, format="png", compress_level=9 if picture.mode == "P" else 6)
    return content.getvalue()


def save_figure(figure: "Figure", path: Path) -> Path:
    """Write a figure whole as PNG, and return its path.

    Raises:
        StorageError: No space, no permission.
    """
    write_bytes(path, png(figure))
    return path
