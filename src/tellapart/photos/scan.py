"""Open every listed file once, and keep what can be decoded.

A file that cannot be read is named, with the reason, and left out: never
replaced, never a crash.
"""

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tellapart.errors import PhotosError, UnreadablePhotoError
from tellapart.machine import usable_cores
from tellapart.photos.decode import SUFFIXES, decode, read, upright_size
from tellapart.photos.kept_looks import MEASURED, KeptLooks
from tellapart.photos.listing import LeftOut, Listed, list_photos
from tellapart.photos.look import Look, measure
from tellapart.photos.shelf import Shelf
from tellapart.plain_text import printable
from tellapart.progress import Progress, Silent, track
from tellapart.words import counted


@dataclass(frozen=True)
class Photo:
    """A photo that can be decoded.

    Attributes:
        path: Relative to the source's root, with forward slashes.
        label: The name of its class.
        content: SHA-256 of the file's bytes.
        pixels: SHA-256 of the decoded pixels; equal for exact duplicates.
        width: Upright width in pixels.
        height: Upright height in pixels.
        part: train, valid or test where the source says so, else "".
        group: What the source says belongs together (a patient, a burst), else "".
        look: What was measured while it was open; None where it never was.
    """

    path: str
    label: str
    content: str
    pixels: str
    width: int
    height: int
    part: str = ""
    group: str = ""
    look: Look | None = field(default=None, compare=False, repr=False)

    def measured(self) -> dict[str, Any]:
        """What of it follows from its content alone."""
        return {name: getattr(self, name) for name in MEASURED}


