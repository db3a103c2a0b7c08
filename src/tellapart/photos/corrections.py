"""Labels corrected by hand: a table that the audit proposes, people edit, and the next run applies.

    path,class,proposed,suspicion
    bed/012.jpg,bed,sofa,0.9871

`path` and `class` say which photo is meant; `proposed` is what it shall become:
a class that there is, nothing to keep the label, or `-` to leave the photo out.
Other columns are for the eye. The photos themselves are never touched.
"""

import csv
import hashlib
import io
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from os import PathLike
from pathlib import Path
from typing import Final

from tellapart.errors import PhotosError, RunFolderError
from tellapart.files import write_bytes, write_csv
from tellapart.photos.scan import Corrections, Photo, Photos, scan
from tellapart.photos.split import FEWEST
from tellapart.photos.suspects import Suspect
from tellapart.progress import Progress

COLUMNS: Final = ("path", "class", "proposed", "suspicion")
FILE: Final = "corrections.csv"
LEAVE_OUT: Final = "-"
_NEEDED: Final = COLUMNS[:3]
_MADE_BY: Final = "Next: tellapart audit PHOTOS --out DIR --apply makes one"


@dataclass(frozen=True)
class Row:
    """A row of the table, with the line on which it ends."""

    line: int
    path: str
    label: str
    proposed: str


@dataclass(frozen=True)
class Table:
    """What a table says, before it is held against the photos."""

    file: Path
    sha256: str
    rows: tuple[Row, ...]


def scan_corrected(
    source: Path, corrections: str | PathLike[str] | None, progress: Progress, cache: Path | None = None
) -> Photos:
    """Find and open every photo, as `scan` does, and apply a table of corrections where one is given.

    Raises:
        PhotosError: The photos cannot be used, or the table does not fit them.
    """
    # Before the photos: a wrong table should not be told after all of them were opened.
    table = read_corrections(Path(corrections)) if corrections is not None else None
    photos = scan(source, progress, cache=cache)
    return correct(photos, table) if table is not None else photos


def read_corrections(file: Path) -> Table:
    """Read a table of corrections; commas or, as some spreadsheets save it, semicolons.

    Raises:
        PhotosError: There is none, or it is something else.
    """
    if not file.is_file():
        raise PhotosError(f"There is no table of corrections {file}. {_MADE_BY}.")
    try:
        content = file.read_bytes()
        text = content.decode("utf-8-sig")
        head = text.partition("\n")[0]
        reader = csv.DictReader(
            io.StringIO(text, newline=""), delimiter=";" if head.count(";") > head.count(",") else ",", strict=True
        )
        columns = list(reader.fieldnames or ())
        missing = [name for name in _NEEDED if name not in columns]
        if missing:
            raise PhotosError(
                f"{file} is no table of corrections: it has no column {', '.join(missing)} "
                f"(it has: {', '.join(columns)[:100] or 'none'}). Accepted: {','.join(COLUMNS)}. {_MADE_BY}."
            )
        rows = tuple(
            Row(reader.line_num, *((row[name] or "") for name in _NEEDED)) for row in reader if any(row.values())
        )
    except (OSError, UnicodeDecodeError, csv.Error) as problem:
        raise PhotosError(
            f"{file} is no table of corrections that can be read ({problem}). Accepted: UTF-8 text. {_MADE_BY}."
        ) from problem
    return Table(file, hashlib.sha256(content).hexdigest(), rows)


def correct(photos: Photos, table: Table) -> Photos:
    """Give photos the classes that a table proposes, and leave out those that it marks with `-`.

    Raises:
        PhotosError: A row names no photo, another class than the photo has, or a class
            that there is not; two rows differ; or a class is left without photos.
    """
    wanted = _wanted(photos, table)
    items: list[Photo] = []
    changed: list[tuple[str, str, str]] = []
    left_out: list[tuple[str, str]] = []
    for photo in photos.items:
        to = wanted.get((photo.path, photo.label), "")
        if to == LEAVE_OUT:
            left_out.append((photo.path, photo.label))
            continue
        if to not in {"", photo.label}:
            changed.append((photo.path, photo.label, to))
            photo = replace(photo, label=to)  # noqa: PLW2901
        items.append(photo)
    _check_left(photos.classes, items, table.file)
    done = Corrections(table.file.name, table.sha256, tuple(changed), tuple(left_out))
    return replace(photos, items=tuple(items), corrections=done)


