"""Long listings of photos, streamed: folders, patterns, files of names, Parquet tables, tar files, addresses.

Each is gone through twice, and in the same order: once to count it and to know it again, once to work on it. Memory
does not grow with it.
"""

import hashlib
import json
import os
import tarfile
import weakref
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from glob import iglob
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any, Final

from tellapart.deploy.places import STANDARD_INPUT, find_photos, is_photo, texts_on_input
from tellapart.errors import MissingExtraError, OptionError, PhotosError, SourceError, TellapartError
from tellapart.scale.sources import Source, filesystem_of, is_absolute, is_address, open_place

OF_FILE: Final = "@"
COLUMN: Final = "path"  # of a Parquet table
_TABLE, _TAR = ".parquet", ".tar"
_ZIPPED: Final = (".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar.zst")
_ROWS: Final = 10_000  # of a Parquet table at once


@dataclass(frozen=True)
class Listed:
    """A listing, gone through once.

    Attributes:
        n_photos: How many it names; one that is named twice counts twice.
        fingerprint: SHA-256 of all names in their order, in hexadecimal digits.
        is_relative: Whether some names start at the working directory.
    """

    n_photos: int
    fingerprint: str
    is_relative: bool = False


class Listing:
    """The photos that some places name; can be gone through any number of times.

    Args:
        places: Photos, folders and patterns as `tellapart predict` takes them; `@FILE`, a file of names, and `-` for
            names on standard input, one a line; Parquet tables with a column `path`; tar files of photos (WebDataset);
            and the address of any of these that fsspec reads.
        null: Whether a NUL stands behind each name of standard input, instead of a line end.
    """

    def __init__(self, places: Sequence[str | os.PathLike[str]], *, null: bool = False) -> None:
        self._places = [os.fspath(place) for place in places]
        self._null = null
        self._kept: IO[bytes] | None = None

    def __iter__(self) -> Iterator[Source]:
        """Go through it.

        Raises:
            PhotosError: A place is not there, or names no photo.
        """
        for place in self._places:
            n_found = 0
            for source in self._of(place):
                n_found += 1
                yield source
            if not n_found:
                raise PhotosError(
                    f"{place} names no photo. Accepted: JPEG, PNG, WebP, BMP, GIF, TIFF. Next: look at it"
                )

    def read(self) -> Listed:
        """Count it, and tell its fingerprint.

        Raises:
            PhotosError: A place is not there, or names no photo.
        """
        digest, n_photos, is_relative = hashlib.sha256(), 0, False
        for source in self:
            digest.update(as_line(source))
            n_photos += 1
            is_relative = is_relative or not is_absolute(source.place)
        return Listed(n_photos, digest.hexdigest(), is_relative)

    def _of(self, place: str) -> Iterator[Source]:
        if place == STANDARD_INPUT:
            return _of_names(self._input())
        if place.startswith(OF_FILE):
            return _of_names(_lines(place.removeprefix(OF_FILE)))
        if place.endswith(_ZIPPED):
            raise PhotosError(f"{place} is compressed as a whole. Accepted: .tar. Next: unpack it to .tar")
        if is_address(place):
            return _told(place, _of_address(place))
        return _of_path(place)

    def _input(self) -> Iterator[str]:
        """Names on standard input, which can be read once: kept in a file that has no name."""
        if self._kept is None:
            self._kept = TemporaryFile()  # noqa: SIM115  it is gone with the listing
            weakref.finalize(self, self._kept.close)
            for name in texts_on_input(null=self._null):
                self._kept.write(os.fsencode(name) + b"\0")
        self._kept.seek(0)
        return texts_on_input(self._kept, null=True)


def as_line(source: Source) -> bytes:
    """A photo as one line of JSON, by which a listing is known again."""
    return json.dumps(source.as_json()).encode() + b"\n"


def cut(sources: Iterable[Source], size: int) -> Iterator[list[Source]]:
    """Cut a listing into pieces of so many photos; the last has what is left."""
    piece: list[Source] = []
    for source in sources:
        piece.append(source)
        if len(piece) == size:
            yield piece
            piece = []
    if piece:
        yield piece


