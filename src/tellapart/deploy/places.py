"""Where photos are: files, folders, patterns, and names on standard input; found one by one, in a fixed order."""

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from itertools import pairwise
from os import PathLike
from pathlib import Path
from typing import IO, Final

from tellapart.errors import OptionError, PhotosError
from tellapart.photos.decode import SUFFIXES

STANDARD_INPUT: Final = "-"
_ACCEPTED: Final = "photos, folders of photos, patterns such as 'photos/**/*.jpg', or - for names on standard input"
_FORMATS: Final = "JPEG, PNG, WebP, BMP, GIF, TIFF"
_ANY_DEPTH: Final = "**"
_LONGEST: Final = 65_536  # bytes of a name; where more come, they are no names


def find_photos(places: Sequence[str | PathLike[str]], names: Iterable[Path] | None = None) -> Iterator[Path]:
    """Yield the photos named, those inside the folders named, and those that patterns match.

    A name is taken as it stands where there is such a file; else `*`, `?` and `[...]`
    match within a part of a path, and `**` any number of folders. Folders and
    patterns give photos by their suffix, sorted within each folder, none of them hidden.

    Args:
        places: Files, folders and patterns; "-" stands for `names`.
        names: Files and folders that were read elsewhere; one that does not exist is yielded all the same,
            so that it becomes a row with an error. None reads them from standard input, one a line.

    Raises:
        PhotosError: A place does not exist, or holds no photo; told before the first photo.
    """
    given = [os.fspath(place) for place in places]
    named = [place for place in given if place != STANDARD_INPUT]
    missing = [place for place in named if not os.path.lexists(place) and not _is_pattern(place)]
    if missing:
        raise PhotosError(f"There is no {', no '.join(missing)}. Accepted: {_ACCEPTED}. Next: check the path.")
    for place in named:
        if next(_of_place(place), None) is None:
            told = "holds" if Path(place).is_dir() else "matches"
            raise PhotosError(f"{place} {told} no photo. Accepted: {_FORMATS}. Next: check the path and the files.")
    return _found(given, names)


def count_photos(places: Sequence[str | PathLike[str]]) -> int:
    """How many photos `find_photos` gives; 0 where standard input names some, which can be read once alone."""
    if any(os.fspath(place) == STANDARD_INPUT for place in places):
        return 0
    return sum(1 for _ in find_photos(places))


def names_on_input(stream: IO[bytes] | None = None, *, null: bool = False) -> Iterator[Path]:
    """Yield the paths of files that a stream holds, as they come; as `texts_on_input`."""
    return map(Path, texts_on_input(stream, null=null))


def texts_on_input(stream: IO[bytes] | None = None, *, null: bool = False) -> Iterator[str]:
    r"""Yield the names that a stream holds, as they come and as they stand; bytes that are not UTF-8 as surrogates.

    Args:
        stream: By default standard input.
        null: Whether a NUL stands behind each name, as `find -print0` writes it, instead of a line end.

    Raises:
        OptionError: What comes are no names: a photo itself, or names with NULs between them.
    """
    lines = _between_nulls(stream or sys.stdin.buffer) if null else _lines(stream or sys.stdin.buffer)
    for line in lines:
        if line:
            yield os.fsdecode(line)


def _found(places: Sequence[str], names: Iterable[Path] | None) -> Iterator[Path]:
    for place in places:
        if place != STANDARD_INPUT:
            yield from _of_place(place)
            continue
        for name in names_on_input() if names is None else names:
            yield from _in_folder(name) if name.is_dir() else (name,)


def _of_place(place: str) -> Iterator[Path]:
    path = Path(place)
    if path.is_dir():
        return _in_folder(path)
    if os.path.lexists(place):
        return iter((path,))
    return _of_pattern(place)


def _in_folder(place: Path) -> Iterator[Path]:
    for folder, folders, names in os.walk(place):
        folders[:] = sorted(name for name in folders if not _is_hidden(name))
        for name in sorted(names):
            if is_photo(name):
                yield Path(folder) / name


def is_photo(name: str) -> bool:
    """Whether a name, without its folders, is that of a photo that is not hidden."""
    return not name.startswith(".") and os.path.splitext(name)[1].lower() in SUFFIXES


def _is_hidden(folder: str) -> bool:
    return folder.startswith((".", "__MACOSX"))


def _is_pattern(text: str) -> bool:
    return any(sign in text for sign in "*?[")


def _of_pattern(pattern: str) -> Iterator[Path]:
    """The photos that a pattern matches, and those inside the folders that it matches.

    With `**` in it folders are not searched, as their files are matched themselves.
    """
    path = Path(pattern)
    parts = list(path.parts[1:] if path.anchor else path.parts)
    if parts and parts[-1] == _ANY_DEPTH:
        parts.append("*")
    parts = [part for before, part in pairwise(["", *parts]) if not part == before == _ANY_DEPTH]
    deep = parts.count(_ANY_DEPTH)
    yielded: set[Path] = set()  # two ** may lead to a file in two ways
    for found in _matches(Path(path.anchor), parts):
        if found.is_dir():
            yield from () if deep else _in_folder(found)
        elif is_photo(found.name) and found not in yielded:
            if deep > 1:
                yielded.add(found)
            yield found


def _matches(base: Path, parts: Sequence[str]) -> Iterator[Path]:
    if not parts:
        yield base
        return
    first, rest = parts[0], parts[1:]
    if first == _ANY_DEPTH:
        yield from _matches(base, rest)
        for name in _names(base, folders=True):
            yield from _matches(base / name, parts)
    elif _is_pattern(first):
        for name in _names(base, folders=bool(rest)):
            if fnmatchcase(name, first):
                yield from _matches(base / name, rest)
    elif (base / first).exists():
        yield from _matches(base / first, rest)


def _names(folder: Path, *, folders: bool) -> list[str]:
    """What is in a folder, sorted, without what is hidden; or the folders in it alone, links not followed."""
    try:
        with os.scandir(folder) as entries:
            return sorted(
                entry.name
                for entry in entries
                if not _is_hidden(entry.name) and (not folders or entry.is_dir(follow_symlinks=False))
            )
    except OSError:  # a folder that may not be read, or a file where a folder is looked for, matches nothing
        return []


def _lines(stream: IO[bytes]) -> Iterator[bytes]:
    while line := stream.readline(_LONGEST):
        if b"\0" in line or len(line) == _LONGEST:
            raise OptionError(
                "Standard input holds no names of files. Accepted: one name a line, or with --null a NUL behind each. "
                "Next: find FOLDER -name '*.jpg' | tellapart predict MODEL -"
            )
        yield line.rstrip(b"\r\n")


def _between_nulls(stream: IO[bytes]) -> Iterator[bytes]:
    rest = b""
    while some := stream.read1(_LONGEST) if hasattr(stream, "read1") else stream.read(_LONGEST):
        *names, rest = (rest + some).split(b"\0")
        yield from names
        if len(rest) > _LONGEST:
            raise OptionError(
                "Standard input holds no names of files with a NUL behind each. Next: without --null, or find -print0"
            )
    yield rest
