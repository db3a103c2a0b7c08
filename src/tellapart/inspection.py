"""An audit by itself: photos in, a folder with findings out. It needs no training framework."""

from os import PathLike
from pathlib import Path

from tellapart.errors import RunFolderError
from tellapart.photos.audit import Audit, audit
from tellapart.photos.audit_files import write_audit
from tellapart.photos.scan import scan
from tellapart.photos.split import check_share
from tellapart.progress import Progress, Silent
from tellapart.report.audit_page import write_audit_page
from tellapart.run import check_free, keep_apart


def inspect_photos(
    photos: str | PathLike[str],
    out: str | PathLike[str],
    *,
    test_share: float = 0.2,
    progress: Progress | None = None,
) -> Audit:
    """Audit a folder of photos, and write audit.json and audit.html.

    Args:
        photos: As for `fit`; nothing in it is changed.
        out: A new folder, or one of an earlier audit, which is replaced.
        test_share: Share of each class that a test would set aside, 0.05 to 0.5.
        progress: Where to tell how far it is; silent without.

    Raises:
        UserError: Something that the user can mend; the message says how.
    """
    progress = progress or Silent()
    source, folder = Path(photos), Path(out)
    check_share(test_share)
    keep_apart(source, folder)
    if not (folder / "audit.html").is_file():
        check_free(folder)
    elif (folder / "run.json").is_file():
        raise RunFolderError(f"{folder} holds a run, which has its own audit. Next: another folder with --out")
    found = scan(source, progress)
    audited = audit(found, progress, test_share=test_share)
    write_audit(folder, audited, found.root)
    write_audit_page(folder)
    return audited
