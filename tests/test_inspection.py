import json
from pathlib import Path

import pytest

from photo_maker import class_folders
from tellapart.errors import MissingExtraError, OptionError, PhotosError, RunFolderError
from tellapart.inspection import inspect_photos


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    return class_folders(tmp_path / "photos", {"chair": 6, "table": 6})


def test_a_folder_is_audited_and_a_second_time_replaced(photos: Path, tmp_path: Path) -> None:
    before = sorted(path.read_bytes() for path in photos.rglob("*.png"))
    for _ in range(2):
        audited = inspect_photos(photos, tmp_path / "out")
        told = json.loads((tmp_path / "out" / "audit.json").read_text(encoding="utf-8"))
        assert [finding["kind"] for finding in told["findings"]] == [finding.kind for finding in audited.findings]
        assert "too-small" in {finding.kind for finding in audited.findings}
        assert (tmp_path / "out" / "audit.html").is_file()
    assert sorted(path.read_bytes() for path in photos.rglob("*.png")) == before, "no photo is changed"


def test_other_folders_are_left_alone(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "letter.txt").write_text("mine")
    with pytest.raises(RunFolderError, match="not empty"):
        inspect_photos(photos, tmp_path / "full")
    with pytest.raises(PhotosError, match="lies inside the photos"):
        inspect_photos(photos, photos / "audit")
    out = tmp_path / "run"
    inspect_photos(photos, out)
    (out / "run.json").write_text("{}")
    with pytest.raises(RunFolderError, match="holds a run"):
        inspect_photos(photos, out)


def test_a_table_that_was_edited_stops_the_audit_before_anything_is_opened(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "audit.html").write_text("of an earlier audit")
    (tmp_path / "out" / "corrections.csv").write_text("edited")
    with pytest.raises(RunFolderError, match=r"corrections\.csv is there already"):
        inspect_photos(tmp_path / "no such folder", tmp_path / "out", apply=True)
    assert (tmp_path / "out" / "corrections.csv").read_text() == "edited"


def test_a_table_without_cleanlab_stops_with_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tellapart.evaluation.labels.find_spec", lambda _: None)
    with pytest.raises(MissingExtraError, match=r"tellapart\[labels\]"):
        inspect_photos(tmp_path / "no such folder", tmp_path / "out", apply=True)


def test_an_audit_of_corrected_photos_counts_them_so(photos: Path, tmp_path: Path) -> None:
    table = tmp_path / "mine.csv"
    table.write_text("path,class,proposed\nchair/000.png,chair,table\nchair/001.png,chair,-\n", encoding="utf-8")
    audited = inspect_photos(photos, tmp_path / "out", corrections=table)
    assert {size.label: size.photos for size in audited.classes} == {"chair": 4, "table": 7}


def test_a_share_out_of_range_is_told_before_anything_is_opened(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=r"0\.05 to 0\.5"):
        inspect_photos(tmp_path / "no such folder", tmp_path / "out", test_share=0.9)
