"""What an audit leaves in a folder: audit.json, and small pictures of what it found."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from PIL import Image

from tellapart.errors import UnreadablePhotoError
from tellapart.files import write_bytes, write_json
from tellapart.photos.audit import Audit, Finding
from tellapart.photos.decode import decode

MOST: Final = 24  # Thumbnails; each adds some 4 kB to a page that goes by mail.
GALLERY: Final = 24  # The same for photos whose label is suspicious, of which a look is asked for.
_A_FINDING: Final = 6
_SIDE: Final = 160  # Pixels
_QUALITY: Final = 70


def write_audit(folder: Path, audit: Audit, root: Path) -> dict[str, Any]:
    """Write audit.json and figures/audit/*.jpg; the page is made from them alone.

    Args:
        folder: A run folder, or one of an audit's own.
        audit: What was found.
        root: What the paths of the photos are relative to.

    Returns:
        What audit.json holds.

    Raises:
        StorageError: No space, no permission.
    """
    thumbnails = {}
    doubted = [suspect.path for suspect in audit.labels.suspects[:GALLERY]] if audit.labels.probable else []
    for number, path in enumerate(dict.fromkeys([*chosen(audit.findings), *doubted])):
        content = _thumbnail(root / path)
        if content is not None:
            name = f"figures/audit/{number:02}.jpg"
            write_bytes(folder / name, content)
            thumbnails[path] = name
    told = {**audit.as_json(), "thumbnails": thumbnails}
    write_json(folder / "audit.json", told)
    return told


def chosen(findings: Sequence[Finding]) -> list[str]:
    """The photos to show: of the worst findings first, some of each."""
    shown: dict[str, None] = {}
    for finding in findings:
        if finding.kind != "unreadable":
            for path in finding.paths[:_A_FINDING]:
                shown.setdefault(path)
    return list(shown)[:MOST]


def _thumbnail(path: Path) -> bytes | None:
    try:
        picture = decode(path)
    except UnreadablePhotoError:  # it has gone since it was scanned
        return None
    picture.thumbnail((_SIDE, _SIDE), Image.Resampling.LANCZOS)
    content = io.BytesIO()
    picture.save(content, "JPEG", quality=_QUALITY)
    return content.getvalue()
