"""Where a heat map lies: from cells to pixels, from pixels to the photo, and how much of it is in the middle."""

from typing import Final

import numpy as np
from PIL import Image, ImageOps

from tellapart.photos.pixels import PixelSpec

MIDDLE: Final = 0.5  # of the area


def enlarged(cells: np.ndarray, size: int) -> np.ndarray:
    """Bring a map of cells to (size, size), float32, linear between the centres of the cells."""
    picture = Image.fromarray(np.ascontiguousarray(cells, dtype=np.float32))
    return np.asarray(picture.resize((size, size), Image.Resampling.BILINEAR), dtype=np.float32)


def on_photo(heat: np.ndarray, spec: PixelSpec, photo: tuple[int, int]) -> np.ndarray:
    """Lay a heat map of a network's pixels back onto the photo that they were made of.

    Args:
        heat: Shape (spec.size, spec.size).
        spec: How the photo became pixels.
        photo: Its width and height.

    Returns:
        Shape (height, width), float32; 0 where the network did not see the photo (`crop`).
    """
    width, height = photo
    picture = Image.fromarray(np.ascontiguousarray(heat, dtype=np.float32))
    if spec.geometry == "squash":
        return np.asarray(picture.resize(photo, Image.Resampling.BILINEAR), dtype=np.float32)
    if spec.geometry == "letterbox":
        inner = ImageOps.contain(Image.new("1", photo), (spec.size, spec.size)).size
        left, top = ((spec.size - side) // 2 for side in inner)
        inside = picture.crop((left, top, left + inner[0], top + inner[1]))
        return np.asarray(inside.resize(photo, Image.Resampling.BILINEAR), dtype=np.float32)
    side = min(width, height)
    left, top = (width - side) // 2, (height - side) // 2
    whole = np.zeros((height, width), dtype=np.float32)
    whole[top : top + side, left : left + side] = np.asarray(picture.resize((side, side), Image.Resampling.BILINEAR))
    return whole


def in_middle(heat: np.ndarray) -> float | None:
    """The share of a map's positive part in the middle box of half its area.

    An even map has 0.5 there. None where nothing is positive.
    """
    positive = np.maximum(heat, 0).astype(np.float64)
    total = positive.sum()
    if not total > 0:
        return None
    weights = [_inside(length) for length in heat.shape]
    return float(weights[0] @ positive @ weights[1] / total)


def against(heat: np.ndarray) -> float:
    """The share of a signed map that is negative: what speaks against the class; 0 of an empty map."""
    total = float(np.abs(heat).sum(dtype=np.float64))
    return float(np.maximum(-heat, 0).sum(dtype=np.float64)) / total if total > 0 else 0.0


def _inside(length: int) -> np.ndarray:
    """How much of each pixel of a side lies within the middle box, (length,)."""
    margin = length * (1 - MIDDLE**0.5) / 2
    edges = np.clip(np.arange(length + 1), margin, length - margin)
    return np.diff(edges)
