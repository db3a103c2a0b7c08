"""Thumbnails in a file without a name, so that memory does not grow with the number of photos.

Where there is no room for that file they stay in memory, as many as it takes little of.
"""

import weakref
from tempfile import TemporaryFile
from threading import Lock
from typing import IO, Any

import numpy as np


class Shelf:
    """Keeps arrays of bytes, all of one shape, until nobody holds one of them any more."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._shape: tuple[int, ...] = ()
        self._n = 0
        try:
            # Not buffered: what a buffer held would be lost where there is no room for it.
            self._file: IO[bytes] | None = TemporaryFile(buffering=0)  # noqa: SIM115  closed with the last array
            weakref.finalize(self, self._file.close)
        except OSError:  # no folder for temporary files can be written
            self._file = None

    def put(self, thumbnail: np.ndarray) -> "Shelved | np.ndarray":
        """Keep an array.

        Args:
            thumbnail: uint8, of the same shape each time.

        Returns:
            What NumPy takes for that array; where there is no room for it, the array itself.
        """
        with self._lock:
            self._shape, place = thumbnail.shape, self._n
            if not self._written(place * thumbnail.size, thumbnail.tobytes()):
                return thumbnail
            self._n += 1
        return Shelved(self, place)

    def get(self, place: int) -> np.ndarray:
        """Read an array."""
        size = int(np.prod(self._shape))
        with self._lock:
            if self._file is None:
                raise IndexError(place)
            self._file.seek(place * size)
            return np.frombuffer(self._file.read(size), dtype=np.uint8).reshape(self._shape)

    def _written(self, start: int, content: bytes) -> bool:
        """Whether all of it could be written; a disk that is nearly full takes a part and says nothing."""
        if self._file is None:
            return False
        try:
            self._file.seek(start)
            return self._file.write(content) == len(content)
        except OSError:
            return False


class Shelved:
    """An array on a shelf; `np.asarray` and `np.stack` read it."""

    __slots__ = ("_place", "_shelf")

    def __init__(self, shelf: Shelf, place: int) -> None:
        self._shelf, self._place = shelf, place

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """The array, read anew each time."""
        return np.asarray(self._shelf.get(self._place), dtype=dtype)
