import hashlib
import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from photo_maker import class_folders, noise, png_of, quarters, save
from tellapart.errors import PhotosError
from tellapart.photos.listing import LeftOut, Listed
from tellapart.photos.scan import Photo, digest_of, inspect, scan


class Counter:
    """A `Progress` that counts."""

    n = 0
    total = 0

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)

    def say(self, text: str) -> None: ...

    def bar(self, title: str, total: int) -> "Counter":
        assert title
        self.total = total
        return self

    def advance(self, n: int = 1) -> None:
        self.n += n

    def __enter__(self) -> "Counter":
        return self

    def __exit__(self, *_: object) -> None: ...


def reasons(left_out: tuple[LeftOut, ...]) -> dict[str, str]:
    return {item.path: item.reason for item in left_out}


def test_photos_are_opened_and_described(tmp_path: Path) -> None:
    class_folders(tmp_path, {"chair": 2, "table": 1})
    save(noise(7, (30, 20)), tmp_path / "table" / "deep" / "Ünï 😀.PNG")
    photos = scan(tmp_path)
    assert photos.classes == ("chair", "table")
    assert photos.counts == {"chair": 2, "table": 2}
    assert [photo.path for photo in photos.items] == [
        "chair/000.png",
        "chair/001.png",
        "table/000.png",
        "table/deep/Ünï 😀.PNG",
    ]
    last = photos.items[-1]
    assert (last.label, last.width, last.height, last.part) == ("table", 30, 20, "")
    assert last.content == hashlib.sha256((tmp_path / last.path).read_bytes()).hexdigest()