@dataclass(frozen=True)
class Corrections:
    """What a table of corrections changed, where one was given.

    Attributes:
        file: The table's name, without its folder.
        sha256: Of the table's bytes.
        changed: Of each photo with another class now: path, the class that it had, the class that it has.
        left_out: Of each photo that is not used: path, the class that it had.
    """

    file: str
    sha256: str
    changed: tuple[tuple[str, str, str], ...] = ()
    left_out: tuple[tuple[str, str], ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Its entry in results.json."""
        return {
            "file": self.file,
            "sha256": self.sha256,
            "changed": [{"path": path, "from": before, "to": now} for path, before, now in self.changed],
            "left_out": [path for path, _ in self.left_out],
        }


@dataclass(frozen=True)
class Photos:
    """The usable photos of a source, in the order of their paths.

    Attributes:
        root: What all paths are relative to.
        items: The photos.
        excluded: Photos that were meant and cannot be read.
        skipped: Files that are not photos.
        corrections: What was corrected by hand since; None where nothing was asked for.
    """

    root: Path
    items: tuple[Photo, ...]
    excluded: tuple[LeftOut, ...]
    skipped: tuple[LeftOut, ...]
    corrections: Corrections | None = None

    @property
    def classes(self) -> tuple[str, ...]:
        """The class names, sorted."""
        return tuple(sorted({photo.label for photo in self.items}))

    @property
    def counts(self) -> dict[str, int]:
        """How many photos each class has."""
        tally = Counter(photo.label for photo in self.items)
        return {label: tally[label] for label in self.classes}

    def contents(self) -> list[tuple[str, str, str]]:
        """Rows of photos.csv: path, class, SHA-256 of the file."""
        return [(photo.path, photo.label, photo.content) for photo in self.items]

    @property
    def fingerprint(self) -> str:
        """SHA-256 of labels and contents; names and order of the files do not matter."""
        return digest_of(sorted(f"{photo.label}\0{photo.content}" for photo in self.items))


def digest_of(lines: Sequence[str]) -> str:
    """SHA-256 of some lines, as hexadecimal."""
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def digest_of_pixels(picture: Image.Image) -> str:
    """SHA-256 of size and pixels, as hexadecimal: equal for exact duplicates, whatever their files are."""
    digest = hashlib.sha256(f"{picture.size}".encode())
    digest.update(picture.tobytes())  # a copy each; joined there would be two
    return digest.hexdigest()


def scan(source: Path, progress: Progress | None = None, *, classes: int = 2, cache: Path | None = None) -> Photos:
    """Find and open every photo of a source.

    Args:
        source: A folder of class folders, a CSV table, or an `imagefolder`.
        progress: Where to tell how far it is.
        classes: How many there must be: two to learn from, one to be evaluated on.
        cache: Where it is kept what was measured of each photo, so that it is decoded once; None keeps nothing.

    Raises:
        PhotosError: No usable source, no readable photo, or too few classes.
    """
    listing, kept = list_photos(source), KeptLooks(cache, source)
    seen = track(
        _inspect_all(listing.root, listing.listed, kept),
        "Opening every photo",
        len(listing.listed),
        progress or Silent(),
    )
    items: list[Photo] = []
    excluded: list[LeftOut] = []
    skipped = list(listing.skipped)
    for path, found in seen:
        if isinstance(found, Photo):
            items.append(found)
        elif path.suffix.lower() in SUFFIXES or _was_asked_for(source):
            excluded.append(found)
        else:
            skipped.append(LeftOut(found.path, "not a photo"))
    photos = Photos(listing.root, tuple(sorted(items, key=_by_path)), tuple(excluded), tuple(skipped))
    _check(source, photos, classes)
    kept.keep(items, progress)
    if progress and (linked := sum((photos.root / photo.path).is_symlink() for photo in photos.items)):
        progress.note(f"{counted(linked, 'photo')} behind links to files; links to folders are not followed")
    return photos


def _by_path(photo: Photo) -> str:
    return photo.path


def _was_asked_for(source: Path) -> bool:
    """A row of a table names its file on purpose, whatever its suffix."""
    return source.is_file()


def _inspect_all(root: Path, listed: Sequence[Listed], kept: KeptLooks) -> Iterator[tuple[Path, Photo | LeftOut]]:
    # Pillow and hashlib release the interpreter's lock, so threads use every core.
    shelf = Shelf()
    with ThreadPoolExecutor(usable_cores()) as pool:
        yield from pool.map(lambda item: (root / item.path, inspect(root, item, shelf, kept)), listed)


def inspect(root: Path, item: Listed, shelf: Shelf | None = None, kept: KeptLooks | None = None) -> Photo | LeftOut:
    """Open one listed file: a photo, or why it is left out.

    Args:
        root: What its path is relative to.
        item: The file.
        shelf: Takes the thumbnail, which stays in memory otherwise.
        kept: What an earlier scan measured; such a photo is read, and not decoded.
    """
    try:
        item.path.encode("utf-8")
    except UnicodeEncodeError:
        return LeftOut(printable(item.path), "the file name is not valid UTF-8; rename the file")
    try:
        content = read(root / item.path)
        digest = hashlib.sha256(content).hexdigest()
        measured = (kept and kept.get(digest)) or _measured(content, shelf)
    except UnreadablePhotoError as problem:
        return LeftOut(item.path, str(problem))
    return Photo(path=item.path, label=item.label, content=digest, part=item.part, group=item.group, **measured)


def _measured(content: bytes, shelf: Shelf | None) -> dict[str, Any]:
    """What is known of a photo once it was decoded."""
    image = decode(content)
    look = measure(content, image)
    width, height = upright_size(content)  # a large photo is decoded smaller
    look = replace(look, thumbnail=shelf.put(np.asarray(look.thumbnail))) if shelf else look
    return dict(zip(MEASURED, (digest_of_pixels(image), width, height, look), strict=True))


def _check(source: Path, photos: Photos, classes: int) -> None:
    left_out = len(photos.excluded)
    if not photos.items:
        reason = f" ({left_out} could not be read, the first: {_told(photos.excluded[0])})" if left_out else ""
        raise PhotosError(
            f"{source} holds no readable photo{reason}. "
            "Accepted: JPEG, PNG, WebP, BMP, GIF, TIFF. Next: check the path and the files."
        )
    if len(photos.classes) < classes:
        raise PhotosError(
            f"{source} holds one class only, '{photos.classes[0]}'. Accepted: two or more class folders. "
            "Next: name the folder above it, or add a folder of photos of something else."
        )


def _told(left_out: LeftOut) -> str:
    return f"{left_out.path}: {left_out.reason}"
