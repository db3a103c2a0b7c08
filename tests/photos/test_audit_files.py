import json
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from photo_maker import class_folders, noise, save
from tellapart.photos.audit import Finding, audit
from tellapart.photos.audit_files import MOST, chosen, write_audit
from tellapart.photos.scan import scan
from tellapart.photos.suspects import LabelCheck, Suspect


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    root = class_folders(tmp_path / "photos", {"chair": 6, "table": 6})
    save(noise(0, (300, 200)), root / "chair" / "a.bmp", format="PNG")
    return root


def test_json_and_thumbnails_are_left(photos: Path, tmp_path: Path) -> None:
    found = scan(photos)
    told = write_audit(tmp_path / "out", audit(found), found.root)
    assert json.loads((tmp_path / "out" / "audit.json").read_text(encoding="utf-8")) == json.loads(json.dumps(told))
    name = told["thumbnails"]["chair/a.bmp"]
    with Image.open(tmp_path / "out" / name) as picture:
        assert picture.format == "JPEG"
        assert picture.size == (160, 107)
    assert (tmp_path / "out" / name).stat().st_size < 20_000


@pytest.mark.parametrize("probable", [True, False])
def test_photos_with_suspicious_labels_are_shown_where_one_is_probably_wrong(
    photos: Path, tmp_path: Path, probable: bool
) -> None:
    found = scan(photos)
    suspects = tuple(Suspect(photo.path, photo.label, "table", 0.9, probable) for photo in found.items[:3])
    audited = replace(audit(found), findings=(), labels=LabelCheck(suspects, 13))
    told = write_audit(tmp_path / "out", audited, found.root)
    assert list(told["thumbnails"]) == ([suspect.path for suspect in suspects] if probable else [])
    assert [row["path"] for row in told["labels"]] == [suspect.path for suspect in suspects]


def test_a_photo_that_has_gone_since_costs_its_thumbnail_only(photos: Path, tmp_path: Path) -> None:
    found = scan(photos)
    audited = audit(found)
    (photos / "chair" / "a.bmp").unlink()
    told = write_audit(tmp_path / "out", audited, found.root)
    assert "chair/a.bmp" not in told["thumbnails"]


def test_the_worst_are_shown_each_once_and_never_too_many() -> None:
    findings = [
        Finding(f"kind {n}", "warning", "", "", tuple(f"{n}/{photo}.jpg" for photo in range(50))) for n in range(9)
    ]
    shown = chosen([findings[0], *findings])
    assert len(shown) == len(set(shown)) == MOST
    assert shown[0] == "0/0.jpg"
    assert any(path.startswith("3/") for path in shown)
    assert chosen([Finding("unreadable", "warning", "", "", ("a.jpg",))]) == []
