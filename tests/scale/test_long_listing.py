"""Long listings: every kind of place, in the same order each time, in constant memory."""

import io
import os
import sys
import tarfile
import tracemalloc
from itertools import islice
from pathlib import Path

import pytest
from needed import needs_fsspec, needs_parquet

from photo_maker import noise, save
from tellapart.errors import PhotosError, SourceError
from tellapart.scale import long_listing
from tellapart.scale.long_listing import Listing, cut
from tellapart.scale.sources import Source, content_of


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Five photos and a text."""
    for number, name in enumerate(("b/2.png", "b/1.png", "a/3.png", "a/.hidden.png", "c.png", "a/deep/4.png")):
        save(noise(number), tmp_path / "photos" / name)
    (tmp_path / "photos" / "notes.txt").write_text("no photo")
    return tmp_path / "photos"


def shown(*places: object) -> list[str]:
    """The names of a listing, gone through twice."""
    listing = Listing([str(place) for place in places])
    found = [source.shown for source in listing]
    assert [source.shown for source in listing] == found
    return found


def test_folders_files_and_patterns(photos: Path) -> None:
    in_order = ["c.png", "a/3.png", "a/deep/4.png", "b/1.png", "b/2.png"]
    assert shown(photos) == [str(photos / name) for name in in_order]
    assert shown(photos / "b" / "*.png", photos / "c.png") == [
        str(photos / name) for name in ("b/1.png", "b/2.png", "c.png")
    ]


def test_files_of_names(photos: Path, tmp_path: Path) -> None:
    names = tmp_path / "names.txt"
    names.write_bytes(b"gone.jpg\r\n\n" + os.fsencode(str(photos / "b")) + b"\n\xff.jpg")
    assert shown(f"@{names}") == ["gone.jpg", str(photos / "b/1.png"), str(photos / "b/2.png"), "\\udcff.jpg"]


def test_names_on_standard_input_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"{number}.jpg" for number in range(20_000)]
    told = io.TextIOWrapper(io.BytesIO("\0".join(names).encode()))
    monkeypatch.setattr(sys, "stdin", told)
    listing = Listing(["-"], null=True)
    for _ in range(2):
        assert [source.shown for source in listing] == names


def test_the_fingerprint_is_of_names_and_order(photos: Path) -> None:
    first = Listing([photos]).read()
    assert first.n_photos == 5
    assert Listing([photos]).read() == first
    assert Listing([photos / "b", photos / "a", photos / "c.png"]).read().fingerprint != first.fingerprint
    save(noise(9), photos / "d.png")
    assert Listing([photos]).read().fingerprint != first.fingerprint


def test_tar_files(photos: Path, tmp_path: Path) -> None:
    for name in ("one.tar", "two.tar"):
        with tarfile.open(tmp_path / name, "w") as tar:
            tar.add(photos / "b", "b")
            tar.addfile(tarfile.TarInfo("label.cls"))
    inside = ["b/1.png", "b/2.png"]
    assert sorted(shown(tmp_path / "one.tar")) == [f"{tmp_path}/one.tar/{name}" for name in inside]
    assert len(shown(tmp_path / "*.tar")) == 4
    for source in Listing([tmp_path / "one.tar"]):
        assert content_of(source) == (photos / source.member).read_bytes()


@needs_parquet
def test_parquet_tables(tmp_path: Path) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    table = pa.table({"path": ["a.jpg", "b.jpg"], "other": [1, 2]})
    parquet.write_table(table, tmp_path / "names.parquet")
    (tmp_path / "many.parquet").mkdir()
    parquet.write_table(table, tmp_path / "many.parquet" / "part-00000.parquet")
    parquet.write_table(table, tmp_path / "many.parquet" / "part-00001.parquet")
    assert shown(tmp_path / "names.parquet") == ["a.jpg", "b.jpg"]
    assert shown(tmp_path / "many.parquet") == ["a.jpg", "b.jpg"] * 2
    parquet.write_table(pa.table({"file": ["a.jpg"]}), tmp_path / "names.parquet")
    with pytest.raises(PhotosError, match=r"no column 'path'. Found: file"):
        shown(tmp_path / "names.parquet")
    parquet.write_table(pa.table({"path": ["a.jpg", None]}), tmp_path / "names.parquet")
    with pytest.raises(PhotosError, match="holds None as a path"):
        shown(tmp_path / "names.parquet")
    (tmp_path / "names.parquet").write_bytes(b"nothing of that kind")
    with pytest.raises(PhotosError, match="is no Parquet file"):
        shown(tmp_path / "names.parquet")


@needs_fsspec
def test_addresses(photos: Path, tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "one.tar", "w") as tar:
        tar.add(photos / "c.png", "c.png")
    assert [Path(name).name for name in shown(f"file://{photos}")] == ["c.png", "3.png", "4.png", "1.png", "2.png"]
    assert [Path(name).name for name in shown(f"file://{photos}/b/*.png")] == ["1.png", "2.png"]
    assert shown(f"file://{photos}/c.png") == [f"file://{photos}/c.png"]
    (source,) = Listing([f"file://{tmp_path}/one.tar"])
    assert content_of(source) == (photos / "c.png").read_bytes()
    (tmp_path / "names.txt").write_text("memory://a.jpg\n")
    assert shown(f"@file://{tmp_path}/names.txt") == ["memory://a.jpg"]
    with pytest.raises(PhotosError, match="There is no memory://nowhere"):
        shown("memory://nowhere")


def test_a_file_system_that_fails_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    class NoCredentialsError(Exception):
        """As those of botocore: no OSError."""

    def refused(place: str) -> object:
        raise NoCredentialsError(f"no key\nfor {place}")

    monkeypatch.setattr(long_listing, "filesystem_of", refused)
    with pytest.raises(SourceError, match=r"s3://b cannot be listed \(NoCredentialsError: no key for s3://b\)"):
        shown("s3://b")


@pytest.mark.parametrize(
    ("place", "told"),
    [
        ("nowhere", "There is no nowhere"),
        ("nowhere.tar", r"There is no nowhere.tar"),
        ("@nowhere.txt", "nowhere.txt cannot be read: no such file"),
        ("a.tar.gz", r"Accepted: .tar"),
        ("bad.tar", "is no tar file"),
        ("@empty.txt", "names no photo"),
        ("@bad.png", "bad.png holds no names of files. Accepted: one a line"),
    ],
)
def test_what_is_wrong_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str, told: str) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad.tar").write_bytes(b"x" * 2000)
    (tmp_path / "empty.txt").touch()
    save(noise(0), tmp_path / "bad.png")
    with pytest.raises(PhotosError, match=told) as raised:
        shown(place)
    assert "\n" not in str(raised.value)


def test_pieces() -> None:
    sources = [Source(str(number)) for number in range(7)]
    assert [len(piece) for piece in cut(sources, 3)] == [3, 3, 1]
    assert [source for piece in cut(sources, 3) for source in piece] == sources
    assert list(cut([], 3)) == []


def test_memory_does_not_grow_with_a_listing(tmp_path: Path) -> None:
    names, tar = tmp_path / "names.txt", tmp_path / "many.tar"
    names.write_text("".join(f"photos/{number:012}.jpg\n" for number in range(100_000)))
    with tarfile.open(tar, "w") as file:
        for number in range(5_000):
            file.addfile(tarfile.TarInfo(f"{number:012}.jpg"))
            file.members = []  # type: ignore[attr-defined]
    for place, count in ((f"@{names}", 100_000), (str(tar), 5_000)):
        listing = iter(Listing([place]))
        list(islice(listing, 500))
        tracemalloc.start()
        assert sum(1 for _ in listing) == count - 500
        assert tracemalloc.get_traced_memory()[1] < 300_000, place
        tracemalloc.stop()
