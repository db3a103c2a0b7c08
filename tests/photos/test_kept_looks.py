import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from photo_maker import class_folders, noise, save
from tellapart.photos import kept_looks
from tellapart.photos import scan as scan_module
from tellapart.photos.audit import audit
from tellapart.photos.duplicates import find_duplicates
from tellapart.photos.look import Look
from tellapart.photos.scan import Photo, Photos, scan


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    class_folders(tmp_path / "photos", {"chair": 3, "table": 2})
    return tmp_path / "photos"


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Lengths of the files that are decoded from here on."""
    lengths: list[int] = []
    decode = scan_module.decode  # type: ignore[attr-defined]

    def counted(content: bytes) -> object:
        lengths.append(len(content))
        return decode(content)

    monkeypatch.setattr(scan_module, "decode", counted)
    return lengths


def told(found: Photos) -> list[tuple[Photo, list[object]]]:
    """All of the photos, with what is not compared of them."""
    looks = [photo.look for photo in found.items if photo.look]
    plain = [[getattr(look, name) for name in Look.__dataclass_fields__ if name != "thumbnail"] for look in looks]
    thumbnails = [np.asarray(look.thumbnail).tolist() for look in looks]
    return list(zip(found.items, map(list, zip(plain, thumbnails, strict=True)), strict=True))


def test_a_second_scan_decodes_nothing_and_tells_the_same(photos: Path, tmp_path: Path, decoded: list[int]) -> None:
    first = told(scan(photos, cache=tmp_path / "cache"))
    assert len(decoded) == 5
    second = told(scan(photos, cache=tmp_path / "cache"))
    assert len(decoded) == 5
    assert second == first == told(scan(photos))


def test_new_and_changed_photos_alone_are_decoded(photos: Path, tmp_path: Path, decoded: list[int]) -> None:
    scan(photos, cache=tmp_path / "cache")
    save(noise(70), photos / "chair" / "001.png")
    save(noise(71), photos / "table" / "new.png")
    (photos / "chair" / "000.png").rename(photos / "chair" / "moved.png")
    found = scan(photos, cache=tmp_path / "cache")
    assert len(decoded) == 5 + 2
    assert told(found) == told(scan(photos))
    assert [photo.path for photo in found.items][1:3] == ["chair/002.png", "chair/moved.png"]
    before = len(decoded)
    scan(photos, cache=tmp_path / "cache")
    assert len(decoded) == before


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def one_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-50] ^= 1
    path.write_bytes(content)


def of_another_look(path: Path) -> None:
    rows = json.loads(path.read_text())
    for row in rows["photos"].values():
        row["look"]["beauty"] = 1
    path.write_text(json.dumps(rows))


def of_another_kind(path: Path) -> None:
    rows = json.loads(path.read_text())
    path.write_text(json.dumps({**rows, "photos": list(rows["photos"])}))


@pytest.mark.parametrize(
    ("suffix", "damage"),
    [
        (".npy", cut),
        (".npy", one_bit),
        (".npy", Path.unlink),
        (".json", cut),
        (".json", Path.unlink),
        (".json", of_another_look),
        (".json", of_another_kind),
    ],
)
def test_what_is_damaged_is_measured_anew(
    photos: Path, tmp_path: Path, decoded: list[int], suffix: str, damage: Callable[[Path], None]
) -> None:
    first = told(scan(photos, cache=tmp_path / "cache"))
    (kept,) = (tmp_path / "cache" / "looks").glob(f"*{suffix}")
    damage(kept)
    assert told(scan(photos, cache=tmp_path / "cache")) == first
    assert len(decoded) == 10
    scan(photos, cache=tmp_path / "cache")
    assert len(decoded) == 10


def test_of_very_many_photos_nothing_is_kept(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_looks, "MOST", 4)
    scan(photos, cache=tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


def test_a_cache_that_cannot_be_written_stops_no_scan(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file")
    assert told(scan(photos, cache=tmp_path / "cache")) == told(scan(photos))


def test_a_photo_that_cannot_be_read_is_told_each_time(photos: Path, tmp_path: Path) -> None:
    (photos / "chair" / "bad.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    for _ in range(2):
        (left_out,) = scan(photos, cache=tmp_path / "cache").excluded
        assert left_out.path == "chair/bad.png"


def test_copies_are_compared_once(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(noise(70), photos / "chair" / "copy.png")
    save(noise(70), photos / "table" / "copy.png")
    found = scan(photos)
    first = audit(found, cache=tmp_path / "cache")
    assert len(first.groups) == 1
    monkeypatch.setattr("tellapart.photos.duplicates.find_duplicates", lambda _: pytest.fail("compared again"))
    second = audit(found, cache=tmp_path / "cache")
    monkeypatch.undo()
    assert second.duplicates == first.duplicates == find_duplicates(found.items)
    save(noise(70), photos / "table" / "third.png")
    assert len(audit(scan(photos), cache=tmp_path / "cache").groups[0].paths) == 3
