import errno
import json
import os
import shutil
import threading
from pathlib import Path

import pytest

from tellapart.errors import StorageError
from tellapart.files import (
    make_folder,
    read_csv,
    read_json,
    storage_error,
    storage_errors,
    take_folder,
    whole_file,
    whole_folder,
    whole_or_empty,
    write_bytes,
    write_csv,
    write_json,
    write_text,
)


def fail_with(number: int) -> object:
    def fail(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    return fail


def test_a_file_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "results.json"
    with whole_file(path) as temporary:
        temporary.write_text("new")
        assert not path.exists()
        assert temporary.parent == path.parent
        assert temporary.name.startswith(".")
        assert temporary.suffix == ".json"
    assert path.read_text() == "new"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("problem", [ValueError("x"), KeyboardInterrupt(), FileNotFoundError(errno.ENOENT, "x")])
def test_an_exception_inside_leaves_the_old_file_and_nothing_else(tmp_path: Path, problem: BaseException) -> None:
    path = tmp_path / "a.txt"
    write_text(path, "old")

    def fail() -> None:
        with whole_file(path) as temporary:
            temporary.write_text("half")
            raise problem

    with pytest.raises(type(problem)):
        fail()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("number", "message"),
    [
        (errno.ENOSPC, "disk is full.*It takes 3 bytes, and .* are free.*Next: free some space.*--resume"),
        (errno.EDQUOT, "quota"),
        (errno.EFBIG, "ulimit"),
        (errno.EROFS, "read-only.*--out"),
    ],
)
def test_no_space_keeps_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, message: str
) -> None:
    path = tmp_path / "a.txt"
    write_text(path, "old")
    monkeypatch.setattr(os, "fsync", fail_with(number))
    with pytest.raises(StorageError, match=f"Cannot write .*a.txt.*{message}"):
        write_text(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_no_space_while_the_caller_writes(tmp_path: Path) -> None:
    def fill() -> None:
        with whole_file(tmp_path / "a.txt"):
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(StorageError, match="disk is full"):
        fill()
    assert not list(tmp_path.iterdir())


def test_no_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tellapart.temporaries.NamedTemporaryFile", fail_with(errno.EACCES))
    with pytest.raises(StorageError, match=r"Permission denied\. Next: get that permission"):
        write_text(tmp_path / "a.txt", "new")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_no_permission_for_real(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0o500)
    with pytest.raises(StorageError, match="Permission denied"):
        write_text(tmp_path / "closed" / "a.txt", "new")


def test_a_path_through_a_file(tmp_path: Path) -> None:
    write_text(tmp_path / "file", "")
    with pytest.raises(StorageError, match="a file, not a folder"):
        write_text(tmp_path / "file" / "sub" / "a.txt", "new")


def test_other_problems_are_left_as_they_are() -> None:
    assert storage_error(FileNotFoundError(errno.ENOENT, "x")) is None
    with pytest.raises(FileNotFoundError), storage_errors(Path("x")):
        raise FileNotFoundError(errno.ENOENT, "x")


def test_a_problem_without_a_path_can_be_told() -> None:
    told = storage_error(OSError(errno.ENOSPC, "full", "/some/file"))
    assert str(told).startswith("Cannot write /some/file. The disk is full.")
    assert str(storage_error(OSError(errno.ENOSPC, "full"))).startswith("Cannot write a file.")


@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_permissions_follow_the_umask(tmp_path: Path, mask: int, mode: int) -> None:
    before = os.umask(mask)
    try:
        write_text(tmp_path / "a.txt", "x")
        assert os.umask(mask) == mask
    finally:
        os.umask(before)
    assert (tmp_path / "a.txt").stat().st_mode & 0o777 == mode


@pytest.mark.parametrize("name", ["a", "😀" * 60 + ".csv", "x" * 250 + ".txt", "a." + "é" * 120, ".hidden"])
def test_names_of_any_length_that_the_disk_takes(tmp_path: Path, name: str) -> None:
    write_text(tmp_path / name, "x")
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_two_writers_do_not_mix(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    texts = [str(number) * 100_000 for number in range(4)]
    writers = [threading.Thread(target=write_text, args=(path, text)) for text in texts]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert path.read_text() in texts
    assert list(tmp_path.iterdir()) == [path]


def test_the_same_content_gives_the_same_bytes(tmp_path: Path) -> None:
    content = {"b": [1, 2.5, None], "a": "Ünï 😀"}
    for name in ("one.json", "two.json"):
        write_json(tmp_path / name, content)
    one = (tmp_path / "one.json").read_bytes()
    assert one == (tmp_path / "two.json").read_bytes()
    assert "Ünï 😀".encode() in one
    assert read_json(tmp_path / "one.json") == content


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_json_holds_finite_numbers_only(tmp_path: Path, number: float) -> None:
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "a.json", {"loss": number})
    assert not list(tmp_path.iterdir())


def test_tables_survive_the_disk(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    write_csv(path, ["path", "class"], [['a,"b".jpg', "椅子"], ["new\nline", ""]])
    assert path.read_bytes().startswith(b"path,class\n")
    assert b"\r" not in path.read_bytes()
    assert read_csv(path) == [{"path": 'a,"b".jpg', "class": "椅子"}, {"path": "new\nline", "class": ""}]


def test_text_and_bytes_are_written_as_they_are(tmp_path: Path) -> None:
    write_text(tmp_path / "a.txt", "é\n")
    assert (tmp_path / "a.txt").read_bytes() == b"\xc3\xa9\n"
    write_bytes(tmp_path / "a.txt", b"\x00\xff")
    assert (tmp_path / "a.txt").read_bytes() == b"\x00\xff"


def test_a_file_where_a_folder_is_needed(tmp_path: Path) -> None:
    (tmp_path / "figures").touch()
    with pytest.raises(StorageError, match=r"a folder is needed\. Next: move that file away"):
        make_folder(tmp_path / "figures")


def test_a_folder_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    for content in ("old", "new"):
        with whole_folder(tmp_path / "model") as temporary:
            (temporary / "inner").mkdir()
            (temporary / "inner" / "a.txt").write_text(content)
            assert temporary.parent == tmp_path
            assert (tmp_path / "model").exists() == (content == "new")
        assert [path.name for path in tmp_path.iterdir()] == ["model"]
        assert (tmp_path / "model" / "inner" / "a.txt").read_text() == content


def test_an_exception_inside_leaves_the_old_folder_and_nothing_else(tmp_path: Path) -> None:
    with whole_folder(tmp_path / "model") as temporary:
        (temporary / "a.txt").write_text("old")

    def interrupted() -> None:
        with whole_folder(tmp_path / "model") as half:
            (half / "b.txt").write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
    assert [path.name for path in (tmp_path / "model").iterdir()] == ["a.txt"]


def test_a_folder_is_as_readable_as_any_other(tmp_path: Path) -> None:
    make_folder(tmp_path / "plain")
    with whole_folder(tmp_path / "model") as temporary:
        (temporary / "a.txt").write_text("a")
    assert (tmp_path / "model").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_a_full_disk_costs_nothing_that_was_there(tmp_path: Path) -> None:
    with whole_folder(tmp_path / "model") as temporary:
        (temporary / "a.txt").write_text("old")
    with pytest.raises(StorageError, match="The disk is full"), whole_folder(tmp_path / "model"):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert (tmp_path / "model" / "a.txt").read_text() == "old"


def test_make_folder(tmp_path: Path) -> None:
    assert make_folder(tmp_path / "a" / "b").is_dir()
    assert make_folder(tmp_path / "a" / "b").is_dir()


def test_json_is_what_python_reads(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", [1])
    assert json.loads((tmp_path / "a.json").read_text()) == [1]


def test_a_file_that_cannot_fit_is_not_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tellapart.files.free_bytes", lambda _: 1000)
    monkeypatch.setattr("tellapart.storage.free_bytes", lambda _: 1000)
    begun = []

    def write() -> None:
        with whole_file(tmp_path / "a.npy", needed=2_000_000) as temporary:
            begun.append(temporary)

    with pytest.raises(StorageError, match=r"a\.npy\. The disk is full\. It takes 2\.0 MB, and 1 kB are free"):
        write()
    assert not begun
    assert not list(tmp_path.iterdir())


def test_what_was_written_until_then_is_told(tmp_path: Path) -> None:
    def write() -> None:
        with whole_file(tmp_path / "a.keras") as temporary:
            temporary.write_bytes(bytes(1_500_000))
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(StorageError, match=r"It takes more than 1\.5 MB, and .* are free"):
        write()


def test_a_library_that_notices_nothing_is_not_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some write on in C++ where a disk is full, and fail at what they find missing."""

    def write() -> None:
        with whole_folder(tmp_path / "openvino"):
            raise RuntimeError("Empty weights data in bin file")

    with pytest.raises(RuntimeError, match="Empty weights"):
        write()
    monkeypatch.setattr("tellapart.files.free_bytes", lambda _: 0)
    with pytest.raises(StorageError, match="The disk is full"):
        write()


def test_a_folder_that_was_taken_and_removed_is_not_made_anew(tmp_path: Path) -> None:
    run = take_folder(tmp_path / "run")
    write_text(run / "recipes" / "a.txt", "x")
    (run / "recipes" / "a.txt").unlink()
    (run / "recipes").rmdir()
    write_text(run / "recipes" / "a.txt", "y")  # a part of it may go
    shutil.rmtree(run)
    with pytest.raises(StorageError, match=r"The folder .*run was removed while it was written to\. Next:"):
        write_text(run / "recipes" / "a.txt", "z")
    assert not run.exists()
    write_text(tmp_path / "run-2" / "a.txt", "x")
    take_folder(run)
    write_text(run / "a.txt", "x")


def test_a_temporary_file_that_stays_hides_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def write() -> None:
        with monkeypatch.context() as patch, whole_file(tmp_path / "a.txt"):
            patch.setattr(Path, "unlink", fail_with(errno.EROFS))
            raise OSError(errno.EROFS, "Read-only file system")

    with pytest.raises(StorageError, match=r"a\.txt\. The disk is read-only"):
        write()


@pytest.mark.parametrize("before", ["new", "empty"])
def test_a_folder_that_was_empty_is_left_so_where_something_fails(tmp_path: Path, before: str) -> None:
    folder = tmp_path / "audit"
    if before == "empty":
        folder.mkdir()

    def fail() -> None:
        with whole_or_empty(folder):
            write_text(folder / "figures" / "a.txt", "x")
            raise StorageError("Cannot write it.")

    with pytest.raises(StorageError):
        fail()
    assert folder.exists() == (before == "empty")
    assert not folder.exists() or not list(folder.iterdir())
    with whole_or_empty(folder):
        write_text(folder / "a.txt", "x")
    with pytest.raises(StorageError):
        fail()
    assert (folder / "a.txt").exists(), "what an earlier command left stays"
