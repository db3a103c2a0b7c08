"""Files and folders under a temporary name, and those removed whose process is gone.

Each is locked by the process that writes it. The lock ends with its process, however that ends, so that whoever finds
one that is not locked may remove it: in a cache that several runs share, too.
"""

import os
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import NamedTemporaryFile, mkdtemp
from typing import Final

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

_TEMPORARY: Final = re.compile(r"^\..*\.[a-z0-9_]{8}\.tmp")
_OLD: Final = re.compile(r"^\.(?P<name>.+)\.old$")
_DAY: Final = 86_400  # seconds: where nothing can be locked, what was not touched for so long belongs to nobody
_FREE, _HELD, _UNKNOWN = "free", "held", "unknown"


@contextmanager
def temporary_file(path: Path) -> Iterator[Path]:
    """Give an empty file beside `path`, which is removed afterwards unless it was renamed."""
    while True:
        with NamedTemporaryFile(
            dir=path.parent, prefix=f".{_start(path.name)}.", suffix=f".tmp{_start(path.suffix)}", delete=False
        ) as handle:
            temporary = Path(handle.name)
        owned = _own(temporary)
        if owned is not None:
            break  # else somebody removed it before it was locked
    try:
        yield temporary
    finally:
        with suppress(OSError):  # renamed by now; or the disk is read-only by now, or gone
            temporary.unlink()
        _let_go(owned)


@contextmanager
def temporary_folder(path: Path) -> Iterator[Path]:
    """Give an empty folder beside `path`, which is removed afterwards unless it was renamed."""
    while True:
        temporary = Path(mkdtemp(dir=path.parent, prefix=f".{_start(path.name)}.", suffix=".tmp"))
        owned = _own(temporary)
        if owned is not None:
            break
    try:
        yield temporary
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        _let_go(owned)


def old_name(path: Path) -> Path:
    """Where a folder lies while another takes its place."""
    return path.with_name(f".{path.name}.old")


def is_temporary(name: str) -> bool:
    """Whether a file or folder of this name is one of those above."""
    return bool(_TEMPORARY.match(name))


def sweep(folder: Path) -> list[Path]:
    """Remove what processes that are gone have left under temporary names, in a folder and all below it.

    A folder that was moved aside for another one that never came is put back.

    Returns:
        What was removed or put back. What cannot be removed stays: the next start tries again.
    """
    return [path for path in left_behind(folder) if _clear(path)]


def left_behind(folder: Path) -> list[Path]:
    """What `sweep` would remove or put back; what a living process writes is not among it."""
    found: list[Path] = []
    for place, folders, files in os.walk(folder):
        aside = [name for name in folders if _OLD.match(name)]
        temporary = [name for name in (*folders, *files) if _TEMPORARY.match(name)]
        folders[:] = [name for name in folders if name not in {*aside, *temporary}]
        found += [Path(place) / name for name in aside]
        found += [path for path in (Path(place) / name for name in temporary) if _is_abandoned(path)]
    return found


def _clear(path: Path) -> bool:
    told = _OLD.match(path.name)
    try:
        if told and not path.with_name(told["name"]).exists():
            path.replace(path.with_name(told["name"]))
        elif path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    except OSError:
        return False
    return True


def _is_abandoned(path: Path) -> bool:
    try:
        state = _FREE if path.is_symlink() else _state(path)
        return state == _FREE or (state == _UNKNOWN and time.time() - path.lstat().st_mtime > _DAY)
    except OSError:  # it is gone, or not ours to open
        return False


def _state(path: Path) -> str:
    """Whether a living process has locked a path; unknown where nothing can be locked."""
    if fcntl is None:
        return _UNKNOWN
    descriptor = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return _HELD
    except OSError:
        return _UNKNOWN
    finally:
        os.close(descriptor)
    return _FREE


def _own(path: Path) -> int | None:
    """Lock a new file or folder.

    Returns:
        What holds the lock, below 0 where nothing can be locked; None where the path is gone.
    """
    if fcntl is None:
        return -1  # Windows renames nothing that is open
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return None
    with suppress(OSError):
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    if path.exists():
        return descriptor
    os.close(descriptor)
    return None


def _let_go(descriptor: int) -> None:
    if descriptor >= 0:
        os.close(descriptor)


def _start(name: str) -> str:
    """The start of a file's name, short enough that more may follow it: names end at 255 bytes."""
    return os.fsdecode(os.fsencode(name)[:80])
