"""An audit by itself: photos in, a folder with findings out.

Labels are checked with the features of a network; where no training framework
is installed all else is audited all the same, and a note says so.
"""

from os import PathLike
from pathlib import Path

from tellapart.errors import RunFolderError
from tellapart.evaluation.labels import check_installed
from tellapart.files import cache_folder, whole_or_empty
from tellapart.label_check import full_audit
from tellapart.photos.audit import Audit
from tellapart.photos.audit_files import write_audit
from tellapart.photos.corrections import check_unwritten, scan_corrected, write_corrections
from tellapart.photos.split import check_share
from tellapart.progress import Progress, Silent
from tellapart.report.audit_page import write_audit_page
from tellapart.run import check_free, keep_apart


def inspect_photos(
    photos: str | PathLike[str],
    out: str | PathLike[str],
    *,
    test_share: float = 0.2,
    apply: bool = False,
    corrections: str | PathLike[str] | None = None,
    progress: Progress | None = None,
) -> Audit:
    """Audit a folder of photos, and write audit.json and audit.html.

    Args:
        photos: As for `fit`; nothing in it is changed.
        out: A new folder, or one of an earlier audit, which is replaced.
        test_share: Share of each class that a test would set aside, 0.05 to 0.5.
        apply: Also write corrections.csv, a table of labels to correct. No photo is touched.
        corrections: Such a table, edited or not, which is applied before the audit.
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
    if apply:
        check_installed()
        check_unwritten(folder)
    found = scan_corrected(source, corrections, progress, cache_folder())
    audited = full_audit(found, cache_folder(), progress, test_share=test_share)
    with whole_or_empty(folder):
        write_audit(folder, audited, found.root)
        write_audit_page(folder)
        if apply and audited.labels.photos:
            write_corrections(folder, audited.labels.suspects, found.corrections)
    return audited
