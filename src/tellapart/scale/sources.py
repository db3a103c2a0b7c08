"""Where one photo of a long listing is: a file, a part of a tar file, or an address that fsspec reads."""

import errno
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final, Self

from tellapart.errors import MissingExtraError, SourceError, UnreadablePhotoError
from tellapart.photos.decode import MEGABYTES
from tellapart.plain_text import printable

_TRIES: Final = 3
_PAUSE: Final = 0.5  # seconds before the second try, doubled before each further one
_MOST: Final = MEGABYTES * 1_000_000
MISSING: Final = os.strerror(errno.ENOENT).lower()  # what is said of a photo that is not there
# What is so and stays so; a broken connection is none of these, and must not become a row that says "unreadable".
_LASTING: Final = (FileNotFoundError, PermissionError, IsADirectoryError, NotADirectoryError)


@dataclass(frozen=True)
class Source:
    """A photo of a listing.

    Attributes:
        place: A path, or an address such as s3://bucket/a.jpg; of a part the file that it is in.
        member: The part's name; "" where the photo is a file of its own.
        start: Where in the file the part begins, in bytes.
        size: How many bytes it has.
    """

    place: str
    member: str = ""
    start: int = 0
    size: int = 0

    @property
    def shown(self) -> str:
        """Its name in results; bytes of a name that are not UTF-8 are written as escapes."""
        return printable(f"{self.place}/{self.member}" if self.member else self.place)

    def as_json(self) -> str | list[Any]:
        """For the inputs of a task."""
        return [self.place, self.member, self.start, self.size] if self.member else self.place

    @classmethod
    def from_json(cls, told: str | list[Any]) -> Self:
        """The inverse of `as_json`."""
        return cls(told) if isinstance(told, str) else cls(*told)


def is_address(place: str) -> bool:
    """Whether fsspec is to read it: it begins with a scheme, as s3:// or memory://."""
    scheme, separator, _ = place.partition("://")
    return bool(separator) and scheme.replace("+", "").replace(":", "").isalnum()


def is_absolute(place: str) -> bool:
    """Whether it means the same wherever a process was started."""
    return place.startswith("/") or is_address(place) or os.path.isabs(place)


def open_place(place: str) -> IO[bytes]:
    """Open a path or an address for reading.

    Raises:
        OSError: It cannot be opened.
        MissingExtraError: It is an address, and fsspec or what it needs for it is not installed.
    """
    if not is_address(place):
        return open(place, "rb")
    filesystem, path = filesystem_of(place)
    opened: IO[bytes] = filesystem.open(path, "rb")
    return opened


def filesystem_of(place: str) -> tuple[Any, str]:
    """The fsspec file system of an address, and the path there.

    Raises:
        MissingExtraError: fsspec is not installed, or not what this scheme needs.
    """
    try:
        from fsspec.core import url_to_fs

        filesystem, path = url_to_fs(place)
    except ImportError as problem:
        if problem.name in {"fsspec", "fsspec.core"}:
            raise MissingExtraError("fsspec", "scale") from problem
        told = " ".join(str(problem).split())
        raise SourceError(f"{place} cannot be read: {told}. Next: pip install what it names") from problem
    except ValueError as problem:
        raise SourceError(f"{place}: {problem}. Accepted: a scheme of fsspec, as s3://, gs://, https://") from problem
    return filesystem, path


def content_of(source: Source) -> Path | bytes:
    """What `read_pixels` takes: the path of a local file, the bytes of anything else.

    Raises:
        UnreadablePhotoError: It is not there, or larger than a photo may be.
        SourceError: It could not be fetched, in several tries.
    """
    if not source.member and not is_address(source.place):
        return Path(source.place)
    if source.size > _MOST:
        raise UnreadablePhotoError(f"{source.size / 1e6:.0f} MB; at most {MEGABYTES} are accepted")
    for further in range(1, _TRIES):
        try:
            return _fetched(source)
        except _LASTING as problem:
            raise _unreadable(problem) from problem
        except (OSError, EOFError):
            time.sleep(_PAUSE * 2 ** (further - 1))
    try:
        return _fetched(source)
    except _LASTING as problem:
        raise _unreadable(problem) from problem
    except (OSError, EOFError) as problem:
        told = " ".join(str(problem).split()) or type(problem).__name__
        raise SourceError(f"{source.shown} could not be fetched in {_TRIES} tries ({told})") from problem


def _unreadable(problem: OSError) -> UnreadablePhotoError:
    number = errno.ENOENT if isinstance(problem, FileNotFoundError) else problem.errno
    return UnreadablePhotoError((os.strerror(number) if number else type(problem).__name__).lower())


def _fetched(source: Source) -> bytes:
    if source.member:
        content = _part(source)
        if len(content) != source.size:
            raise EOFError("the file ends before it")
        return content
    with open_place(source.place) as file:
        content = file.read(_MOST + 1)
    if len(content) > _MOST:
        raise UnreadablePhotoError(f"more than {MEGABYTES} MB; at most {MEGABYTES} are accepted")
    return content


def _part(source: Source) -> bytes:
    if is_address(source.place):
        filesystem, path = filesystem_of(source.place)
        fetched: bytes = filesystem.cat_file(path, start=source.start, end=source.start + source.size)
        return fetched
    with open(source.place, "rb") as file:
        file.seek(source.start)
        return file.read(source.size)
