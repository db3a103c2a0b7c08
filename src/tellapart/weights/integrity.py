"""Whether a file of weights is the pinned one, and what is remembered of those without a pinned SHA-256.

A file that nobody has published a SHA-256 of is checked by its MD5, or else by its
layout, when it is first met. The SHA-256 that it has then is kept in the store's
`store.json`: a later change is caught.
"""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from tellapart.errors import WeightsError
from tellapart.files import read_json, write_json
from tellapart.weights.layout import read_layout
from tellapart.weights.pins import Pin

RECORD: Final = "store.json"
_CHANGED: Final = "changed since it was first met: SHA-256"


@dataclass(frozen=True)
class Seen:
    """What is remembered of a file of the store.

    Attributes:
        sha256: That it had when it was first met.
        md5: The pinned one at that time, which it was checked against; a newer pin is checked anew.
    """

    sha256: str
    md5: str | None


def digest(path: Path, kind: str = "sha256") -> str:
    """SHA-256 or MD5 of a file, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, kind).hexdigest()


def fault(path: Path, pin: Pin, seen: Seen | None) -> str:
    """What is wrong with a file, in words; "" where it is the pinned one."""
    try:
        return _fault(path, pin, seen)
    except OSError as problem:
        return f"cannot be read: {problem.strerror or problem}"


def _fault(path: Path, pin: Pin, seen: Seen | None) -> str:
    if seen and not pin.pinned_digest:
        return _unlike(digest(path), seen.sha256, _CHANGED)  # whatever its size: the user may have added another
    size = path.stat().st_size
    if pin.size is not None and size != pin.size:
        return f"wrong size: {size:,} bytes, not {pin.size:,}"
    if pin.sha256:
        wrong = _unlike(digest(path), pin.sha256, "wrong SHA-256")
        # Some SHA-256 were read from one public copy of the file (pins.json says which); the MD5 that Keras
        # itself pins has the last word, so that a misread copy cannot shut the right file out.
        return "" if wrong and pin.md5 and digest(path, "md5") == pin.md5 else wrong
    if seen and seen.md5 == pin.md5:
        return _unlike(digest(path), seen.sha256, _CHANGED)
    return _unlike(digest(path, "md5"), pin.md5, "wrong MD5") if pin.md5 else _unfit(path, pin)


def _unfit(path: Path, pin: Pin) -> str:
    """What is wrong with the layout of a file, where that is all that can be checked."""
    try:
        held = read_layout(path).numbers
    except WeightsError:
        return "not a complete HDF5 file"
    return "" if held == pin.parameters else f"wrong layout: {held:,} numbers, not {pin.parameters:,}"


def _unlike(found: str, wanted: str, what: str) -> str:
    return "" if found == wanted.lower() else f"{what} {found}, not {wanted}"


def seen_before(store: Path, pin: Pin) -> Seen | None:
    """What the store remembers of a file.

    Raises:
        WeightsError: The store's record is damaged.
    """
    row = _read(store).get(pin.file)
    return Seen(**row) if row else None


def remember(store: Path, pin: Pin, sha256: str) -> None:
    """Keep the SHA-256 of a file; the caller holds the lock of the record.

    Raises:
        StorageError: The store cannot be written.
        WeightsError: The store's record is damaged.
    """
    rows = _read(store)
    row = asdict(Seen(sha256, pin.md5))
    if rows.get(pin.file) != row:
        write_json(store / RECORD, {"files": rows | {pin.file: row}})


def _read(store: Path) -> dict[str, Any]:
    path = store / RECORD
    if not path.is_file():
        return {}
    try:
        rows = read_json(path)["files"]
        for row in rows.values():
            Seen(**row)
    except (json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError, AttributeError) as problem:
        raise WeightsError(
            f"{path} is damaged ({' '.join(str(problem).split())}). "
            "Next: move it away; the files of the store are then checked as if they were new"
        ) from problem
    return dict(rows)