def _of_path(place: str) -> Iterator[Source]:
    path = Path(place)
    if path.is_dir() and place.rstrip("/").endswith(_TABLE):
        for table in sorted(path.glob("*" + _TABLE)):
            yield from _of_table(str(table))
    elif place.endswith((_TABLE, _TAR)) and not path.is_dir():
        found = [place] if path.is_file() else sorted(iglob(place, recursive=True))
        if not found:
            raise PhotosError(f"There is no {place}. Accepted: a .parquet or .tar file, or a pattern. Next: check it.")
        for one in found:
            yield from _of_file(one)
    else:
        for photo in find_photos([place]):
            yield Source(str(photo))


def _of_address(place: str) -> Iterator[Source]:
    filesystem, path = filesystem_of(place)
    if any(sign in path for sign in "*?["):
        for one in sorted(filesystem.glob(path)):
            yield from _of_file(filesystem.unstrip_protocol(one)) if _is_listed(one) else ()
    elif place.endswith((_TABLE, _TAR)) or not filesystem.isdir(path):
        if not filesystem.exists(path):
            raise PhotosError(f"There is no {place}. Next: check the address, and that you may read it.")
        yield from _of_file(place)
    else:
        for folder, folders, names in filesystem.walk(path):
            folders.sort()
            found = (f"{folder.rstrip('/')}/{name}" for name in sorted(names) if _is_photo(name))
            yield from (Source(filesystem.unstrip_protocol(one)) for one in found)


def _told(place: str, found: Iterator[Source]) -> Iterator[Source]:
    """File systems of other packages fail in ways of their own: each as one line."""
    try:
        yield from found
    except TellapartError:
        raise
    except Exception as problem:
        told = " ".join(str(problem).split())[:200]
        raise SourceError(f"{place} cannot be listed ({type(problem).__name__}: {told}). Next: try again") from problem


def _of_file(place: str) -> Iterator[Source]:
    if place.endswith(_TABLE):
        return _of_table(place)
    return _of_tar(place) if place.endswith(_TAR) else iter((Source(place),))


def _of_names(names: Iterable[str]) -> Iterator[Source]:
    """Names that were written down: each is a photo, there or not, or a file of photos."""
    for name in names:
        if not is_address(name) and os.path.isdir(name):
            yield from (Source(str(photo)) for photo in find_photos([name]))
        else:
            yield from _of_file(name)


def _lines(place: str) -> Iterator[str]:
    with _opened(place) as file:
        try:
            yield from texts_on_input(file)
        except OptionError as problem:  # it speaks of standard input
            raise PhotosError(
                f"{place} holds no names of files. Accepted: one a line. Next: check the file."
            ) from problem


def _of_table(place: str) -> Iterator[Source]:
    try:
        from pyarrow import ArrowException
        from pyarrow.parquet import ParquetFile
    except ImportError as problem:
        raise MissingExtraError("pyarrow", "scale") from problem
    with _opened(place) as file:
        try:
            table: Any = ParquetFile(file)
        except ArrowException as problem:
            raise PhotosError(f"{place} is no Parquet file ({problem}). Next: check the file.") from problem
        if COLUMN not in table.schema_arrow.names:
            found = ", ".join(table.schema_arrow.names[:10])
            raise PhotosError(f"{place} has no column '{COLUMN}'. Found: {found}. Next: rename the column of paths.")
        for rows in table.iter_batches(_ROWS, columns=[COLUMN]):
            for name in rows.column(0).to_pylist():
                if not isinstance(name, str):
                    raise PhotosError(f"{place} holds {name!r} as a {COLUMN}. Accepted: texts. Next: leave it out.")
                yield Source(name)


def _of_tar(place: str) -> Iterator[Source]:
    with _opened(place) as file:
        try:
            with tarfile.open(fileobj=file, mode="r:") as tar:
                while (member := tar.next()) is not None:
                    tar.members = []  # type: ignore[attr-defined]  # it keeps every header that it has read
                    if member.isreg() and not member.issparse() and _is_photo(member.name):
                        yield Source(place, member.name, member.offset_data, member.size)
        except tarfile.TarError as problem:
            raise PhotosError(
                f"{place} is no tar file, or a damaged one ({problem}). Next: check the file."
            ) from problem


def _opened(place: str) -> IO[bytes]:
    try:
        return open_place(place)
    except OSError as problem:
        reason = (problem.strerror or str(problem)).lower()
        raise PhotosError(f"{place} cannot be read: {reason}. Next: check the path.") from problem


def _is_listed(path: str) -> bool:
    return path.endswith((_TABLE, _TAR)) or _is_photo(path)


def _is_photo(path: str) -> bool:
    return is_photo(path.rsplit("/", 1)[-1])
