"""Files that go from one machine to another as bytes, and the folder into which a machine unpacks them, once."""

import io
import json
import os
import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Final
from zipfile import BadZipFile, ZipFile, ZipInfo

from tellapart.errors import StorageError
from tellapart.files import make_folder, whole_folder
from tellapart.scale.tasks import Shared
from tellapart.temporaries import is_temporary

_NAMES: Final = "names"  # the one member that is no file
_DIGITS: Final = 24  # of the digest: a folder's name
_KEPT: Final = 7 * 86_400  # seconds since its last use


def pack(files: Iterable[tuple[str, Path | bytes]]) -> bytes:
    """Put files into one archive; the same files give the same bytes.

    Args:
        files: The name of each, with forward slashes, and its path or its content. Names may hold any bytes.
    """
    names: list[str] = []
    told = io.BytesIO()
    with ZipFile(told, "w") as archive:  # photos and weights are compressed already, or cannot be
        for name, content in files:
            archive.writestr(ZipInfo(str(len(names))), content if isinstance(content, bytes) else content.read_bytes())
            names.append(name)
        archive.writestr(ZipInfo(_NAMES), json.dumps(names))
    return told.getvalue()


def parts(content: bytes) -> Iterator[tuple[str, bytes]]:
    """The files of an archive, in the order in which they were put in.

    Raises:
        StorageError: It is damaged, or a name leads out of the folder that it is unpacked into.
    """
    try:
        with ZipFile(io.BytesIO(content)) as archive:
            for number, name in enumerate(json.loads(archive.read(_NAMES))):
                if not stays_inside(name):
                    raise StorageError(f"What was sent holds '{name}'. Accepted: names inside its folder")
                yield name, archive.read(str(number))
    except (BadZipFile, KeyError, ValueError, TypeError) as problem:
        raise StorageError(f"What was sent is damaged ({problem}). Next: the same command again") from problem


def stays_inside(name: str) -> bool:
    """Whether a relative name, with forward slashes, leads to a place below the folder that it starts at."""
    path = PurePosixPath(name)
    return bool(path.parts) and not path.is_absolute() and ".." not in path.parts


def unpacked(digest: str, content: Shared, place: Path) -> Path:
    """The folder that holds an archive's files; who comes first on a machine unpacks it, others wait for that.

    Folders of other archives that nobody has asked for in a week are removed.

    Args:
        digest: SHA-256 of the archive.
        content: Gives it; not asked where it lies there unpacked.
        place: Holds the folders of all archives.
    """
    from filelock import FileLock

    folder = make_folder(place) / digest[:_DIGITS]
    with FileLock(place / "lock"):
        if not folder.is_dir():
            _remove_old(place)
            with whole_folder(folder) as temporary:
                for name, part in parts(content()):
                    path = temporary / name
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_bytes(part)
        os.utime(folder)
    return folder


def _remove_old(place: Path) -> None:
    for path in place.iterdir():
        with suppress(OSError):
            if path.is_dir() and not is_temporary(path.name) and time.time() - path.stat().st_mtime > _KEPT:
                shutil.rmtree(path)
