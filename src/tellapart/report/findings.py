"""What the page shows of an audit, read from the folder that holds it."""

import base64
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from tellapart.errors import RunFolderError
from tellapart.files import read_json

AGAIN: Final = "Next: tellapart audit PHOTOS --out DIR"
_NEEDED: Final = ("counts", "findings", "groups", "classes")
_THUMBNAIL: Final = re.compile(r"figures/audit/\d+\.jpg")


def read_findings(folder: Path) -> dict[str, Any] | None:
    """Read audit.json, each finding with its thumbnails as data URIs; None where there is none (an older run).

    Raises:
        RunFolderError: It is damaged, or of another format.
    """
    file = folder / "audit.json"
    if not file.is_file():
        return None
    try:
        told = read_json(file)
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as problem:
        raise RunFolderError(f"{file} cannot be read as JSON. {AGAIN}") from problem
    if not isinstance(told, dict) or told.get("format") != 1 or any(key not in told for key in _NEEDED):
        raise RunFolderError(f"{file} is not whole, or of another version of Tellapart. {AGAIN}")
    thumbnails, labels = told.get("thumbnails", {}), told.get("labels", [])
    findings = [
        {**finding, "pictures": _pictures(folder, finding.get("paths", ()), thumbnails)} for finding in told["findings"]
    ]
    for finding in findings:
        if finding.get("kind") == "wrong-label":
            finding["pictures"] = _gallery(folder, labels, thumbnails)
    return {**told, "findings": findings, "labels": labels, "labels_checked": told.get("labels_checked", 0)}


def _gallery(folder: Path, labels: Sequence[Mapping[str, Any]], thumbnails: Mapping[str, str]) -> list[dict[str, Any]]:
    """The thumbnails of the photos whose label is suspicious, the worst first, each with what is said of it."""
    doubted = {row["path"]: row for row in labels}
    return [{**picture, "label": doubted[picture["path"]]} for picture in _pictures(folder, [*doubted], thumbnails)]


def _pictures(folder: Path, paths: list[str], thumbnails: Mapping[str, str]) -> list[dict[str, Any]]:
    """The thumbnails of a finding's photos that are there."""
    shown = []
    for path in paths:
        name = str(thumbnails.get(path, ""))
        # The name comes from a file that others may have touched; it must not lead out of the folder.
        if _THUMBNAIL.fullmatch(name) and (folder / name).is_file():
            content = base64.b64encode((folder / name).read_bytes()).decode()
            shown.append({"path": path, "source": f"data:image/jpeg;base64,{content}"})
    return shown
