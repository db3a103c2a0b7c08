import json
from pathlib import Path

import pytest

from photo_maker import class_folders
from tellapart.errors import OptionError, PhotosError, RunFolderError
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


def test_a_share_out_of_range_is_told_before_anything_is_opened(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=r"0\.05 to 0\.5"):
        inspect_photos(tmp_path / "no such folder", tmp_path / "out", test_share=0.9)
