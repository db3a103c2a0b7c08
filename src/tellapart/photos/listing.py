"""Which files there are and what they are labelled, before any is opened.

Three layouts are read: a folder of class folders, a table (`path,label`, and
optionally `part` and `group`), and the Hugging Face `imagefolder` layout.
"""

import csv
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NoReturn

from tellapart.errors import PhotosError
from tellapart.files import read_csv
from tellapart.plain_text import printable

PARTS: Final = {
    "train": "train",
    "training": "train",
    "valid": "valid",
    "validation": "valid",
    "val": "valid",
    "dev": "valid",
    "test": "test",
    "testing": "test",
    "": "",
}
_NOT_PHOTOS: Final = frozenset({"thumbs.db", "desktop.ini", "metadata.csv", "metadata.jsonl"})
_HIDDEN: Final = (".", "__MACOSX")
_LAYOUT: Final = "one sub-folder of photos per class, or a CSV file with the columns path,label"


@dataclass(frozen=True)
class Listed:
    """A file that claims to be a photo of a class; `part` and `group` are "" where the source names none."""

    path: str
    label: str
    part: str = ""
    group: str = ""


@dataclass(frozen=True)
class LeftOut:
    """A file that is not used, and why."""

    path: str
    reason: str


@dataclass(frozen=True)
class Listing:
    """What a source names: `root` is what all paths are relative to."""

    root: Path
    listed: tuple[Listed, ...]
    skipped: tuple[LeftOut, ...]


def list_photos(source: Path) -> Listing:
    """List the files of a folder of class folders, a CSV table or an `imagefolder`.

    Raises:
        PhotosError: There is no such source, or it has none of the three layouts.
    """
    if not source.exists():
        raise PhotosError(f"There is no folder {source}. Accepted: {_LAYOUT}. Next: check the path.")
    if source.is_file():
        if source.suffix.lower() != ".csv":
            raise PhotosError(f"{source} is a file. Accepted: {_LAYOUT}. Next: name the folder above it.")
        return _from_table(source)
    parts = _part_folders(source)
    if (source / "metadata.csv").is_file():
        return _from_metadata(source, source / "metadata.csv")
    if parts:
        return _from_image_folder(source, parts)
    return _from_class_folders(source)


def _walk(folder: Path, root: Path, skipped: list[LeftOut]) -> Iterator[str]:
    """Yield the files below `folder` as sorted paths relative to `root`; hidden ones are skipped."""
    for place, folders, names in os.walk(folder, onerror=_refuse):
        relative = Path(place).relative_to(root)
        unused = {name: _why_not_entered(Path(place) / name) for name in sorted(folders)}
        folders[:] = [name for name, reason in unused.items() if not reason]
        skipped.extend(
            LeftOut(printable((relative / name).as_posix()), reason) for name, reason in unused.items() if reason
        )
        for name in sorted(names):
            path = (relative / name).as_posix()
            if name.startswith("."):
                skipped.append(LeftOut(printable(path), "a hidden file"))
            elif name.lower() in _NOT_PHOTOS:
                skipped.append(LeftOut(printable(path), "not a photo"))
            else:
                yield path


def _why_not_entered(folder: Path) -> str:
    """Why a folder is not searched, or "" where it is."""
    if folder.name.startswith(_HIDDEN):
        return "a hidden folder"
    return "a link to a folder; links are not followed" if folder.is_symlink() else ""


def _refuse(problem: OSError) -> NoReturn:
    """Stop at a folder that cannot be searched: without it a class would silently be smaller."""
    reason = (problem.strerror or str(problem)).lower()
    raise PhotosError(
        f"The folder {problem.filename} cannot be read: {reason}. "
        "Accepted: folders that you may read. Next: change its permissions, or move it out."
    ) from problem


