import csv
from pathlib import Path

import pytest

from photo_maker import class_folders, photo, photos_of
from tellapart.errors import PhotosError, RunFolderError
from tellapart.files import write_text
from tellapart.photos.corrections import (
    COLUMNS,
    check_unwritten,
    correct,
    keep_table,
    read_corrections,
    scan_corrected,
    write_corrections,
)
from tellapart.photos.scan import Photos
from tellapart.photos.suspects import Suspect
from tellapart.progress import Silent

SUSPECTS = (
    Suspect("bed/0000.png", "bed", "sofa", 0.99, True),
    Suspect("bed/0001.png", "bed", "chair", 0.9, False),
    Suspect("sofa/0000.png", "sofa", "bed", 0.8, True),
)


@pytest.fixture
def photos() -> Photos:
    return photos_of(*(photo(n, label) for label in ("bed", "chair", "sofa") for n in range(6)))


def table(folder: Path, *rows: str, head: str = "path,class,proposed,suspicion") -> Path:
    file = folder / "mine.csv"
    write_text(file, "\n".join((head, *rows)) + "\n")
    return file


def corrected(photos: Photos, folder: Path, *rows: str) -> Photos:
    return correct(photos, read_corrections(table(folder, *rows)))


def test_what_is_written_is_read_back(photos: Photos, tmp_path: Path) -> None:
    """Only what is probably wrong is proposed: applied as it is, the table changes two labels of three."""
    file = write_corrections(tmp_path / "out", SUSPECTS)
    with file.open(encoding="utf-8", newline="") as opened:
        assert next(csv.reader(opened)) == list(COLUMNS)
    now = correct(photos, read_corrections(file))
    assert now.corrections is not None
    assert now.corrections.changed == (("bed/0000.png", "bed", "sofa"), ("sofa/0000.png", "sofa", "bed"))
    assert now.counts == {"bed": 6, "chair": 6, "sofa": 6}
    assert now.fingerprint != photos.fingerprint
    assert photos.items[0].label == "bed", "what was scanned is as it was"


@pytest.mark.parametrize(
    "name", ["=1+1.png", "a,b.png", 'say "cheese".png', "Stühle 椅子.png", "two\nlines.png", " x.png"]
)
def test_every_file_name_survives(tmp_path: Path, name: str) -> None:
    items = [photo(n, label) for label in ("bed", "sofa") for n in range(6)]
    named = photos_of(*items, photo(9, "bed", path=f"bed/{name}"))
    file = write_corrections(tmp_path, [Suspect(f"bed/{name}", "bed", "sofa", 0.9, True)])
    now = correct(named, read_corrections(file))
    assert now.corrections is not None
    assert now.corrections.changed == ((f"bed/{name}", "bed", "sofa"),)


def test_a_blank_keeps_a_class_changes_and_a_dash_leaves_out(photos: Photos, tmp_path: Path) -> None:
    rows = ("bed/0000.png,bed,,0.9", "bed/0001.png,bed, chair ,", "sofa/0002.png,sofa,-,", "sofa/0003.png,sofa,sofa,")
    now = corrected(photos, tmp_path, *rows)
    assert now.counts == {"bed": 5, "chair": 7, "sofa": 5}
    assert now.corrections is not None
    assert now.corrections.as_json() == {
        "file": "mine.csv",
        "sha256": now.corrections.sha256,
        "changed": [{"path": "bed/0001.png", "from": "bed", "to": "chair"}],
        "left_out": ["sofa/0002.png"],
    }


def test_spreadsheets_may_use_semicolons_and_a_mark_and_drop_what_is_not_needed(photos: Photos, tmp_path: Path) -> None:
    file = tmp_path / "mine.csv"
    file.write_bytes("\ufeffclass;path;proposed\r\nbed;bed/0000.png;sofa\r\n;;\r\n".encode())
    assert correct(photos, read_corrections(file)).counts["sofa"] == 7


@pytest.mark.parametrize(
    ("row", "told"),
    [
        (
            "bad/0000.png,bed,sofa,",
            r"mine\.csv, line 3: no readable photo 'bad/0000\.png'\. Did you mean 'bed/0000\.png'\?",
        ),
        ("bed/0000.png,chair,sofa,", "line 3: 'bed/0000.png' is of class 'bed' in the photos, 'chair' in the table"),
        ("bed/0000.png,bed,sofaa,", r"no class is called 'sofaa'\. Did you mean 'sofa'\? Accepted: bed, chair, sofa"),
        ("bed/0000.png,bed,stool,", "a new class needs a folder of its own"),
        ("bed/0005.png,bed,chair,", "'bed/0005.png' shall be 'sofa' and 'chair'"),
    ],
)
def test_a_row_that_does_not_fit_is_named_by_its_line(photos: Photos, tmp_path: Path, row: str, told: str) -> None:
    with pytest.raises(PhotosError, match=told) as caught:
        corrected(photos, tmp_path, "bed/0005.png,bed,sofa,", row)
    assert "Next: " in str(caught.value)


