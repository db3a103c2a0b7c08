"""Which pairs of photos are worth aligning: those whose coarse shape, or that of a crop or mirror image, agrees.

All photos are compared with all others by matrix products: a fraction of a
second for a thousand photos, and some seconds for five thousand.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np

from tellapart.photos.look import SIDE
from tellapart.photos.shelf import Shelved

Thumbnails = Sequence[np.ndarray | Shelved]  # (64, 64), uint8, grey

_FREQUENCIES: Final = 8  # Of a cosine transform, each way: what survives re-saving and resizing.
_SAMPLES: Final = 32
# Of a mirrored photo every second coefficient across has the other sign.
_MIRROR: Final = np.tile(np.where(np.arange(_FREQUENCIES) % 2, -1, 1), _FREQUENCIES)[1:].astype(np.float32)
# Crops of up to a tenth a side are never further than 0.025 from one of these margins.
_MARGINS: Final = ((0.025, 0.025), (0.025, 0.075), (0.075, 0.025), (0.075, 0.075))
# True copies have a cosine of 0.91 or more, one pair of 4,000 of different photos has 0.85.
_PROPOSED: Final = 0.85
_ROWS: Final = 512  # Photos at a time: 512 x 5,000 cosines are 10 MB.
_MOST: Final = 24  # Times the photos of a block: of photos of one empty scene every pair would be proposed.


@dataclass(frozen=True)
class Proposals:
    """Pairs that may show the same, the strongest first; one row a pair.

    Attributes:
        whole: Position of the photo that is taken whole.
        cut: Position of the photo of which a window is taken.
        window: Which one, a row of `windows`.
        mirrored: Whether that window is mirrored.
    """

    whole: np.ndarray
    cut: np.ndarray
    window: np.ndarray
    mirrored: np.ndarray

    def __len__(self) -> int:
        return len(self.whole)

    def take(self, rows: np.ndarray) -> "Proposals":
        """Some of them, by position or as a mask."""
        return Proposals(self.whole[rows], self.cut[rows], self.window[rows], self.mirrored[rows])

    def begin(self) -> np.ndarray:
        """Where their alignment begins, shape (pairs, 4); a mirrored window is on the other side."""
        (left, right), (top, bottom) = windows()[self.window].transpose(1, 2, 0)
        shift = np.where(self.mirrored, right - left, left - right)
        return np.stack([1 - left - right, shift, 1 - top - bottom, top - bottom], axis=1)

    def strongest(self, n_each: int) -> np.ndarray:
        """A mask of those that are among the `n_each` strongest of one of their two photos."""
        ends = np.concatenate([self.whole, self.cut])
        strength = np.tile(np.arange(len(self)), 2)
        order = np.lexsort((strength, ends))
        first = np.searchsorted(ends[order], ends[order])
        rank = np.empty(len(ends), dtype=np.int64)
        rank[order] = np.arange(len(ends)) - first
        return np.asarray(rank.reshape(2, -1).min(axis=0) < n_each)


@cache
def windows() -> np.ndarray:
    """Margins (left, right) and (top, bottom) as shares: the whole photo first, then its light crops, (17, 2, 2)."""
    none = (0.0, 0.0)
    return np.array([(none, none), *((across, down) for across in _MARGINS for down in _MARGINS)])


def propose(thumbnails: Thumbnails) -> Proposals:
    """Compare all photos with all others.

    Args:
        thumbnails: Of each photo; read when they are looked at.
    """
    whole = _shapes(thumbnails, 0)
    found = []
    for number in range(len(windows())):
        shapes = _shapes(thumbnails, number) if number else whole
        for is_mirrored, those in ((False, shapes), (True, shapes * _MIRROR)):
            found.append(_near(those, whole, _PROPOSED, (number, is_mirrored)))
    cut, other, cosine, window, mirrored = (np.concatenate(column) for column in zip(*found, strict=True))
    # Each pair once, by the window that agrees best.
    order = np.lexsort((mirrored, window, cut, other, -cosine))
    pair = np.minimum(cut, other) * len(thumbnails) + np.maximum(cut, other)
    _, first = np.unique(pair[order], return_index=True)
    best = order[np.sort(first)]
    return Proposals(other[best], cut[best], window[best], mirrored[best].astype(bool))


def _near(shapes: np.ndarray, whole: np.ndarray, least: float, how: tuple[int, bool]) -> tuple[np.ndarray, ...]:
    """The pairs whose cosine is at least `least`: both positions, the cosine, and twice how they were found."""
    parts = []
    for start in range(0, len(shapes), _ROWS):
        cosines = shapes[start : start + _ROWS] @ whole.T
        rows, columns = np.nonzero(cosines >= least)
        values = cosines[rows, columns]
        strong = np.argsort(-values, kind="stable")[: (_MOST + 1) * _ROWS]
        strong = strong[rows[strong] + start != columns[strong]]
        parts.append((rows[strong] + start, columns[strong], values[strong]))
    cut, other, cosine = (np.concatenate(column) for column in zip(*parts, strict=True))
    return cut, other, cosine, np.full(len(cut), how[0]), np.full(len(cut), int(how[1]))


@cache
def _transform(before: float, after: float) -> np.ndarray:
    """From a thumbnail's line to the lowest cosine coefficients of a window of it, (frequencies, side)."""
    from scipy.fft import dct

    edges = SIDE * (before + np.arange(_SAMPLES + 1) * (1 - before - after) / _SAMPLES)
    pixels = np.arange(SIDE)
    overlap = np.minimum(edges[1:, np.newaxis], pixels + 1) - np.maximum(edges[:-1, np.newaxis], pixels)
    averages = np.maximum(overlap, 0) * _SAMPLES / (SIDE * (1 - before - after))
    transform = dct(np.eye(_SAMPLES), axis=0, norm="ortho")[:_FREQUENCIES]
    return (transform @ averages).astype(np.float32)  # type: ignore[no-any-return]


def _shapes(thumbnails: Thumbnails, window: int) -> np.ndarray:
    """The coarse shape of a window, shape (photos, 63), of length 1; some photos at a time, which need not be here."""
    parts = (thumbnails[start : start + _ROWS] for start in range(0, len(thumbnails), _ROWS))
    return np.concatenate([_some_shapes(np.stack(some).astype(np.float32), window) for some in parts])


def _some_shapes(thumbnails: np.ndarray, window: int) -> np.ndarray:
    """The shapes of a window, (photos, 63); without the mean, exposure cancels."""
    across, down = windows()[window].tolist()
    coefficients = _transform(*down) @ thumbnails @ _transform(*across).T
    order = np.arange(_FREQUENCIES, dtype=np.float32)
    # Photos have little in the high frequencies; as they are, the lowest three would decide alone.
    coefficients *= np.hypot(order[:, np.newaxis], order)
    shapes = coefficients.reshape(len(thumbnails), -1)[:, 1:]
    return shapes / np.maximum(np.linalg.norm(shapes, axis=1, keepdims=True), 1e-6)  # type: ignore[no-any-return]
