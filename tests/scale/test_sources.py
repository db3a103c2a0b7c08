"""Where one photo is: what is gone for good becomes a row, what may come back does not."""

import io
import os
import sys
from pathlib import Path

import pytest
from needed import needs_fsspec

from tellapart.errors import MissingExtraError, SourceError, UnreadablePhotoError
from tellapart.scale import sources
from tellapart.scale.sources import Source, content_of, is_address, open_place


def test_a_source_goes_through_json() -> None:
    for source in (Source("a/b.jpg"), Source("s3://b/c.jpg"), Source("a.tar", "b.jpg", 512, 3), Source("\udcff.jpg")):
        assert Source.from_json(source.as_json()) == source
    assert Source("a.tar", "in/b.jpg", 512, 3).shown == "a.tar/in/b.jpg"
    assert Source("\udcff.jpg").shown == "\\udcff.jpg"


def test_addresses() -> None:
    assert all(map(is_address, ("s3://b/c", "memory://a.jpg", "simplecache::https://h/a.jpg")))
    assert not any(map(is_address, ("a.jpg", "/a://b.jpg", "C:\\a.jpg", "://a", "-")))


def test_a_local_file_is_left_to_the_decoder_and_a_part_is_read(tmp_path: Path) -> None:
    assert content_of(Source("nowhere.jpg")) == Path("nowhere.jpg")
    (tmp_path / "a.tar").write_bytes(b"0123456789")
    place = str(tmp_path / "a.tar")
    assert content_of(Source(place, "b.jpg", 2, 3)) == b"234"
    with pytest.raises(UnreadablePhotoError, match="no such file"):
        content_of(Source(str(tmp_path / "gone.tar"), "b.jpg", 2, 3))
    with pytest.raises(UnreadablePhotoError, match="at most 500 are accepted"):
        content_of(Source(place, "b.jpg", 2, 600_000_000))


def test_a_part_that_is_cut_off_is_told_after_several_tries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "_PAUSE", 0.0)
    (tmp_path / "a.tar").write_bytes(b"0123")
    with pytest.raises(SourceError, match=r"a.tar/b.jpg could not be fetched in 3 tries \(the file ends before it\)"):
        content_of(Source(str(tmp_path / "a.tar"), "b.jpg", 2, 3))


@needs_fsspec
def test_addresses_are_read_by_fsspec(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"0123456789")
    place = f"file://{tmp_path}/a.jpg"
    assert content_of(Source(place)) == b"0123456789"
    assert content_of(Source(place, "part", 3, 4)) == b"3456"
    with pytest.raises(UnreadablePhotoError, match="no such file"):
        content_of(Source("memory://nowhere.jpg"))
    with pytest.raises(SourceError, match="Accepted: a scheme of fsspec"):
        open_place("nosuchscheme://a.jpg")


@needs_fsspec
def test_a_connection_that_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    tries = 0

    def opened(place: str) -> io.BytesIO:  # noqa: ARG001
        nonlocal tries
        tries += 1
        if tries < 3:
            raise ConnectionResetError("gone for now")
        return io.BytesIO(b"content")

    monkeypatch.setattr(sources, "_PAUSE", 0.0)
    monkeypatch.setattr(sources, "open_place", opened)
    assert content_of(Source("s3://bucket/a.jpg")) == b"content"
    tries = -10
    with pytest.raises(SourceError, match="gone for now"):
        content_of(Source("s3://bucket/a.jpg"))


def test_a_missing_fsspec_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fsspec", None)
    monkeypatch.setitem(sys.modules, "fsspec.core", None)
    with pytest.raises(MissingExtraError, match=r"tellapart\[scale\]"):
        content_of(Source("s3://bucket/a.jpg"))


def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may read every file")
    (tmp_path / "a.tar").write_bytes(b"0123")
    (tmp_path / "a.tar").chmod(0)
    with pytest.raises(UnreadablePhotoError, match="permission denied"):
        content_of(Source(str(tmp_path / "a.tar"), "b.jpg", 2, 1))
