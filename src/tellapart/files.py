"""Files written whole: to a temporary name, flushed to disk, renamed.

A reader, or a run that is killed, meets either the old file or the new one.
"""

import csv
import errno
import io
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tellapart.errors import TellapartError
from tellapart.storage import cache_folder, free_bytes, megabytes, removed, storage_error
from tellapart.temporaries import old_name, temporary_file, temporary_folder

__all__ = [
    "cache_folder", "json_bytes", "make_folder", "read_csv", "read_json", "storage_error", "storage_errors",
    "take_folder", "whole_file", "whole_folder", "whole_or_empty", "write_bytes", "write_csv", "write_json",
    "write_text",
]  # fmt: skip

_PAGE = 4096  # bytes: where less is free nothing can be written
# Folders that a run has taken: where one is removed it is not made anew, half of it would be missing.
_TAKEN: set[str] = set()


@contextmanager
def storage_errors(path: Path, needed: int | None = None, temporary: Path | None = None) -> Iterator[None]:
    """Turn what the system, or a library, says when `path` cannot be written into a StorageError.

    Args:
        path: What is told.
        needed: Bytes that it takes, where that is known.
        temporary: Where they are written first; what lies in it is free again afterwards.
    """
    try:
        yield
    except Exception as problem:
        written, full = _length(temporary), _is_full(path)
        if written:
            with suppress(OSError):
                os.truncate(str(temporary), 0)  # so that what is told to be free is what will be
        if temporary and not isinstance(problem, TellapartError | OSError) and full:
            # Libraries in C++ write on where a disk is full, and fail later at what they find missing.
            told = storage_error(OSError(errno.ENOSPC, str(problem)), path, _takes(needed, written))
        else:
            told = storage_error(problem, path, _takes(needed, written))
        if told is None:
            raise
        raise told from problem


def _takes(needed: int | None, written: int) -> str:
    if needed is not None:
        return f"It takes {megabytes(needed)}"
    return f"It takes more than {megabytes(written)}" if written else ""


def _length(path: Path | None) -> int:
    try:
        return path.stat().st_size if path and path.is_file() else 0
    except OSError:
        return 0


def _is_full(path: Path) -> bool:
    free = free_bytes(path)
    return free is not None and free < _PAGE


def make_folder(path: Path) -> Path:
    """Create a folder and its parents where missing, and return it.

    Raises:
        StorageError: No space, no permission; or it lies in a folder of `take_folder` that was removed since.
    """
    here = os.path.abspath(path)
    for taken in _TAKEN:
        if os.path.join(here, "").startswith(os.path.join(taken, "")) and not os.path.isdir(taken):
            raise removed(Path(taken))
    with storage_errors(path):
        path.mkdir(parents=True, exist_ok=True)
    return path


def take_folder(path: Path) -> Path:
    """Create a folder as `make_folder` does; should it be removed, nothing that is written later makes it anew."""
    _TAKEN.discard(os.path.abspath(path))
    make_folder(path)
    _TAKEN.add(os.path.abspath(path))
    return path


@contextmanager
def whole_or_empty(folder: Path) -> Iterator[None]:
    """Clear a folder that was empty, or was not there, of what the block wrote before it failed.

    So the same command may follow, which takes no folder that holds something.
    """
    was_there = folder.is_dir()
    was_empty = not (was_there and any(folder.iterdir()))
    try:
        yield
    except BaseException:
        if was_empty:
            shutil.rmtree(folder, ignore_errors=True)
            if was_there:
                with suppress(OSError):
                    folder.mkdir(exist_ok=True)
        raise


@contextmanager
def whole_file(path: Path, needed: int | None = None) -> Iterator[Path]:
    """Give a temporary path beside `path`; on success it is flushed and renamed to `path`.

    Args:
        path: The file.
        needed: Bytes that it takes, where that is known: where there is less room it is not begun.

    Raises:
        StorageError: No space, no permission; what stood at `path` is as it was.
    """
    make_folder(path.parent)
    with storage_errors(path, needed), temporary_file(path) as temporary, storage_errors(path, needed, temporary):
        _check_room(path, needed)
        yield temporary
        _flush(temporary)
        # A temporary file has mode 0600; a result is as readable as any other file.
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
        _flush(path.parent)


def _check_room(path: Path, needed: int | None) -> None:
    free = free_bytes(path) if needed else None
    if needed and free is not None and free < needed:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Give a temporary folder beside `path`; on success its files are flushed and it is renamed to `path`.

    A folder that stood there is replaced. No system renames over a folder that holds something, so that one that is
    killed between two renames leaves it as `.NAME.old`, which `temporaries.sweep` puts back.

    Raises:
        StorageError: No space, no permission; what stood at `path` is as it was.
    """
    make_folder(path.parent)
    old = old_name(path)
    with storage_errors(path), temporary_folder(path) as temporary, storage_errors(path, None, temporary):
        yield temporary
        for file in temporary.rglob("*"):
            _flush(file)
        temporary.chmod(0o777 & ~_umask())
        if path.exists():
            shutil.rmtree(old, ignore_errors=True)
            path.replace(old)
        temporary.replace(path)
        _flush(path.parent)
    shutil.rmtree(old, ignore_errors=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _flush(path: Path) -> None:
    if os.name == "nt" and path.is_dir():
        return  # Windows cannot open a folder; its rename is durable without
    descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file whole."""
    with whole_file(path, len(content)) as temporary:
        temporary.write_bytes(content)


def write_text(path: Path, content: str) -> None:
    """Write a UTF-8 file whole, with Unix line ends on every system."""
    write_bytes(path, content.encode("utf-8"))


def write_json(path: Path, content: Any) -> None:
    """Write indented JSON whole; NaN and infinity are refused (they are not JSON)."""
    write_bytes(path, json_bytes(content))


def json_bytes(content: Any) -> bytes:
    """What `write_json` writes."""
    return (json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode("utf-8")


def write_csv(path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a table whole."""
    text = io.StringIO()
    # Before Python 3.13 a carriage return is quoted only where it is a part of the line end.
    writer = csv.writer(_UnixLines(text), lineterminator="\r\n")
    writer.writerow(columns)
    writer.writerows(rows)
    write_text(path, text.getvalue())


class _UnixLines:
    """Takes the rows of a `csv.writer` one by one."""

    def __init__(self, text: io.StringIO) -> None:
        self._text = text

    def write(self, row: str) -> None:
        self._text.write(row.removesuffix("\r\n") + "\n")


def read_json(path: Path) -> Any:
    """Read a JSON file."""
    return json.loads(path.read_text(encoding="utf-8"))


def read_csv(path: Path) -> list[dict[str, str]]:
    """Read a table as one mapping a row."""
    with path.open(newline="", encoding="utf-8-sig") as file:
        return list(csv.DictReader(file))
