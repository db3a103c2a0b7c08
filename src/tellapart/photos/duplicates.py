"""Photos that show the same picture: copies, re-saves, resizes, light crops, mirror images, bursts.

Two stages. The coarse shape of every photo, and of sixteen light crops and the
mirror image of each, proposes pairs by one matrix product after another; then
each pair is aligned and must agree in its fine structure as well, which two
like photos of like things do not. What the measurements were: docs/LOG.md.
"""

import itertools
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np

from tellapart.photos.alignment import align
from tellapart.photos.look import SIDE
from tellapart.photos.scan import Photo

_FREQUENCIES: Final = 8  # Of a cosine transform, each way: what survives re-saving and resizing.
_SAMPLES: Final = 32
# Crops of up to a tenth a side are never further than 0.025 from one of these margins.
_MARGINS: Final = ((0.025, 0.025), (0.025, 0.075), (0.075, 0.025), (0.075, 0.075))
# True copies have a cosine of 0.91 or more, one pair of 4,000 of different photos has 0.85.
_PROPOSED: Final = 0.85
_FEATURES_PROPOSED: Final = 0.95  # Cosine of network features; the alignment has the last word all the same.
# Proposals. Of photos of one empty scene every pair would be proposed; eight links each still join copies to a group.
_MOST_A_PHOTO: Final = 8
_ROWS: Final = 512  # Photos at a time: 512 x 5,000 cosines are 10 MB.
_FLAT: Final = 0.02  # Contrast; a nearly blank photo correlates with anything.
# From 0.72 up all pairs that furniture4 has of itself are one photo or one studio scene, from 0.70 down like sofas on
# white are among them. Mirror images are symmetrical things more often than copies.
WHOLE: Final = 0.85
FINE: Final = 0.75
FINE_MIRRORED: Final = 0.80
_BURST: Final = 0.85  # Of a copy more is left.
_CROPPED: Final = 0.97  # A window smaller than this was cut, not resized.

_Candidate = tuple[int, int, int, bool]  # whole photo, photo with the window, which window, mirrored


@dataclass(frozen=True)
class Pair:
    """Two photos that show the same, and how it is known.

    Attributes:
        one: Position of the first photo.
        other: Position of the second one.
        kind: `exact`, `re-saved`, `cropped`, `mirrored` or `burst`.
        distance: 0 for equal pixels, else 1 less the correlation of the fine structure.
    """

    one: int
    other: int
    kind: str
    distance: float


@dataclass(frozen=True)
class Duplicates:
    """What `find_duplicates` found.

    Attributes:
        groups: Positions of the photos of each group of two or more, ordered.
        pairs: The evidence.
    """

    groups: tuple[tuple[int, ...], ...]
    pairs: tuple[Pair, ...]


def find_duplicates(photos: Sequence[Photo], features: np.ndarray | None = None) -> Duplicates:
    """Group photos that show the same picture.

    Args:
        photos: As `scan` gives them; those without a `look` are compared by their pixels alone.
        features: Shape (photos, channels); photos whose cosine is high are compared too.
    """
    pairs = _equal_pixels(photos)
    # Of photos with equal pixels one stands for all.
    stand_in = {photo.pixels: place for place, photo in reversed(list(enumerate(photos)))}
    places = [
        place
        for place in sorted(stand_in.values())
        if (look := photos[place].look) is not None and look.contrast >= _FLAT
    ]
    if len(places) > 1:
        thumbnails = np.stack([look.thumbnail for place in places if (look := photos[place].look)])
        candidates = _proposed(thumbnails, features[places] if features is not None else None)
        pairs += [
            Pair(places[pair.one], places[pair.other], pair.kind, pair.distance)
            for pair in _confirmed(thumbnails, candidates)
        ]
    groups = joined(len(photos), ((pair.one, pair.other) for pair in pairs))
    return Duplicates(tuple(group for group in groups if len(group) > 1), tuple(pairs))


