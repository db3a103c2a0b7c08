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
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tellapart.errors import StorageError
from tellapart.temporaries import old_name, temporary_file, temporary_folder

_ADVICE = {
    errno.ENOSPC: "The disk is full. Next: free some space, then the same command with --resume",
    errno.EFBIG: "The file is larger than is allowed here. Next: raise the limit (ulimit -f), then --resume",
    errno.EDQUOT: "The disk quota is used up. Next: free some space, then the same command with --resume",
    errno.EACCES: "Permission denied. Next: choose a folder that you may write to with --out",
    errno.EPERM: "Permission denied. Next: choose a folder that you may write to with --out",
    errno.EROFS: "The disk is read-only. Next: choose another folder with --out",
    errno.EEXIST: "A file stands where a folder is needed. Next: move that file away",
    errno.ENOTDIR: "A part of that path is a file, not a folder. Next: choose another folder with --out",
}


@contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Turn what the system says when `path` cannot be written into a StorageError."""
    try:
        yield
    except OSError as problem:
        told = storage_error(problem, path)
        if told is None:
            raise
        raise told from problem


def storage_error(problem: OSError, path: Path | None = None) -> StorageError | None:
    """The StorageError for what the system says, or None where it is about something else."""
    advice = _ADVICE.get(problem.errno or 0)
    return StorageError(f"Cannot write {path or problem.filename or 'a file'}. {advice}.") if advice else None


def make_folder(path: Path) -> Path:
    """Create a folder and its parents where missing, and return it."""
    with storage_errors(path):
        path.mkdir(parents=True, exist_ok=True)
    return path


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`; on success it is flushed and renamed to `path`.

    Raises:
        StorageError: No space, no permission; what stood at `path` is as it was.
    """
    make_folder(path.parent)
    with storage_errors(path), temporary_file(path) as temporary:
        yield temporary
        _flush(temporary)
        # A temporary file has mode 0600; a result is as readable as any other file.
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
        _flush(path.parent)


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
    with storage_errors(path), temporary_folder(path) as temporary:
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
    with whole_file(path) as temporary:
        temporary.write_bytes(content)


def write_text(path: Path, content: str) -> None:
    """Write a UTF-8 file whole, with Unix line ends on every system."""
    write_bytes(path, content.encode("utf-8"))


def write_json(path: Path, content: Any) -> None:
    """Write indented JSON whole; NaN and infinity are refused (they are not JSON)."""
    write_text(path, json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


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


def cache_folder() -> Path:
    """Where features and decoded photos are kept: `TELLAPART_CACHE`, else the user's cache folder."""
    chosen = os.environ.get("TELLAPART_CACHE")
    if chosen:
        return Path(chosen)
    base = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA")
    return (Path(base) if base else Path.home() / ".cache") / "tellapart"