def test_every_bad_photo_is_named_with_its_reason(tmp_path: Path) -> None:
    class_folders(tmp_path, {"chair": 1, "table": 1})
    chair = tmp_path / "chair"
    (chair / "empty.jpg").touch()
    (chair / "letter.jpg").write_text("Dear Sir or Madam")
    whole = save(noise(3, (200, 200)), chair / "whole.jpg").read_bytes()
    (chair / "half.jpg").write_bytes(whole[: len(whole) // 2])
    (chair / "bomb.png").write_bytes(png_of(30_000, 30_000))
    (chair / "gone.jpg").symlink_to(tmp_path / "nothing")
    os.mkfifo(chair / "pipe.jpg")
    (chair / "notes.txt").write_text("not a photo, and not meant as one")
    photos = scan(tmp_path)
    assert len(photos.items) == 3
    told = reasons(photos.excluded)
    assert set(told) == {
        f"chair/{name}" for name in ("empty.jpg", "letter.jpg", "half.jpg", "bomb.png", "gone.jpg", "pipe.jpg")
    }
    assert "empty" in told["chair/empty.jpg"]
    assert "not a photo" in told["chair/letter.jpg"]
    assert "truncated" in told["chair/half.jpg"]
    assert "megapixels" in told["chair/bomb.png"]
    assert "no such file" in told["chair/gone.jpg"]
    assert "regular file" in told["chair/pipe.jpg"]
    assert reasons(photos.skipped) == {"chair/notes.txt": "not a photo"}


def test_a_photo_without_a_suffix_is_a_photo(tmp_path: Path) -> None:
    class_folders(tmp_path, {"chair": 1, "table": 1})
    shutil.copy(tmp_path / "chair" / "000.png", tmp_path / "chair" / "photo")
    assert scan(tmp_path).counts["chair"] == 2


def test_equal_pixels_in_other_bytes_are_exact_duplicates(tmp_path: Path) -> None:
    class_folders(tmp_path, {"chair": 1, "table": 1})
    save(quarters(), tmp_path / "chair" / "a.png")
    save(quarters(), tmp_path / "chair" / "b.bmp")
    first, second = (photo for photo in scan(tmp_path).items if photo.path[6] in "ab")
    assert first.pixels == second.pixels
    assert first.content != second.content


def test_a_photo_is_measured_and_its_group_kept(tmp_path: Path) -> None:
    class_folders(tmp_path, {"a": 1, "b": 1})
    (tmp_path / "t.csv").write_text("path,label,group\na/000.png,chair,patient 7\nb/000.png,table,\n")
    one, other = scan(tmp_path / "t.csv").items
    assert (one.group, other.group) == ("patient 7", "")
    assert one.look is not None
    assert (one.look.format, np.asarray(one.look.thumbnail).shape) == ("PNG", (64, 64))
    assert one == replace(one, look=None), "what was measured follows from the content, and is no part of it"


def test_pixels_of_another_shape_are_others(tmp_path: Path) -> None:
    black = noise(0, (8, 2)).point(lambda _: 0)
    found = [
        inspect(tmp_path, Listed(save(p, tmp_path / f"{n}.png").name, "x"))
        for n, p in enumerate([black, black.rotate(90, expand=True)])
    ]
    one, other = found
    assert isinstance(one, Photo)
    assert isinstance(other, Photo)
    assert one.pixels != other.pixels


def test_a_name_that_is_not_utf8_is_left_out_and_told(tmp_path: Path) -> None:
    class_folders(tmp_path, {"chair": 1, "table": 1})
    try:
        save(noise(5), tmp_path / "chair" / "good.png").rename(tmp_path / "chair" / os.fsdecode(b"bad\xff.png"))
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    assert reasons(scan(tmp_path).excluded) == {
        "chair/bad\\udcff.png": "the file name is not valid UTF-8; rename the file"
    }


def test_fingerprint_follows_content_and_label_alone(tmp_path: Path) -> None:
    class_folders(tmp_path / "one", {"chair": 2, "table": 2})
    fingerprint = scan(tmp_path / "one").fingerprint
    shutil.copytree(tmp_path / "one", tmp_path / "two")
    (tmp_path / "two/chair/000.png").rename(tmp_path / "two/chair/zzz.png")
    assert scan(tmp_path / "two").fingerprint == fingerprint
    (tmp_path / "two/chair/zzz.png").rename(tmp_path / "two/table/zzz.png")
    assert scan(tmp_path / "two").fingerprint != fingerprint


def test_table_may_name_photos_anywhere_and_misses_are_told(tmp_path: Path) -> None:
    class_folders(tmp_path / "photos", {"a": 1, "b": 1})
    (tmp_path / "notes.txt").write_text("no photo")
    table = tmp_path / "tables" / "t.csv"
    table.parent.mkdir()
    absolute = (tmp_path / "photos/b/000.png").as_posix()
    table.write_text(
        f"path,label,part\n../photos/a/000.png,chair,train\n{absolute},table,test\nnone.png,chair,train\n"
        "../notes.txt,chair,train\n"
    )
    photos = scan(table)
    assert {photo.label: photo.part for photo in photos.items} == {"chair": "train", "table": "test"}
    assert set(reasons(photos.excluded)) == {"none.png", "../notes.txt"}


def test_image_folder(tmp_path: Path) -> None:
    class_folders(tmp_path / "train", {"chair": 2, "table": 2})
    class_folders(tmp_path / "test", {"chair": 1, "table": 1}, seed=50)
    assert [photo.part for photo in scan(tmp_path).items] == ["test"] * 2 + ["train"] * 4


def test_one_class_only(tmp_path: Path) -> None:
    class_folders(tmp_path, {"chair": 3})
    with pytest.raises(PhotosError, match=r"one class only, 'chair'.*Next: "):
        scan(tmp_path)


def test_no_readable_photo_names_the_first_reason(tmp_path: Path) -> None:
    (tmp_path / "chair").mkdir()
    (tmp_path / "chair" / "a.jpg").write_text("no photo")
    with pytest.raises(PhotosError, match=r"1 could not be read, the first: chair/a.jpg: not a photo"):
        scan(tmp_path)


def test_folders_of_other_things_hold_no_photo(tmp_path: Path) -> None:
    for name in ("a/x.txt", "b/y.pdf"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text("text")
    with pytest.raises(PhotosError, match=r"no readable photo\. Accepted: JPEG"):
        scan(tmp_path)


def test_each_file_moves_the_bar_once(tmp_path: Path) -> None:
    counter = Counter()
    scan(class_folders(tmp_path, {"chair": 3, "table": 2}), counter)
    assert (counter.n, counter.total) == (5, 5)


def test_digest_is_that_of_the_lines() -> None:
    assert digest_of(["a", "b"]) == hashlib.sha256(b"a\nb").hexdigest()


def test_links_that_lead_out_or_round_are_named_and_not_followed(tmp_path: Path) -> None:
    """A class folder that is a link, a link to a folder elsewhere, and links that go round."""
    photos, elsewhere = tmp_path / "photos", tmp_path / "elsewhere"
    class_folders(photos, {"chair": 1, "table": 1})
    class_folders(elsewhere, {"secret": 1})
    (photos / "sofa").symlink_to(elsewhere / "secret")
    (photos / "chair" / "out").symlink_to(elsewhere)
    (photos / "chair" / "up").symlink_to("..")
    (photos / "table" / "one").symlink_to("other")
    (photos / "table" / "other").symlink_to("one")
    (photos / "table" / "itself.png").symlink_to("itself.png")
    found = scan(photos)
    assert [photo.path for photo in found.items] == ["chair/000.png", "table/000.png"]
    told = {**reasons(found.skipped), **reasons(found.excluded)}
    for path in ("sofa", "chair/out", "chair/up"):
        assert "links are not followed" in told[path]
    assert set(told) == {"sofa", "chair/out", "chair/up", "table/one", "table/other", "table/itself.png"}


def test_links_to_files_are_read_and_told(tmp_path: Path) -> None:
    class_folders(tmp_path / "photos", {"chair": 1, "table": 1})
    told = Counter()
    scan(tmp_path / "photos", told)
    assert not told.notes
    elsewhere = save(noise(7, (30, 20)), tmp_path / "elsewhere.png")
    (tmp_path / "photos" / "chair" / "link.png").symlink_to(elsewhere)
    assert len(scan(tmp_path / "photos", told).items) == 3
    assert told.notes == ["1 photo behind links to files; links to folders are not followed"]


def test_a_pixel_and_a_strip_of_a_million_are_photos_or_named(tmp_path: Path) -> None:
    class_folders(tmp_path, {"chair": 1, "table": 1})
    save(noise(0, (1, 1)), tmp_path / "chair" / "one.png")
    (tmp_path / "table" / "strip.png").write_bytes(png_of(1_000_000, 1))
    found = scan(tmp_path)
    told = reasons(found.excluded)
    sizes = {photo.path: (photo.width, photo.height) for photo in found.items}
    assert sizes["chair/one.png"] == (1, 1)
    assert ("table/strip.png" in sizes) != ("table/strip.png" in told)
