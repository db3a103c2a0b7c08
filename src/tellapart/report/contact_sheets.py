"""Photos worth looking at, side by side with what was said of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tellapart.report.lettering import drawable, font, wrapped
from tellapart.report.style import INCHES, INK, SMALL, new_figure, put_title

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLUMNS_PER_INCH = 9.6
_LINE = 0.2  # inches


@dataclass(frozen=True)
class Tile:
    """One photo of a sheet.

    Attributes:
        photo: RGB of shape (height, width, 3), uint8.
        lines: What stands under it; each is broken into two where it is long, and cut beyond.
        marked: Whether it gets a frame.
    """

    photo: "np.ndarray"
    lines: tuple[str, ...]
    marked: bool = False


def contact_sheet(title: str, tiles: Sequence[Tile], *, across: int = 4) -> "Figure":
    """Draw photos in rows, each with its lines under it.

    Args:
        title: Of the whole sheet.
        tiles: The photos, row by row.
        across: How many a row.
    """
    rows = max(1, -(-len(tiles) // across))
    side = (INCHES - 0.2) / across
    words = [_words(tile, int(side * _COLUMNS_PER_INCH)) for tile in tiles]
    lines = max((text.count("\n") + 1 for text in words), default=1)
    figure = new_figure(0.75 + rows * (side + _LINE * lines))
    places = list(figure.subplots(rows, across, squeeze=False).flat)
    for place in places:
        place.set_axis_off()
    for place, tile, text in zip(places, tiles, words, strict=False):
        _put(place, tile, text)
    put_title(places[0], title, whole=True)
    return figure


def neighbour_sheet(title: str, rows: Sequence[tuple[Tile, Sequence[Tile]]]) -> "Figure":
    """Draw each mistake in a row of its own, framed, and behind it the photos that lie nearest to it.

    Args:
        title: Of the whole sheet.
        rows: Each mistake and its neighbours, the nearest first.
    """
    across = 1 + max((len(near) for _, near in rows), default=0)
    nothing = Tile(_blank(), ())
    tiles: list[Tile] = []
    for mistake, near in rows:
        tiles += [Tile(mistake.photo, mistake.lines, marked=True), *near, *[nothing] * (across - 1 - len(near))]
    return contact_sheet(title, tiles, across=across)


def _blank() -> "np.ndarray":
    import numpy as np

    return np.full((1, 1, 3), 255, dtype=np.uint8)


def _words(tile: Tile, width: int) -> str:
    return "\n".join(wrapped(drawable(line), width) for line in tile.lines)


def _put(place: "Axes", tile: Tile, text: str) -> None:
    from matplotlib.patches import Rectangle

    place.imshow(tile.photo, interpolation="lanczos")
    height, across = tile.photo.shape[:2]
    side = max(height, across)
    # The photo stands at the bottom of its square, near its words.
    place.set_xlim((across - side) / 2 - 0.5, (across + side) / 2 - 0.5)
    place.set_ylim(height - 0.5, height - side - 0.5)
    place.text(
        0.5, -0.03, text, transform=place.transAxes, ha="center", va="top", color=INK, linespacing=1.15, **font(SMALL)
    )
    if tile.marked:
        place.add_patch(Rectangle((-0.5, -0.5), across, height, fill=False, edgecolor=INK, linewidth=3, clip_on=False))
