"""What is kept for later runs: where the cache cannot be written a run goes on without it, and says so once."""

import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar
from weakref import WeakSet

import numpy as np

from tellapart.errors import StorageError
from tellapart.files import read_json, whole_file, write_json
from tellapart.memory import available_bytes
from tellapart.progress import Progress

# What cannot be kept on disk may take as much memory, and no more than this share of what is available.
MOST_IN_MEMORY: Final = 1_000_000_000
_SHARE: Final = 0.25
_told: WeakSet[Any] = WeakSet()

Read = TypeVar("Read")
Rows = Callable[[], Iterable[np.ndarray]]


@contextmanager
def kept_where_possible(progress: Progress | None = None) -> Iterator[None]:
    """Write to the cache; what fails for want of room or permission is told once a run, and otherwise ignored.

    Args:
        progress: Where it is told; without one it is not.
    """
    try:
        yield
    except StorageError as problem:
        _tell_once(problem, progress)


def _tell_once(problem: StorageError, progress: Progress | None) -> None:
    if progress is None or progress in _told:
        return
    _told.add(progress)
    found = str(problem).partition(" Next: ")[0]
    progress.note(f"The cache cannot be used: {found} The run goes on without it, and keeps nothing for later runs.")


def kept_json(path: Path, make: Callable[[], Any], read: Callable[[Any], Read], progress: Progress | None) -> Read:
    """What JSON takes, made once and kept at `path`.

    Args:
        path: A file in the cache, whose name holds everything that the value depends on.
        make: Makes the value, where it is missing or damaged.
        read: Makes of the value what is wanted.
        progress: Where it is told that the cache cannot be used.
    """
    try:
        return read(read_json(path))
    except (OSError, ValueError, KeyError, TypeError, IndexError):
        value = make()
    with kept_where_possible(progress):
        write_json(path, value)
    return read(value)


def kept_rows(path: Path, rows: Rows, shape: tuple[int, ...], kind: type, progress: Progress) -> np.ndarray:
    """An array made row by row and kept at `path`; where that cannot be written and it is small, it stays in memory.

    Args:
        path: A .npy file in the cache, whose name holds everything that the array depends on.
        rows: Makes the rows; called again where the first try could not be written.
        shape: Of the whole array.
        kind: Of its numbers.
        progress: Where it is told that the cache cannot be used.

    Returns:
        The array, read-only, mapped from disk where it is kept.

    Raises:
        StorageError: It cannot be written, and is too large for memory.
    """
    found = _mapped(path)
    if found is not None:
        return found
    try:
        write_rows(path, rows(), shape, kind)
    except StorageError as problem:
        if math.prod(shape) * np.dtype(kind).itemsize > _most_in_memory():
            raise
        _tell_once(problem, progress)
    found = _mapped(path)
    return _in_memory(rows(), shape, kind) if found is None else found


def write_rows(path: Path, rows: Iterable[np.ndarray], shape: tuple[int, ...], kind: type) -> None:
    """Write an array row by row, whole, in NumPy's own format.

    Not through a memory map: on a full disk that ends the process.
    """
    header = {"descr": np.dtype(kind).str, "fortran_order": False, "shape": shape}
    needed = math.prod(shape) * np.dtype(kind).itemsize
    with whole_file(path, needed) as temporary, temporary.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        for row in rows:
            file.write(row.astype(kind, copy=False).tobytes())


def map_rows(path: Path) -> np.ndarray:
    """Map an array that `write_rows` wrote; nothing of it is read before it is used."""
    return np.load(path, mmap_mode="r", allow_pickle=False)  # type: ignore[no-any-return]


def _mapped(path: Path) -> np.ndarray | None:
    try:
        return map_rows(path)
    except OSError:  # it is not there, or the cache may not be read
        return None


def _in_memory(rows: Iterable[np.ndarray], shape: tuple[int, ...], kind: type) -> np.ndarray:
    found: np.ndarray = np.empty(shape, kind)
    for place, row in enumerate(rows):
        found[place] = row.astype(kind, copy=False)
    found.flags.writeable = False
    return found


def _most_in_memory() -> float:
    available = available_bytes()
    return MOST_IN_MEMORY if available is None else min(MOST_IN_MEMORY, _SHARE * available)
