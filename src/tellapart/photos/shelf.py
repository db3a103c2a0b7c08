"""Thumbnails in a file without a name, so that memory does not grow with the number of photos."""

import weakref
from tempfile import TemporaryFile
from threading import Lock
from typing import Any

import numpy as np


class Shelf:
    """Keeps arrays of bytes, all of one shape, until nobody holds one of them any more."""

    def __init__(self) -> None:
        self._file = TemporaryFile(buffering=0)  # noqa: SIM115  closed with the last array
        self._lock = Lock()
        self._shape: tuple[int, ...] = ()
        self._n = 0
        weakref.finalize(self, self._file.close)

    def put(self, thumbnail: np.ndarray) -> "Shelved":
        """Keep an array.

        Args:
            thumbnail: uint8, of the same shape each time.

        Returns:
            What NumPy takes for that array.
        """
        with self._lock:
            self._shape, place = thumbnail.shape, self._n
            self._file.seek(place * thumbnail.size)
            self._file.write(thumbnail.tobytes())
            self._n += 1
        return Shelved(self, place)

    def get(self, place: int) -> np.ndarray:
        """Read an array."""
        size = int(np.prod(self._shape))
        with self._lock:
            self._file.seek(place * size)
            return np.frombuffer(self._file.read(size), dtype=np.uint8).reshape(self._shape)


class Shelved:
    """An array on a shelf; `np.asarray` and `np.stack` read it."""

    __slots__ = ("_place", "_shelf")

    def __init__(self, shelf: Shelf, place: int) -> None:
        self._shelf, self._place = shelf, place

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """The array, read anew each time."""
        return np.asarray(self._shelf.get(self._place), dtype=dtype)
