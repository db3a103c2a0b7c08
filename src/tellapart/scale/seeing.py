"""What a worker does with the photos of a shard: fetch, decode, ask a network, a few at a time."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final

import numpy as np

from tellapart.errors import UnreadablePhotoError
from tellapart.models.forward import side_by_side
from tellapart.photos.pixels import PixelSpec, read_pixels
from tellapart.scale.sources import MISSING, Source, content_of, is_address

_TOGETHER: Final = 4  # photos a call on one core: larger batches leave the processor's caches (docs/LOG.md)
_FETCHING: Final = 8  # threads where photos come over a network: most of them wait


def seen(
    sources: Sequence[Source], spec: PixelSpec, ask: Callable[[np.ndarray], Iterable[Any]]
) -> Iterator[tuple[Any, str]]:
    """Ask a network about photos.

    Args:
        sources: Where they are.
        spec: How a photo becomes pixels.
        ask: Takes (photos, size, size, 3), uint8, and gives one answer a photo; called by several threads at once
            where photos have addresses.

    Yields:
        For each photo its answer and "", or None and why it cannot be read.

    Raises:
        SourceError: A photo could not be fetched, which it may be later.
    """

    def answered(some: list[Source]) -> list[tuple[Any, str]]:
        pictures = [_pixels(source, spec) for source in some]
        readable = [picture for picture in pictures if isinstance(picture, np.ndarray)]
        answers = iter(ask(np.stack(readable)) if readable else ())
        return [(None, one) if isinstance(one, str) else (next(answers), "") for one in pictures]

    return side_by_side(answered, sources, streams=streams_for(sources), batch=_TOGETHER)


def streams_for(sources: Sequence[Source]) -> int:
    """How many threads read photos: one, and more where some of them come over a network."""
    return _FETCHING if any(is_address(source.place) for source in sources) else 1


def facts_of(rows: Sequence[tuple[Any, str]]) -> dict[str, int]:
    """What is told of a shard: how many rows, how many photos of them could not be read, and how many are not there.

    Args:
        rows: As `seen` gives them.
    """
    errors = [error for answer, error in rows if answer is None]
    return {"rows": len(rows), "errors": len(errors), "missing": errors.count(MISSING)}


def _pixels(source: Source, spec: PixelSpec) -> np.ndarray | str:
    try:
        return read_pixels(content_of(source), spec)
    except UnreadablePhotoError as problem:
        return str(problem)
