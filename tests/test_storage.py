"""One line for whatever the system, or a library, says of a disk."""

import errno
import os
import resource
from pathlib import Path
from types import SimpleNamespace

import pytest

from tellapart.errors import PhotosError
from tellapart.going_on import know_resumable, same_command
from tellapart.storage import cache_folder, free_bytes, free_names, megabytes, nearest_folder, storage_error


class StorageInternalError(Exception):
    """As Optuna has one: it says nothing itself, and what caused it does."""


def caused(words: str) -> Exception:
    try:
        try:
            raise RuntimeError(words)
        except RuntimeError as problem:
            raise StorageInternalError("An exception is raised during the commit.") from problem
    except StorageInternalError as problem:
        return problem


@pytest.mark.parametrize(
    ("problem", "found"),
    [
        (RuntimeError("(sqlite3.OperationalError) database or disk is full"), "The disk is full"),
        (caused("(sqlite3.OperationalError) disk I/O error"), "reports an error"),
        (RuntimeError("(sqlite3.OperationalError) attempt to write a readonly database"), "read-only"),
        (ValueError("Unable to sync file (No space left on device)"), "The disk is full"),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), "quota is used up"),
        (OSError(errno.ESTALE, "Stale file handle"), "has gone"),
    ],
)
def test_libraries_are_known_by_their_words(tmp_path: Path, problem: Exception, found: str) -> None:
    told = str(storage_error(problem, tmp_path / "study.db"))
    assert told.startswith(f"Cannot write {tmp_path / 'study.db'}. ")
    assert found in told
    assert "Next: " in told
    assert "\n" not in told


@pytest.mark.parametrize("problem", [ValueError("a shape"), PhotosError("No space left on device"), KeyError("x")])
def test_what_is_about_something_else_is_left(tmp_path: Path, problem: Exception) -> None:
    assert storage_error(problem, tmp_path / "a") is None


def test_it_is_told_how_much_is_needed_and_how_much_is_free(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tellapart.storage.free_bytes", lambda _: 3_000_000)
    told = str(storage_error(OSError(errno.ENOSPC, "full"), tmp_path / "a", "It takes 12 MB"))
    assert "The disk is full. It takes 12 MB, and 3.0 MB are free. Next: free some space" in told


def test_the_largest_file_that_is_allowed_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (2_000_000, -1))
    told = str(storage_error(OSError(errno.EFBIG, "large"), tmp_path / "a", "It takes 12 MB"))
    assert "It takes 12 MB, and files of at most 2.0 MB are allowed. Next: raise the limit (ulimit -f)" in told


def test_a_folder_that_has_gone_is_told(tmp_path: Path) -> None:
    for problem in (FileNotFoundError(errno.ENOENT, "no"), RuntimeError("attempt to write a readonly database")):
        told = str(storage_error(problem, tmp_path / "gone" / "a"))
        assert f"The folder {tmp_path / 'gone'} was removed while it was written to. Next:" in told
    assert storage_error(FileNotFoundError(errno.ENOENT, "no"), tmp_path / "a") is None


def test_what_helps_depends_on_the_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TELLAPART_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    full = OSError(errno.ENOSPC, "full")
    assert "TELLAPART_CACHE=FOLDER" in str(storage_error(full, tmp_path / "cache" / "onnx" / "a"))
    assert "TMPDIR=FOLDER" in str(storage_error(full, tmp_path / "temporary" / "tellapart-x" / "network.onnx"))
    assert "free some space" in str(storage_error(full, tmp_path / "temporary" / "run" / "a"))


@pytest.mark.parametrize("resumable", [True, False, None])
def test_how_to_go_on_depends_on_the_command(tmp_path: Path, resumable: bool | None) -> None:
    know_resumable(resumable)
    try:
        again = same_command()
        for problem in (OSError(errno.ENOSPC, "full"), OSError(errno.EROFS, "no"), OSError(errno.EIO, "no")):
            assert str(storage_error(problem, tmp_path / "a")).endswith(f"then {again}.")
        gone = storage_error(FileNotFoundError(errno.ENOENT, "no"), tmp_path / "b" / "a")
        assert str(gone).endswith(f"then {again}.")
    finally:
        know_resumable(None)


def test_without_a_path_an_error_may_be_of_reading(tmp_path: Path) -> None:
    told = str(storage_error(OSError(errno.EACCES, "no", str(tmp_path / "a"))))
    assert told.startswith(f"Cannot read or write {tmp_path / 'a'}. Permission denied.")


@pytest.mark.parametrize(
    ("size", "told"), [(12, "12 bytes"), (12_000, "12 kB"), (1_540_000, "1.5 MB"), (230e6, "230 MB"), (4.2e9, "4.2 GB")]
)
def test_sizes_for_people(size: float, told: str) -> None:
    assert megabytes(size) == told


def test_the_room_of_a_path_that_is_not_there_yet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert nearest_folder(tmp_path / "a" / "b") == tmp_path
    room = free_bytes(tmp_path / "a" / "b")
    assert room is not None
    assert room > 0

    def fail(_: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr("shutil.disk_usage", fail)
    assert free_bytes(tmp_path) is None


@pytest.mark.skipif(not hasattr(os, "statvfs"), reason="Windows counts no files")
def test_how_many_files_a_disk_takes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "statvfs", lambda _: SimpleNamespace(f_files=5, f_favail=3))
    assert free_names(tmp_path / "a" / "b") == 3
    monkeypatch.setattr(os, "statvfs", lambda _: SimpleNamespace(f_files=0, f_favail=0))
    assert free_names(tmp_path) is None, "Btrfs counts none"


def test_cache_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TELLAPART_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path
    monkeypatch.delenv("TELLAPART_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_folder() == tmp_path / "xdg" / "tellapart"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.delenv("LOCALAPPDATA", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder() == tmp_path / ".cache" / "tellapart"