def joined(n: int, links: Iterable[tuple[int, int]]) -> list[tuple[int, ...]]:
    """Join 0 to n - 1 along links into groups, ordered by their first member."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    ends = np.array(list(links), dtype=np.int64).reshape(-1, 2)
    graph = coo_array((np.ones(len(ends), dtype=np.int8), (ends[:, 0], ends[:, 1])), shape=(n, n))
    _, names = connected_components(graph, directed=False)
    members: dict[int, list[int]] = defaultdict(list)
    for place, name in enumerate(names.tolist()):
        members[name].append(place)
    return [tuple(group) for group in members.values()]


def _equal_pixels(photos: Sequence[Photo]) -> list[Pair]:
    first: dict[str, int] = {}
    pairs = []
    for place, photo in enumerate(photos):
        before = first.setdefault(photo.pixels, place)
        if before != place:
            pairs.append(Pair(before, place, "exact", 0.0))
    return pairs


@cache
def _windows() -> tuple[tuple[tuple[float, float], tuple[float, float]], ...]:
    """Margins left and right, top and bottom: the whole photo first, then its light crops."""
    return (((0.0, 0.0), (0.0, 0.0)), *((across, down) for across in _MARGINS for down in _MARGINS))


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


def _shapes(thumbnails: np.ndarray, window: int, mirrored: bool) -> np.ndarray:
    """The coarse shape of a window, shape (photos, 63), of length 1; without the mean, exposure cancels."""
    across, down = _windows()[window]
    coefficients = _transform(*down) @ thumbnails @ _transform(*across).T
    order = np.arange(_FREQUENCIES, dtype=np.float32)
    # Photos have little in the high frequencies; as they are, the lowest three would decide alone.
    coefficients *= np.hypot(order[:, np.newaxis], order)
    if mirrored:
        coefficients *= np.where(order % 2, -1, 1)
    shapes = coefficients.reshape(len(thumbnails), -1)[:, 1:]
    return shapes / np.maximum(np.linalg.norm(shapes, axis=1, keepdims=True), 1e-6)  # type: ignore[no-any-return]


def _proposed(thumbnails: np.ndarray, features: np.ndarray | None) -> list[_Candidate]:
    """The pairs to align, each with the best of the windows that propose it."""
    grey = thumbnails.astype(np.float32)
    whole = _shapes(grey, 0, False)
    best: dict[tuple[int, int], tuple[float, _Candidate]] = {}
    for window, mirrored in itertools.product(range(len(_windows())), (False, True)):
        _collect(best, _shapes(grey, window, mirrored), whole, (window, mirrored), _PROPOSED)
    if features is not None:
        wide = features.reshape(len(features), -1).astype(np.float32)
        wide /= np.maximum(np.linalg.norm(wide, axis=1, keepdims=True), 1e-6)
        _collect(best, wide, wide, (0, False), _FEATURES_PROPOSED)
    return [best[key][1] for key in _strongest(best)]


def _collect(
    best: dict[tuple[int, int], tuple[float, _Candidate]],
    windows: np.ndarray,
    whole: np.ndarray,
    how: tuple[int, bool],
    least: float,
) -> None:
    """Keep the pairs whose cosine is at least `least`, where none better is known."""
    for start in range(0, len(windows), _ROWS):
        cosines = windows[start : start + _ROWS] @ whole.T
        rows, columns = np.nonzero(cosines >= least)
        order = np.argsort(-cosines[rows, columns])[: _ROWS * _MOST_A_PHOTO]
        for row, column in zip(rows[order].tolist(), columns[order].tolist(), strict=True):
            cut = row + start
            if cut == column:
                continue
            key, value = (min(cut, column), max(cut, column)), float(cosines[row, column])
            if key not in best or best[key][0] < value:
                best[key] = (value, (column, cut, *how))


def _strongest(best: dict[tuple[int, int], tuple[float, _Candidate]]) -> list[tuple[int, int]]:
    """The proposals by strength, each photo in at most so many of them."""
    taken: dict[int, int] = defaultdict(int)
    kept = []
    for key in sorted(best, key=lambda key: (-best[key][0], key)):
        if min(taken[key[0]], taken[key[1]]) < _MOST_A_PHOTO:
            kept.append(key)
            taken[key[0]] += 1
            taken[key[1]] += 1
    return kept


def _confirmed(thumbnails: np.ndarray, candidates: Sequence[_Candidate]) -> list[Pair]:
    """The candidates that agree in their fine structure once they are aligned."""
    if not candidates:
        return []
    whole, cut = (np.array([candidate[place] for candidate in candidates]) for place in (0, 1))
    mirrored = np.array([candidate[3] for candidate in candidates])
    source = thumbnails[cut]
    source[mirrored] = source[mirrored, :, ::-1]
    begin = np.array([_begin(candidate) for candidate in candidates])
    found = align(source, thumbnails[whole], begin)
    pairs = []
    same = (found.whole >= WHOLE) & (found.fine >= np.where(mirrored, FINE_MIRRORED, FINE))
    for place in np.nonzero(same)[0].tolist():
        one, other = sorted((candidates[place][0], candidates[place][1]))
        kind = "mirrored" if mirrored[place] else _kind(found.windows[place], float(found.fine[place]))
        pairs.append(Pair(one, other, kind, round(1 - float(found.fine[place]), 4)))
    return pairs


def _begin(candidate: _Candidate) -> tuple[float, float, float, float]:
    """Where the alignment of a candidate begins; a mirrored window is on the other side."""
    (left, right), (top, bottom) = _windows()[candidate[2]]
    shift = right - left if candidate[3] else left - right
    return 1 - left - right, shift, 1 - top - bottom, top - bottom


def _kind(window: np.ndarray, fine: float) -> str:
    """What a confirmed pair most likely is."""
    if fine < _BURST:
        return "burst"
    return "cropped" if min(window[0], window[2]) < _CROPPED or max(window[0], window[2]) > 1 / _CROPPED else "re-saved"
