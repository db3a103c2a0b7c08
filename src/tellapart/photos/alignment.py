"""Whether two small grey pictures show the same, once one is shifted and scaled onto the other.

All pairs are aligned at once. With neither rotation nor shear a resampling is
one matrix for the rows and one for the columns, so that the whole search is a
few batched products.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

_STEPS: Final = 8  # Gauss-Newton has settled by then wherever it settles at all.
_LAST_STEPS: Final = 2
_FINE_PIXELS: Final = 2.5  # Coarser than this is layout and light, which different photos of one kind share.
_FLOOR: Final = 1.0  # Grey values; a flat ground, such as white paper, has no detail to agree in.
_FARTHEST: Final = 0.35  # A window that has moved or shrunk further than this has lost its way.
_BATCH: Final = 256  # Pairs at a time: some 40 MB.


@dataclass(frozen=True)
class Alignment:
    """How pairs of pictures fit, one row a pair.

    Attributes:
        windows: Shape (pairs, 4): scale and shift along x, scale and shift along y, of
            the second picture's frame in that of the first; frames reach from -1 to 1.
        whole: Correlation of the grey values where both have some, -1 to 1.
        fine: Correlation of what is finer than some 2.5 pixels.
    """

    windows: np.ndarray
    whole: np.ndarray
    fine: np.ndarray


def align(first: np.ndarray, second: np.ndarray, windows: np.ndarray) -> Alignment:
    """Fit windows of the first pictures to the second ones, and tell how well they fit.

    Source: S. Baker and I. Matthews, Lucas-Kanade 20 years on, IJCV 56 (2004) 221-255
    (inverse compositional, here for scale and shift alone).

    Args:
        first: Shape (pairs, side, side), grey.
        second: The same shape.
        windows: Shape (pairs, 4), where to begin.
    """
    parts = [
        _align(first[start : start + _BATCH], second[start : start + _BATCH], windows[start : start + _BATCH])
        for start in range(0, len(first), _BATCH)
    ]
    if not parts:
        return Alignment(np.zeros((0, 4)), np.zeros(0), np.zeros(0))
    return Alignment(*(np.concatenate([part[place] for part in parts]) for place in range(3)))


def _align(first: np.ndarray, second: np.ndarray, begin: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    # Most of the way at half the size, which is a quarter of the work, and two steps at the whole size.
    near = _fitted(_halved(first), _halved(second), begin, _STEPS)
    windows = _fitted(_smooth(first), _smooth(second), near, _LAST_STEPS)
    grey, mask = resampled(first.astype(np.float32), windows)
    other = second.astype(np.float32)
    return windows, _correlation(grey, other, mask), _correlation(_fine(grey), _fine(other), mask)


def _fitted(sources: np.ndarray, target: np.ndarray, begin: np.ndarray, steps: int) -> np.ndarray:
    """Some steps of Gauss-Newton towards the windows of `sources` that show `target`."""
    target = _standard(target, np.ones_like(target))
    side = target.shape[-1]
    place = (2 * np.arange(side, dtype=np.float32) + 1) / side - 1
    down, across = np.gradient(target, 2 / side, axis=(1, 2))
    slopes = np.stack([across * place, across, down * place[:, np.newaxis], down], axis=-1)
    slopes = slopes.reshape(len(target), -1, 4)
    normal = slopes.transpose(0, 2, 1) @ slopes + 1e-3 * side * np.eye(4, dtype=np.float32)
    windows = begin.astype(np.float32)
    for _ in range(steps):
        seen, mask = resampled(sources, windows)
        rest = (_standard(seen, mask) - target) * mask
        step = np.linalg.solve(normal, slopes.transpose(0, 2, 1) @ rest.reshape(len(rest), -1, 1))
        windows = _moved(windows, step[..., 0], begin)
    return windows


def _smooth(pictures: np.ndarray) -> np.ndarray:
    from scipy.ndimage import gaussian_filter

    # Without it the slopes are those of noise.
    return np.asarray(gaussian_filter(pictures.astype(np.float32), (0, 1.0, 1.0)))


def _fine(pictures: np.ndarray) -> np.ndarray:
    """What is finer than layout and light, as strong everywhere: else a few hard edges would decide alone."""
    from scipy.ndimage import gaussian_filter

    detail = pictures - gaussian_filter(pictures, (0, _FINE_PIXELS, _FINE_PIXELS))
    strength = np.sqrt(gaussian_filter(detail**2, (0, 2 * _FINE_PIXELS, 2 * _FINE_PIXELS)))
    return detail / (strength + _FLOOR)  # type: ignore[no-any-return]


def _halved(pictures: np.ndarray) -> np.ndarray:
    n, side, _ = pictures.shape
    return np.asarray(pictures.reshape(n, side // 2, 2, side // 2, 2).mean(axis=(2, 4), dtype=np.float32))


def _moved(windows: np.ndarray, step: np.ndarray, begin: np.ndarray) -> np.ndarray:
    """Compose with the inverse of a step; what runs away stays where it was."""
    moved = windows.copy()
    for scale, shift in ((0, 1), (2, 3)):
        moved[:, scale] = windows[:, scale] / np.maximum(1 + step[:, scale], 0.5)
        moved[:, shift] = windows[:, shift] - moved[:, scale] * step[:, shift]
    lost = ~(np.abs(moved - begin) < _FARTHEST).all(axis=1)
    moved[lost] = windows[lost]
    return moved


def resampled(pictures: np.ndarray, windows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Show windows of pictures, each stretched to the whole frame, by linear interpolation.

    Returns:
        The views, shape (pictures, side, side), and a mask of the same shape that is 1
        where the window lies within the picture, else 0.
    """
    columns, known_columns = _weights(windows[:, 0], windows[:, 1], pictures.shape[-1])
    rows, known_rows = _weights(windows[:, 2], windows[:, 3], pictures.shape[-1])
    seen = rows @ pictures @ columns.transpose(0, 2, 1)
    return seen, known_rows[:, :, np.newaxis] * known_columns[:, np.newaxis, :]


def _weights(scale: np.ndarray, shift: np.ndarray, side: int) -> tuple[np.ndarray, np.ndarray]:
    """Interpolation matrices (n, side, side), and which of their rows lie within the picture, (n, side)."""
    place = (2 * np.arange(side, dtype=np.float32) + 1) / side - 1
    where = (scale[:, np.newaxis] * place + shift[:, np.newaxis] + 1) * side / 2 - 0.5
    known = (where > -0.75) & (where < side - 0.25)
    clipped = np.clip(where, 0, side - 1)
    distance = np.abs(clipped[..., np.newaxis] - np.arange(side, dtype=np.float32))
    return np.maximum(0, 1 - distance), known.astype(np.float32)


def _standard(pictures: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Mean 0 and deviation 1 within the mask, so that exposure does not matter."""
    n = np.maximum(mask.sum(axis=(1, 2), keepdims=True), 1)
    centred = pictures - (pictures * mask).sum(axis=(1, 2), keepdims=True) / n
    spread = np.sqrt((centred**2 * mask).sum(axis=(1, 2), keepdims=True) / n)
    return centred / np.maximum(spread, 1e-3)  # type: ignore[no-any-return]


def _correlation(one: np.ndarray, other: np.ndarray, mask: np.ndarray) -> np.ndarray:
    product = _standard(one, mask) * _standard(other, mask) * mask
    return product.sum(axis=(1, 2)) / np.maximum(mask.sum(axis=(1, 2)), 1)  # type: ignore[no-any-return]
