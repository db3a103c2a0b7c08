"""Photos that show the same picture: copies, re-saves, resizes, light crops, mirror images, bursts.

Two stages. The coarse shape of every photo, and of sixteen light crops and the
mirror image of each, proposes pairs by one matrix product after another; then
each pair is aligned and must agree in its fine structure as well, which two
like photos of like things do not. What the measurements were: docs/LOG.md.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from tellapart.cache import kept_json
from tellapart.photos.alignment import align
from tellapart.photos.proposals import Proposals, Thumbnails, propose
from tellapart.photos.scan import Photo, digest_of
from tellapart.progress import Progress

_VERSION: Final = "duplicates 1"  # counts up where the same photos are judged otherwise
_FLAT: Final = 0.02  # Contrast; a nearly blank photo correlates with anything.
# Proposals of each photo that are aligned at once. Eight join the copies of a burst nearly always; what they miss, the
# rounds after it find.
_A_PHOTO: Final = 8
_ROUNDS: Final = 3
_AT_ONCE: Final = 2048  # pairs: 16 MB of thumbnails, and some times that while they are aligned
# From 0.72 up all pairs that furniture4 has of itself are one photo or one studio scene, from 0.70 down like sofas on
# white are among them. Mirror images are symmetrical things more often than copies.
WHOLE: Final = 0.85
FINE: Final = 0.75
FINE_MIRRORED: Final = 0.80
_BURST: Final = 0.85  # Of a copy more is left.
_CROPPED: Final = 0.97  # A window smaller than this was cut, not resized.


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


def find_duplicates(photos: Sequence[Photo]) -> Duplicates:
    """Group photos that show the same picture.

    Args:
        photos: As `scan` gives them; those without a `look` are compared by their pixels alone.
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
        near = _near_duplicates([look.thumbnail for place in places if (look := photos[place].look)])
        pairs += [Pair(places[pair.one], places[pair.other], pair.kind, pair.distance) for pair in near]
    groups = joined(len(photos), ((pair.one, pair.other) for pair in pairs))
    return Duplicates(tuple(group for group in groups if len(group) > 1), tuple(pairs))


def kept_duplicates(photos: Sequence[Photo], cache: Path | None, progress: Progress | None = None) -> Duplicates:
    """What `find_duplicates` finds, read from the cache where the same photos were compared before."""
    if cache is None:
        return find_duplicates(photos)
    told = [f"{photo.content} {bool(photo.look)}" for photo in photos]
    path = cache / "duplicates" / f"{digest_of([_VERSION, np.__version__, *told])}.json"

    def read(value: Any) -> Duplicates:
        groups = tuple(tuple(group) for group in value["groups"])
        return Duplicates(groups, tuple(Pair(**pair) for pair in value["pairs"]))

    return kept_json(path, lambda: asdict(find_duplicates(photos)), read, progress)


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


def _confirmed(thumbnails: Thumbnails, proposals: Proposals) -> list[Pair]:
    """The proposals that agree in their fine structure once they are aligned, so many at a time."""
    places = np.arange(len(proposals))
    parts = (proposals.take(places[start : start + _AT_ONCE]) for start in range(0, len(proposals), _AT_ONCE))
    return [pair for part in parts for pair in _aligned(thumbnails, part)]


def _aligned(thumbnails: Thumbnails, proposals: Proposals) -> list[Pair]:
    source, target = (np.stack([thumbnails[place] for place in some]) for some in (proposals.cut, proposals.whole))
    source[proposals.mirrored] = source[proposals.mirrored, :, ::-1]
    found = align(source, target, proposals.begin())
    same = (found.whole >= WHOLE) & (found.fine >= np.where(proposals.mirrored, FINE_MIRRORED, FINE))
    pairs = []
    for place in np.nonzero(same)[0].tolist():
        one, other = sorted((int(proposals.whole[place]), int(proposals.cut[place])))
        fine = float(found.fine[place])
        kind = "mirrored" if proposals.mirrored[place] else _kind(found.windows[place], fine)
        pairs.append(Pair(one, other, kind, round(1 - fine, 4)))
    return pairs


def _near_duplicates(thumbnails: Thumbnails) -> list[Pair]:
    """Align the strongest proposals of each photo, then those that may still join a group to something else."""
    proposals = propose(thumbnails)
    first = proposals.strongest(_A_PHOTO)
    pairs = _confirmed(thumbnails, proposals.take(first))
    rest = proposals.take(~first)
    for _ in range(_ROUNDS):
        groups = joined(len(thumbnails), ((pair.one, pair.other) for pair in pairs))
        name, size = np.zeros(len(thumbnails), dtype=np.int64), np.zeros(len(thumbnails), dtype=np.int64)
        for number, group in enumerate(groups):
            name[list(group)], size[list(group)] = number, len(group)
        one, other = np.sort(np.stack([name[rest.whole], name[rest.cut]]), axis=0)
        open_ones = np.nonzero((one != other) & (np.maximum(size[rest.whole], size[rest.cut]) > 1))[0]
        # The strongest for each two groups.
        _, strongest = np.unique(one[open_ones] * len(groups) + other[open_ones], return_index=True)
        chosen = open_ones[strongest][: _A_PHOTO * len(thumbnails)]
        more = _confirmed(thumbnails, rest.take(chosen))
        if not more:
            break
        pairs += more
        rest = rest.take(np.setdiff1d(np.arange(len(rest)), chosen))
    return pairs


def _kind(window: np.ndarray, fine: float) -> str:
    """What a confirmed pair most likely is."""
    if fine < _BURST:
        return "burst"
    return "cropped" if min(window[0], window[2]) < _CROPPED or max(window[0], window[2]) > 1 / _CROPPED else "re-saved"
