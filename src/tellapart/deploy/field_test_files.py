"""The files that `tellapart evaluate --out` leaves."""

from pathlib import Path

from tellapart.answer_tables import class_columns
from tellapart.deploy.field_test import FieldTest
from tellapart.errors import RunFolderError
from tellapart.files import make_folder, whole_or_empty, write_json, write_text
from tellapart.plain_text import csv_line
from tellapart.report.field_test_page import FILE, PAGE, write_field_test_page
from tellapart.run import check_free, keep_apart


def check_place(source: Path, out: Path) -> None:
    """Refuse a folder for results that is inside the photos, or that holds anything but an earlier evaluation.

    Raises:
        UserError: It is.
    """
    keep_apart(source, out)
    if (out / "run.json").is_file():
        raise RunFolderError(f"{out} holds a run. Next: another folder with --out")
    if not (out / FILE).is_file():
        check_free(out)


def write_field_test(out: Path, told: FieldTest) -> Path:
    """Write predictions.csv, confusion.csv, evaluation.json, figures and the page.

    Returns:
        The page.

    Raises:
        StorageError: No space, no permission.
    """
    classes = told.model["classes"]
    rows = [
        [photo.path, photo.label, classes[int(shares.argmax())], *(f"{share:.9g}" for share in shares)]
        for photo, shares in zip(told.picked.photos, told.probabilities, strict=True)
    ]
    counts = [[name, *map(str, row)] for name, row in zip(classes, told.score.confusion, strict=True)]
    with whole_or_empty(out):
        make_folder(out)
        write_text(
            out / "predictions.csv", _table(["path", "class", "predicted", *class_columns(classes)], sorted(rows))
        )
        write_text(out / "confusion.csv", _table(["class", *class_columns(classes, ("class",))], counts))
        write_json(out / FILE, told.as_json())
        write_field_test_page(out)
    return out / PAGE


def _table(columns: list[str], rows: list[list[str]]) -> str:
    return "".join(map(csv_line, [columns, *rows]))
