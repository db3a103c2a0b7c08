"""What the system says where a file cannot be written, as one line: what is needed, how much there is, what to type.

Libraries that write files have errors of their own (SQLAlchemy, HDF5, TensorFlow); they are known by their words.
"""

import errno
import os
import shutil
import tempfile
from pathlib import Path
from typing import Final

from tellapart.errors import StorageError, TellapartError
from tellapart.going_on import same_command

# What was found, and what to do about it; `_AGAIN` becomes how this command goes on.
_AGAIN: Final = "{again}"
_SPACE: Final = f"Next: free some space, {_AGAIN}"
_ELSEWHERE: Final = f"Next: get that permission, or choose another folder with --out; {_AGAIN}"
_ADVICE: Final = {
    errno.ENOSPC: ("The disk is full", _SPACE),
    errno.EDQUOT: ("The disk quota is used up", _SPACE),
    errno.EFBIG: ("The file is larger than is allowed here", f"Next: raise the limit (ulimit -f), {_AGAIN}"),
    errno.EACCES: ("Permission denied", _ELSEWHERE),
    errno.EPERM: ("Permission denied", _ELSEWHERE),
    errno.EROFS: ("The disk is read-only", f"Next: make it writable, or choose another folder with --out; {_AGAIN}"),
    errno.EIO: ("The disk reports an error", f"Next: look after that disk, or another folder with --out; {_AGAIN}"),
    errno.ESTALE: ("The disk has gone", f"Next: bring that disk back, {_AGAIN}"),
    errno.ENXIO: ("The disk has gone", f"Next: bring that disk back, {_AGAIN}"),
    errno.ENODEV: ("The disk has gone", f"Next: bring that disk back, {_AGAIN}"),
    errno.EEXIST: ("A file stands where a folder is needed", "Next: move that file away"),
    errno.ENOTDIR: ("A part of that path is a file, not a folder", "Next: choose another folder with --out"),
}
# The words of libraries that do not pass on the system's number.
_WORDS: Final = (
    ("No space left on device", errno.ENOSPC),
    ("database or disk is full", errno.ENOSPC),
    ("Disk quota exceeded", errno.EDQUOT),
    ("File too large", errno.EFBIG),
    ("Read-only file system", errno.EROFS),
    ("attempt to write a readonly database", errno.EROFS),
    ("unable to open database file", errno.EACCES),
    ("disk I/O error", errno.EIO),
    ("Permission denied", errno.EACCES),
)
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
# What is said where the folder is no longer there; SQLite speaks of a database that cannot be opened or written.
_OF_REMOVAL: Final = frozenset({errno.ENOENT, errno.EACCES, errno.EROFS, errno.EIO})
TEMPORARY: Final = "tellapart-"  # how temporary folders begin


def storage_error(problem: BaseException, path: Path | None = None, needed: str = "") -> StorageError | None:
    """The StorageError for what went wrong, or None where it is about something else.

    Args:
        problem: What the system said, or a library.
        path: What was to be written; where it is not known the error may say.
        needed: What it takes, as the start of a sentence: "It takes 12 MB".
    """
    if isinstance(problem, TellapartError):
        return None
    number = _number(problem)
    if number in _OF_REMOVAL and path and not path.parent.is_dir():
        return removed(path.parent)
    if number not in _ADVICE:
        return None
    named = path or getattr(problem, "filename", None) or _named_by(problem)
    found, advice = _ADVICE[number]
    verb = "write" if path or number in _FULL else "read or write"
    parts = [f"Cannot {verb} {named or 'a file'}", found]
    if number == errno.EFBIG:
        parts.append(", and ".join(filter(None, [needed, _largest()])))
    elif number in _FULL:
        parts.append(", and ".join(filter(None, [needed, _room(Path(named)) if named else ""])))
    return StorageError(f"{'. '.join(filter(None, parts))}. {_advice(advice, Path(named) if named else None)}.")


def megabytes(size: float) -> str:
    """Bytes for people: 12 kB, 1.5 MB, 230 MB, 4.2 GB."""
    for unit, least in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size >= least:
            number = size / least
            return f"{number:.1f} {unit}" if number < 10 and unit != "kB" else f"{number:.0f} {unit}"
    return f"{size:.0f} bytes"


def free_bytes(path: Path) -> int | None:
    """What may still be written on the disk of a path that need not exist; None where the system does not tell."""
    try:
        room = shutil.disk_usage(nearest_folder(path))
    except OSError:
        return None
    return room.free if room.total else None


def free_names(path: Path) -> int | None:
    """How many more files the disk of a path takes; None where nobody counts."""
    try:
        told = os.statvfs(nearest_folder(path))
    except (OSError, AttributeError):  # Windows has no such call
        return None
    return told.f_favail if told.f_files else None


def nearest_folder(path: Path) -> Path:
    """A path, or the nearest folder above it that is there."""
    path = Path(os.path.abspath(path))
    return next((one for one in (path, *path.parents) if os.path.isdir(one)), path)


def cache_folder() -> Path:
    """Where features and decoded photos are kept: `TELLAPART_CACHE`, else the user's cache folder."""
    chosen = os.environ.get("TELLAPART_CACHE")
    if chosen:
        return Path(chosen)
    base = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA")
    return (Path(base) if base else Path.home() / ".cache") / "tellapart"


def _number(problem: BaseException | None) -> int:
    """The system's number of an error, by itself, by its words or by what caused it; 0 where there is none."""
    while problem is not None:
        if isinstance(problem, OSError) and problem.errno:
            return problem.errno
        for words, number in _WORDS:
            if words in str(problem):
                return number
        problem = problem.__cause__
    return 0


def _named_by(problem: BaseException) -> str:
    """The file that a library names between quotation marks, or ''."""
    quoted = str(problem).split("'")[1::2]
    return next((text for text in quoted if os.path.isabs(text)), "")


def removed(folder: Path) -> StorageError:
    """What is told of a folder that was there and has gone."""
    return StorageError(
        f"The folder {folder} was removed while it was written to. Next: leave it where it is, then {same_command()}."
    )


def _room(path: Path) -> str:
    free = free_bytes(path)
    if free is None:
        return ""
    if free and free_names(path) == 0:
        return f"{megabytes(free)} are free, but no room for more names of files"
    return f"{megabytes(free)} are free"


def _largest() -> str:
    try:
        import resource

        most = resource.getrlimit(resource.RLIMIT_FSIZE)[0]
    except (ImportError, OSError):
        return ""
    return f"files of at most {megabytes(most)} are allowed" if most >= 0 else ""


def _advice(advice: str, path: Path | None) -> str:
    """What to do, also where --out would not help."""
    here = os.path.abspath(path) if path else ""
    if path and _lies_in(here, os.path.abspath(cache_folder())):
        advice = f"Next: mend that, or put the cache elsewhere with TELLAPART_CACHE=FOLDER; {_AGAIN}"
    elif path and f"{os.sep}{TEMPORARY}" in here and _lies_in(here, _temporary_folder()):
        advice = f"Next: mend that, or put temporary files elsewhere with TMPDIR=FOLDER; {_AGAIN}"
    return advice.replace(_AGAIN, f"then {same_command()}")


def _lies_in(path: str, folder: str) -> bool:
    return os.path.join(path, "").startswith(os.path.join(folder, ""))


def _temporary_folder() -> str:
    try:
        return os.path.abspath(tempfile.gettempdir())
    except OSError:  # there is none that can be written
        return os.sep
