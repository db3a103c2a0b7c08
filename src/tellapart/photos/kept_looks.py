"""What a scan found out about photos, kept by their contents.

The next scan of the same source reads its files, and decodes the new ones alone.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
import PIL

from tellapart.cache import kept_where_possible, map_rows, write_rows
from tellapart.files import read_json, write_json
from tellapart.photos.decode import DECODER
from tellapart.photos.look import SIDE, Look
from tellapart.progress import Progress

MOST: Final = 20_000  # photos of a source: with their thumbnails these are 80 MB
_VERSION: Final = "looks 1"  # counts up where the same photo is measured otherwise
_PLAIN: Final = ("pixels", "width", "height")
MEASURED: Final = (*_PLAIN, "look")  # of `scan.Photo`, what follows from a file's content alone


class Seen(Protocol):
    """A photo that was measured: `scan.Photo`."""

    @property
    def content(self) -> str:
        """SHA-256 of its file."""

    def measured(self) -> dict[str, Any]:
        """What of it follows from its content alone: the names are those of `MEASURED`."""


class KeptLooks:
    """What was found out about the photos of one source, by the content of each.

    Args:
        cache: The cache's folder; None keeps nothing.
        source: The folder or table of the photos.
    """

    def __init__(self, cache: Path | None, source: Path) -> None:
        named = json.dumps([_VERSION, DECODER, PIL.__version__, str(source.absolute())])
        key = hashlib.sha256(named.encode()).hexdigest()[:24]
        self._place = None if cache is None else cache / "looks" / key
        self._found: dict[str, dict[str, Any]] = {}
        if self._place is not None:
            with suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
                self._found = _read(self._place)

    def get(self, content: str) -> dict[str, Any] | None:
        """What `Photo` takes of a content that was seen before: pixels, width, height and look."""
        return self._found.get(content)

    def keep(self, photos: Sequence[Seen], progress: Progress | None) -> None:
        """Keep what is known of the photos that are there now, where any of them is new.

        Args:
            photos: All of the source.
            progress: Where it is told that the cache cannot be used.
        """
        if self._place is None or not 0 < len(photos) <= MOST:
            return
        by_content = {photo.content: photo.measured() for photo in photos}
        if by_content.keys() != self._found.keys():
            with kept_where_possible(progress):
                _write(self._place, by_content)


def _rows(place: Path) -> Path:
    return place.with_suffix(".json")


def _thumbnails(place: Path) -> Path:
    return place.with_suffix(".npy")


def _read(place: Path) -> dict[str, dict[str, Any]]:
    """By their contents, what is kept of some photos; a ValueError where a thumbnail is another one than was kept."""
    told = read_json(_rows(place))
    thumbnails = map_rows(_thumbnails(place))
    if thumbnails.shape != (len(told["photos"]), SIDE, SIDE) or told["thumbnails"] != _digest(thumbnails):
        raise ValueError(place)
    return {
        content: {**{name: row[name] for name in _PLAIN}, "look": Look(**row["look"], thumbnail=thumbnail)}
        for (content, row), thumbnail in zip(told["photos"].items(), thumbnails, strict=True)
    }


def _write(place: Path, photos: Mapping[str, dict[str, Any]]) -> None:
    """Thumbnails first: rows that do not fit them are passed over."""
    write_rows(_thumbnails(place), _each_thumbnail(photos), (len(photos), SIDE, SIDE), np.uint8)
    rows = {
        content: {**{name: seen[name] for name in _PLAIN}, "look": _without_thumbnail(seen["look"])}
        for content, seen in photos.items()
    }
    write_json(_rows(place), {"thumbnails": _digest(map_rows(_thumbnails(place))), "photos": rows})


def _each_thumbnail(photos: Mapping[str, dict[str, Any]]) -> Iterator[np.ndarray]:
    return (np.asarray(seen["look"].thumbnail) for seen in photos.values())


def _without_thumbnail(look: Look) -> dict[str, Any]:
    told = asdict(replace(look, thumbnail=np.empty(0)))
    del told["thumbnail"]
    return told


def _digest(thumbnails: np.ndarray) -> str:
    return hashlib.sha256(thumbnails.data).hexdigest()