def keep_table(run: Path, corrections: str | PathLike[str] | None) -> None:
    """Keep a copy of the table that a run used in its folder, so that the run can be made again.

    Raises:
        StorageError: No space, no permission.
    """
    if corrections is not None:
        write_bytes(run / FILE, Path(corrections).read_bytes())


def check_unwritten(folder: Path) -> Path:
    """The path of the table in a folder, where none stands yet: somebody may have edited it.

    Raises:
        RunFolderError: One does.
    """
    file = folder / FILE
    if file.exists():
        raise RunFolderError(
            f"{file} is there already, and may have been edited. Next: give it another name, or another --out"
        )
    return file


def write_corrections(folder: Path, suspects: Sequence[Suspect], applied: Corrections | None = None) -> Path:
    """Write a table of proposed corrections, whole.

    Every suspicious photo has a row; a class is proposed only where the label is
    probably wrong, as the rest are hard photos more often than wrong labels. What
    an earlier table had corrected comes first, so that one table holds everything.

    Args:
        folder: Where to write it.
        suspects: What a check of the labels found, the worst first.
        applied: The corrections that the photos have already.

    Raises:
        RunFolderError: The folder holds such a table already.
        StorageError: No space, no permission.
    """
    file = check_unwritten(folder)
    rows: list[tuple[str, str, str, object]] = []
    if applied is not None:
        rows += [(path, before, now, "") for path, before, now in applied.changed]
        rows += [(path, before, LEAVE_OUT, "") for path, before in applied.left_out]
    settled = {row[0] for row in rows}
    rows += [
        (suspect.path, suspect.label, suspect.proposed if suspect.probable else "", suspect.suspicion)
        for suspect in suspects
        if suspect.path not in settled
    ]
    write_csv(file, COLUMNS, rows)
    return file


def _wanted(photos: Photos, table: Table) -> dict[tuple[str, str], str]:
    """What each photo shall become, by path and class; all rows are looked at before anything is said."""
    labels_of = defaultdict(set)
    for photo in photos.items:
        labels_of[photo.path].add(photo.label)
    wanted: dict[tuple[str, str], str] = {}
    problems = []
    for row in table.rows:
        problem = _problem(row, labels_of, photos.classes)
        before = wanted.setdefault((row.path, row.label), row.proposed.strip())
        if not problem and before != row.proposed.strip():
            problem = f"'{row.path}' shall be '{before}' and '{row.proposed.strip()}'. Next: delete one of both rows"
        if problem:
            problems.append(f"line {row.line}: {problem}")
    if problems:
        more = f" ({len(problems) - 1} more rows do not fit)" if len(problems) > 1 else ""
        raise PhotosError(f"{table.file}, {problems[0]}{more}.")
    return wanted


def _problem(row: Row, labels_of: Mapping[str, set[str]], classes: Sequence[str]) -> str:
    """Why a row cannot be applied, or ""."""
    if row.path not in labels_of:
        near = get_close_matches(row.path, labels_of, n=1)
        hint = f" Did you mean '{near[0]}'?" if near else ""
        return f"no readable photo '{row.path}'.{hint} Accepted: the paths of audit.json. Next: mend or delete the row"
    if row.label not in labels_of[row.path]:
        found = " and ".join(f"'{label}'" for label in sorted(labels_of[row.path]))
        return (
            f"'{row.path}' is of class {found} in the photos, '{row.label}' in the table. "
            "Next: audit the photos again, or mend the row"
        )
    proposed = row.proposed.strip()
    if proposed == LEAVE_OUT and LEAVE_OUT in classes:
        return f"'{LEAVE_OUT}' leaves a photo out, and is a class here. Next: rename that class"
    if proposed not in {"", LEAVE_OUT, *classes}:
        near = get_close_matches(proposed, classes, n=1)
        hint = f" Did you mean '{near[0]}'?" if near else ""
        return (
            f"no class is called '{proposed}'.{hint} Accepted: {', '.join(classes)}, nothing to keep the label, "
            f"{LEAVE_OUT} to leave the photo out. Next: mend the row; a new class needs a folder of its own"
        )
    return ""


def _check_left(classes: Sequence[str], items: Sequence[Photo], file: Path) -> None:
    left = Counter(photo.label for photo in items)
    empty = [label for label in classes if not left[label]]
    if empty:
        raise PhotosError(
            f"Too few photos: {', '.join(map(repr, empty))} has none after the corrections of {file}. "
            f"Accepted: at least {FEWEST} different photos a class. Next: keep some, or move that class out."
        )
