import io
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tellapart.deploy.places import count_photos, find_photos, names_on_input
from tellapart.errors import OptionError, PhotosError

FILES = ["b/2.JPG", "b/1.png", "a/x/3.webp", "a/c.tiff", "z.gif"]
OTHERS = ["b/.hidden.png", "a/.ipynb_checkpoints/1.png", "__MACOSX/b/1.png", "a/notes.txt", "b/Thumbs.db"]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    for name in FILES + OTHERS:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def found(root: Path, *places: str) -> list[str]:
    return [path.relative_to(root).as_posix() for path in find_photos([str(root / place) for place in places])]


def test_folders_are_searched_in_a_fixed_order(place: Path) -> None:
    assert found(place, "") == ["z.gif", "a/c.tiff", "a/x/3.webp", "b/1.png", "b/2.JPG"]
    assert count_photos([place]) == 5


def test_a_file_named_is_taken_whatever_its_name(tmp_path: Path) -> None:
    (tmp_path / "photo").touch()
    (tmp_path / "a[1]*.jpg").touch()
    (tmp_path / "a1b.jpg").touch()
    assert found(tmp_path, "photo") == ["photo"]
    assert found(tmp_path, "a[1]*.jpg") == ["a[1]*.jpg"], "a pattern too, but there is such a file"


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("b/*", ["b/1.png", "b/2.JPG"]),
        ("?/*.[pt]*", ["a/c.tiff", "b/1.png"]),
        ("*", ["a/c.tiff", "a/x/3.webp", "b/1.png", "b/2.JPG", "z.gif"]),
        ("**/*.webp", ["a/x/3.webp"]),
        ("**/*", ["z.gif", "a/c.tiff", "a/x/3.webp", "b/1.png", "b/2.JPG"]),
        ("**", ["z.gif", "a/c.tiff", "a/x/3.webp", "b/1.png", "b/2.JPG"]),
        ("a/**/*.webp", ["a/x/3.webp"]),
        ("a/**/**/x/**/3*", ["a/x/3.webp"]),
        ("*/x/3.webp", ["a/x/3.webp"]),
    ],
)
def test_patterns(place: Path, pattern: str, expected: list[str]) -> None:
    assert found(place, pattern) == expected


def test_a_pattern_relative_to_here(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)
    assert [path.as_posix() for path in find_photos(["b/*.png", "*/c.tiff"])] == ["b/1.png", "a/c.tiff"]


def test_no_file_comes_twice_by_two_ways(tmp_path: Path) -> None:
    (tmp_path / "b" / "b").mkdir(parents=True)
    (tmp_path / "b" / "b" / "1.png").touch()
    assert found(tmp_path, "**/b/**/*.png") == ["b/b/1.png"]


def test_places_without_photos_are_told_before_the_first_photo(place: Path) -> None:
    with pytest.raises(PhotosError, match=r"There is no .*none, no .*gone\.jpg\. Accepted: photos, folders"):
        next(find_photos([place, place / "none", place / "gone.jpg"]))
    (place / "empty").mkdir()
    with pytest.raises(PhotosError, match="empty holds no photo"):
        next(find_photos([place, place / "empty"]))
    with pytest.raises(PhotosError, match=r"\*\.bmp matches no photo"):
        next(find_photos([place, place / "*.bmp"]))


def test_names_from_elsewhere_may_be_missing_or_folders(place: Path) -> None:
    names = [place / "b", place / "gone.jpg", place / "z.gif"]
    given = list(find_photos([place / "a" / "c.tiff", "-"], names))
    assert given == [place / "a/c.tiff", place / "b/1.png", place / "b/2.JPG", place / "gone.jpg", place / "z.gif"]
    assert count_photos(["-"]) == 0


def test_names_stream() -> None:
    def endless() -> Iterator[Path]:
        while True:
            yield Path("a.jpg")

    photos = find_photos(["-"], endless())
    assert [next(photos) for _ in range(3)] == [Path("a.jpg")] * 3


def test_lines_and_nulls(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = b"a.jpg\r\n\n b, c.jpg \n\xff.jpg\nlast.jpg"
    assert list(names_on_input(io.BytesIO(lines))) == [
        Path(n) for n in ("a.jpg", " b, c.jpg ", "\udcff.jpg", "last.jpg")
    ]
    nulls = b"a\nb.jpg\0\0c.jpg\0" + b"d" * 70_000 + b"\0e"
    given = list(names_on_input(io.BytesIO(nulls), null=True))
    assert given == [Path("a\nb.jpg"), Path("c.jpg"), Path("d" * 70_000), Path("e")]
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"x.jpg\n")))
    assert list(find_photos(["-"])) == [Path("x.jpg")]


@pytest.mark.parametrize("content", [b"\xff\xd8\xff\xe0\0\x10JFIF", b"a.jpg\0b.jpg\0", b"a" * 70_000])
def test_what_is_no_names_is_told(content: bytes) -> None:
    with pytest.raises(OptionError, match=r"no names of files.*--null"):
        list(names_on_input(io.BytesIO(content)))


def test_no_end_of_a_name_is_told() -> None:
    with pytest.raises(OptionError, match="without --null"):
        list(names_on_input(io.BytesIO(b"a" * 200_000), null=True))