def test_all_rows_that_do_not_fit_are_counted(photos: Photos, tmp_path: Path) -> None:
    with pytest.raises(PhotosError, match=r"line 2: .*\(2 more rows do not fit\)"):
        corrected(photos, tmp_path, "a.png,bed,,", "b.png,bed,,", "bed/0000.png,chair,,")


def test_a_class_without_photos_is_refused(photos: Photos, tmp_path: Path) -> None:
    with pytest.raises(PhotosError, match=r"Too few photos: 'sofa' has none after the corrections of .*mine\.csv"):
        corrected(photos, tmp_path, *(f"sofa/000{n}.png,sofa,{'-' if n else 'bed'}," for n in range(6)))


def test_a_class_that_is_called_like_the_sign_is_not_guessed(tmp_path: Path) -> None:
    odd = photos_of(*(photo(n, label) for label in ("-", "bed") for n in range(6)))
    with pytest.raises(PhotosError, match="rename that class"):
        corrected(odd, tmp_path, "bed/0000.png,bed,-,")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"path,label\na,b\n", r"no table of corrections: it has no column class, proposed \(it has: path, label\)"),
        (b"", "it has: none"),
        (b"\xff\xd8\xff\xe0 a photo", "no table of corrections that can be read"),
        (b'path,class,proposed\n"a', "no table of corrections that can be read"),
    ],
)
def test_what_is_no_table_is_one_line(tmp_path: Path, content: bytes, told: str) -> None:
    (tmp_path / "mine.csv").write_bytes(content)
    with pytest.raises(PhotosError, match=told) as caught:
        read_corrections(tmp_path / "mine.csv")
    assert "Next: tellapart audit" in str(caught.value)


def test_a_missing_table_is_told_before_the_photos_are_opened(tmp_path: Path) -> None:
    with pytest.raises(PhotosError, match="There is no table of corrections"):
        scan_corrected(tmp_path / "no photos", tmp_path / "none.csv", Silent())


def test_photos_are_corrected_as_they_are_scanned_and_never_touched(tmp_path: Path) -> None:
    root = class_folders(tmp_path / "photos", {"bed": 6, "sofa": 6})
    before = {path: path.read_bytes() for path in root.rglob("*.png")}
    file = table(tmp_path, "bed/000.png,bed,sofa,", "bed/001.png,bed,-,")
    assert scan_corrected(root, str(file), Silent()).counts == {"bed": 4, "sofa": 7}
    assert scan_corrected(root, None, Silent()).corrections is None
    assert {path: path.read_bytes() for path in root.rglob("*.png")} == before


def test_an_edited_table_is_never_overwritten(tmp_path: Path) -> None:
    file = write_corrections(tmp_path, SUSPECTS)
    file.write_text("edited for an hour", encoding="utf-8")
    with pytest.raises(RunFolderError, match=r"corrections\.csv is there already"):
        check_unwritten(tmp_path)
    with pytest.raises(RunFolderError, match=r"corrections\.csv is there already"):
        write_corrections(tmp_path, SUSPECTS)
    assert file.read_text(encoding="utf-8") == "edited for an hour"


def test_a_second_table_holds_what_the_first_one_did(photos: Photos, tmp_path: Path) -> None:
    """Each row names the class of the folder, so that the second table alone fits the photos."""
    once = corrected(photos, tmp_path, "bed/0000.png,bed,chair,", "chair/0000.png,chair,-,")
    again = (Suspect("bed/0000.png", "chair", "sofa", 0.99, True), *SUSPECTS[1:])
    file = write_corrections(tmp_path / "out", again, once.corrections)
    now = correct(photos, read_corrections(file))
    assert now.corrections is not None
    assert now.corrections.changed == (("bed/0000.png", "bed", "chair"), ("sofa/0000.png", "sofa", "bed"))
    assert now.corrections.left_out == (("chair/0000.png", "chair"),)


def test_a_run_keeps_its_table(tmp_path: Path) -> None:
    file = table(tmp_path, "bed/0000.png,bed,sofa,")
    keep_table(tmp_path / "run", file)
    assert (tmp_path / "run" / "corrections.csv").read_bytes() == file.read_bytes()
    keep_table(tmp_path / "other", None)
    assert not (tmp_path / "other").exists()
