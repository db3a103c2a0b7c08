"""Occlusion: cover a part of the photo and see what the score loses (Zeiler and Fergus 2014)."""

from typing import TYPE_CHECKING, Final, Literal

import numpy as np
from PIL import Image, ImageFilter

if TYPE_CHECKING:
    from tellapart.explain.network import Network

Fill = Literal["blur", "mean"]

PARTS: Final = (14, 12, 10, 8, 6)  # steps along a side, finest first; a patch is two steps wide
_MOST: Final = 8e11  # multiplications: 8 seconds of two cores; VGG16 at 224 gets 49 patches
_BATCH: Final = 16
_BLUR: Final = 1.0  # of a patch's side, the Gaussian's deviation: less leaves a plain thing its colour (docs/LOG.md)


def occlusion(network: "Network", photo: np.ndarray, number: int, *, fill: Fill = "blur") -> np.ndarray:
    """Cover the photo patch by patch, and give each pixel the mean loss of the patches that covered it.

    It needs no gradient, so it works on any model file. Patches are a seventh of the photo's side, and overlap
    by half; with large networks they are up to a third of it, so that fewer need be tried.

    Args:
        network: Any.
        photo: Shape (size, size, 3), 0 to 255.
        number: Of the class.
        fill: What covers: the photo blurred until no shape is left, or its mean colour.

    Returns:
        Shape (size, size), float32, in units of the score. Positive where the class loses by being covered;
        negative where it gains: that part spoke against it.
    """
    size = photo.shape[0]
    parts = next((n for n in PARTS if (n + 1) ** 2 * network.multiply_adds <= _MOST), PARTS[-1])
    edges = np.round(np.linspace(0, size, parts + 1)).astype(int)
    # The first and the last patch of a row are half outside, so that every pixel is covered four times.
    spans = [(edges[max(i - 1, 0)], edges[min(i + 1, parts)]) for i in range(parts + 1)]
    boxes = [(top, bottom, left, right) for top, bottom in spans for left, right in spans]
    cover = _cover(photo, fill, 2 * size / parts)
    whole = float(network.scores(photo[np.newaxis])[0, number])
    heat, times = np.zeros((2, size, size))
    for start in range(0, len(boxes), _BATCH):
        some = boxes[start : start + _BATCH]
        scores = network.scores(np.stack([_covered(photo, cover, box) for box in some]))[:, number]
        for (top, bottom, left, right), score in zip(some, scores, strict=True):
            heat[top:bottom, left:right] += whole - float(score)
            times[top:bottom, left:right] += 1
    return (heat / times).astype(np.float32)


def _cover(photo: np.ndarray, fill: Fill, patch: float) -> np.ndarray:
    """What stands in the place of a covered patch, as large as the photo."""
    if fill == "mean":
        return np.broadcast_to(photo.mean(axis=(0, 1)), photo.shape).astype(photo.dtype)
    picture = Image.fromarray(np.clip(np.round(photo), 0, 255).astype(np.uint8))
    return np.asarray(picture.filter(ImageFilter.GaussianBlur(_BLUR * patch))).astype(photo.dtype)


def _covered(photo: np.ndarray, cover: np.ndarray, box: tuple[int, int, int, int]) -> np.ndarray:
    top, bottom, left, right = box
    changed = photo.copy()
    changed[top:bottom, left:right] = cover[top:bottom, left:right]
    return changed
