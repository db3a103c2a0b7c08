"""The photos of a finished run, found again where they lie now, and checked by their content."""

import hashlib
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tellapart.errors import PhotosError
from tellapart.machine import usable_cores
from tellapart.photos.scan import Photo
from tellapart.run import Run
from tellapart.run_rows import rows_of, source_of

TEST: Final = "test"
_NAMED: Final = 3  # photos that are named where some are missing; export.json has all


@dataclass(frozen=True)
class RunPhotos:
    """The photos of a run that are there.

    Attributes:
        root: What their paths are relative to.
        train: What the model that is handed over learned from, in the order of their paths.
        valid: What it validated with.
        test: What was set aside; empty in a run with folds, whose last model saw every photo.
        groups: From a path to the name of its group.
        missing: Paths of photos that are gone, or have other content than they had, by part.
    """

    root: Path
    train: tuple[Photo, ...]
    valid: tuple[Photo, ...]
    test: tuple[Photo, ...]
    groups: Mapping[str, str] = field(default_factory=dict)
    missing: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def told(self, run: Path) -> str:
        """What is missing, in words; "" where nothing is."""
        paths = [path for some in self.missing.values() for path in some]
        if not paths:
            return ""
        more = f" and {len(paths) - _NAMED} more" if len(paths) > _NAMED else ""
        return (
            f"{len(paths)} photos of the run are gone from {self.root}, or are not what they were: "
            f"{', '.join(paths[:_NAMED])}{more}. Next: tellapart export {run} --photos FOLDER"
        )


def photos_of_run(run: Run, given: Path | None = None) -> RunPhotos | None:
    """Find the photos of a run, each with the content that it had.

    Args:
        run: A finished run.
        given: Where its photos are now, a folder or a table; None for where they were.

    Returns:
        None where they are no longer where they were, and nothing was given.

    Raises:
        PhotosError: There is nothing at `given`.
        RunFolderError: The run has no split.csv.
    """
    source = given or source_of(run)
    if source is None:
        return None
    if not source.exists():
        raise PhotosError(f"There is no {source}. Accepted: the folder or the table that the run was made of.")
    root = source.parent if source.is_file() else source
    # A run of an early version did not write the contents down; its photos are taken as they are.
    rows = rows_of(run, "tellapart fit PHOTOS --out DIR")
    found = [Photo(row.path, row.label, row.content, "", 0, 0) for row in rows]
    there = _there(root, found)
    parts: dict[str, list[Photo]] = {"train": [], "valid": [], TEST: []}
    missing: dict[str, list[str]] = {part: [] for part in parts}
    last = f"fold-{run.results['split'].get('folds', 0)}"
    for photo, row in zip(found, rows, strict=True):
        # The model that is handed over validates with the last fold and learns from all others.
        name = row.part if row.part in parts else "valid" if row.part == last else "train"
        if there[photo.path]:
            parts[name].append(photo)
        else:
            missing[name].append(photo.path)
    return RunPhotos(
        root,
        tuple(parts["train"]),
        tuple(parts["valid"]),
        tuple(parts[TEST]),
        {row.path: row.group for row in rows if row.group},
        {part: tuple(paths) for part, paths in missing.items() if paths},
    )


def _there(root: Path, photos: Iterable[Photo]) -> dict[str, bool]:
    """By path, whether a photo is there with the content that it had."""
    with ThreadPoolExecutor(usable_cores()) as pool:  # hashing releases the interpreter's lock
        return dict(pool.map(lambda photo: (photo.path, _is_there(root, photo)), photos))


def _is_there(root: Path, photo: Photo) -> bool:
    try:
        content = (root / photo.path).read_bytes()
    except OSError:
        return False
    return not photo.content or hashlib.sha256(content).hexdigest() == photo.content
