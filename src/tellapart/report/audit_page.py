"""The page of an audit by itself, made from its folder alone."""

from pathlib import Path

from tellapart.errors import RunFolderError
from tellapart.files import write_bytes
from tellapart.report.findings import AGAIN, read_findings
from tellapart.report.page import render


def write_audit_page(folder: Path) -> Path:
    """Write audit.html from audit.json and the thumbnails beside it.

    Raises:
        RunFolderError: There is no audit.json, or it cannot be read.
        StorageError: No space, no permission.
    """
    audit = read_findings(folder)
    if audit is None:
        raise RunFolderError(f"{folder} holds no audit. {AGAIN}")
    target = folder / "audit.html"
    write_bytes(target, render("audit.html.j2", {"audit": audit}, folder / "audit.json"))
    return target
