"""Small pictures of photos: all of them in one sheet, some of them larger."""

import io
from collections.abc import Sequence
from typing import Final

import numpy as np
from PIL import Image

# Sides of a tile in pixels. JPEG mixes colours over blocks of 8: no tile may share one with its neighbour.
SIDES: Final = (80, 64, 48, 32, 16)
_BYTES: Final = 1_350_000  # 1.8 MB as text in the page
_PIXELS: Final = 12  # to a byte of the sheet; photos take about 3, so that a larger one is not even drawn
_QUALITY: Final = 72
_OF_SHEET: Final = 66  # so that 1,000 photos fit at 64 pixels (docs/LOG.md)
_LARGE: Final = 120
_BEHIND: Final = 128  # grey


def shrunk(photo: Image.Image, side: int) -> Image.Image:
    """The whole photo, its longer side at most `side` pixels."""
    small = photo.copy()
    small.thumbnail((side, side), Image.Resampling.LANCZOS)
    return small


def picture(photo: Image.Image) -> bytes:
    """A photo as JPEG, its longer side at most 120 pixels."""
    return _jpeg(shrunk(photo, _LARGE), _QUALITY)


def sides(n: int, most: int = _BYTES) -> tuple[int, ...]:
    """The sides that the tiles of a sheet of so many photos may have, the largest first."""
    return tuple(side for side in SIDES if n * side * side <= _PIXELS * most) or SIDES[-1:]


def sheet(small: Sequence[Image.Image], most: int = _BYTES) -> tuple[bytes, int, np.ndarray]:
    """All photos as tiles of one JPEG, row by row, each in the upper left corner of its tile.

    Args:
        small: As `shrunk` gives them for the largest of `sides`.
        most: Bytes of the JPEG; where the largest tiles would take more, all are smaller.

    Returns:
        The JPEG; the side of a tile in pixels; width and height of each photo in its tile, (photos, 2), uint8.
    """
    *larger, smallest = sides(len(small), most)
    for side in larger:
        content, sizes = _sheet(small, side)
        if len(content) <= most:
            return content, side, sizes
    content, sizes = _sheet(small, smallest)
    return content, smallest, sizes


def across(n: int) -> int:
    """How many tiles a row of the sheet has."""
    return max(1, int(np.ceil(np.sqrt(n))))


def _sheet(small: Sequence[Image.Image], side: int) -> tuple[bytes, np.ndarray]:
    columns = across(len(small))
    whole = Image.new("RGB", (columns * side, -(-len(small) // columns) * side), (_BEHIND,) * 3)
    sizes = np.empty((len(small), 2), dtype=np.uint8)
    for number, photo in enumerate(small):  # one tile at a time: all of them take as much memory as the sheet
        tile = shrunk(photo, side)
        whole.paste(tile, (number % columns * side, number // columns * side))
        sizes[number] = tile.size
    return _jpeg(whole, _OF_SHEET), sizes


def _jpeg(picture: Image.Image, quality: int) -> bytes:
    content = io.BytesIO()
    picture.save(content, "JPEG", quality=quality, optimize=True, subsampling=0)
    return content.getvalue()