def _part_folders(source: Path) -> dict[str, str]:
    """The `train/`, `test/` folders of an imagefolder, or nothing where it is not one."""
    try:
        names = [entry.name for entry in source.iterdir() if entry.is_dir() and not entry.name.startswith(_HIDDEN)]
    except OSError as problem:
        _refuse(problem)
    parts = {name: PARTS[name.lower()] for name in names if name.lower() in PARTS}
    return parts if parts and len(parts) == len(names) and "train" in parts.values() else {}


def _from_class_folders(root: Path) -> Listing:
    listed: list[Listed] = []
    skipped: list[LeftOut] = []
    for path in _walk(root, root, skipped):
        label, _, rest = path.partition("/")
        if rest:
            listed.append(Listed(path, label))
        else:
            skipped.append(LeftOut(printable(path), "not in a class folder"))
    if not listed:
        loose = sum(left_out.reason == "not in a class folder" for left_out in skipped)
        found = f"{loose} files and no sub-folder with files" if loose else "no files"
        raise PhotosError(
            f"{root} holds {found}. Accepted: {_LAYOUT}. Next: put the photos of each class into a folder of its own."
        )
    return Listing(root, tuple(listed), tuple(skipped))


def _from_image_folder(root: Path, parts: dict[str, str]) -> Listing:
    listed: list[Listed] = []
    loose = sorted(entry.name for entry in root.iterdir() if not entry.is_dir() or entry.name.startswith(_HIDDEN))
    skipped = [LeftOut(printable(name), "not in a class folder") for name in loose]
    for folder, part in sorted(parts.items()):
        if (root / folder / "metadata.csv").is_file():
            inner = _from_metadata(root, root / folder / "metadata.csv")
            listed.extend(Listed(item.path, item.label, part, item.group) for item in inner.listed)
            continue
        for path in _walk(root / folder, root, skipped):
            pieces = path.split("/")
            if len(pieces) > 2:
                listed.append(Listed(path, pieces[1], part))
            else:
                skipped.append(LeftOut(printable(path), "not in a class folder"))
    return Listing(root, tuple(listed), tuple(skipped))


def _from_metadata(root: Path, table: Path) -> Listing:
    rows = _rows(table, {"file_name", "label"})
    prefix = table.parent.relative_to(root)
    listed = []
    for row in rows:
        path = (prefix / row["file_name"]).as_posix()
        first = path.split("/")[0].lower()
        listed.append(Listed(path, row["label"].strip(), PARTS.get(first, "") if "/" in path else "", _group(row)))
    return Listing(root, tuple(listed), ())


def _from_table(table: Path) -> Listing:
    listed = []
    for number, row in enumerate(_rows(table, {"path", "label"}), start=2):
        part = (row.get("part") or "").strip().lower()
        if part not in PARTS:
            raise PhotosError(
                f"{table}, line {number}: part '{part}'. Accepted: train, valid, test, or no column `part`."
            )
        listed.append(Listed(row["path"], row["label"].strip(), PARTS[part], _group(row)))
    return Listing(table.parent, tuple(listed), ())


def _group(row: dict[str, str]) -> str:
    """What belongs together by the user's own word: a patient, a photographer, a burst; "" for none."""
    return (row.get("group") or "").strip()


def _rows(table: Path, needed: set[str]) -> list[dict[str, str]]:
    try:
        rows = read_csv(table)
    except (UnicodeDecodeError, csv.Error, OSError) as problem:
        raise PhotosError(f"{table} cannot be read ({problem}). Accepted: UTF-8 text with commas.") from problem
    if not rows:
        raise PhotosError(f"{table} has no rows. Accepted: the columns {', '.join(sorted(needed))}.")
    missing = needed - set(rows[0])
    if missing:
        raise PhotosError(
            f"{table} has no column {', '.join(sorted(missing))} (it has: {', '.join(map(str, rows[0]))}). "
            f"Next: name its columns {', '.join(sorted(needed))}."
        )
    for number, row in enumerate(rows, start=2):
        if any(not (row[column] or "").strip() for column in needed):
            raise PhotosError(f"{table}, line {number}: an empty cell. Accepted: a file and a label in every row.")
    return rows
