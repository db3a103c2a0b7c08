import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tellapart import temporaries
from tellapart.files import whole_file, whole_folder, write_text
from tellapart.temporaries import old_name, sweep, temporary_file, temporary_folder

CHILD = """
import sys, time
from pathlib import Path
from tellapart.files import whole_file, whole_folder
with whole_file(Path(sys.argv[1]) / "deep" / "a.npy") as one, whole_folder(Path(sys.argv[1]) / "model") as other:
    one.write_text("half")
    (other / "inner.txt").write_text("half")
    print("writing", flush=True)
    time.sleep(60)
"""


def names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


@pytest.mark.skipif(os.name == "nt", reason="nothing can be locked")
def test_what_a_killed_process_left_is_removed_and_what_a_living_one_writes_is_not(tmp_path: Path) -> None:
    write_text(tmp_path / "deep" / "mine.txt", "x")
    with subprocess.Popen([sys.executable, "-c", CHILD, str(tmp_path)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        before = names(tmp_path)
        assert len(before) == 3
        assert sweep(tmp_path) == []
        assert names(tmp_path) == before
        process.kill()
        process.wait()
        assert len(sweep(tmp_path)) == 2
    assert names(tmp_path) == ["deep/mine.txt"]
    assert [path.name for path in tmp_path.iterdir()] == ["deep"]


@pytest.mark.parametrize("name", [".hidden", "a.tmp", ".a.tmp", ".a.12345678.tmpx", "model.old", ".b.UPPERCAS.tmp"])
def test_what_others_named_is_left_alone(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("precious")
    (tmp_path / "folder.old").mkdir()
    if name != ".a.12345678.tmpx":  # which is one of ours with a suffix
        assert sweep(tmp_path) == []
        assert (tmp_path / name).is_file()


def test_a_folder_that_was_moved_aside_comes_back_or_goes(tmp_path: Path) -> None:
    for _ in range(2):
        with whole_folder(tmp_path / "model") as temporary:
            (temporary / "a.txt").write_text("old")
    (tmp_path / "model").rename(old_name(tmp_path / "model"))  # killed between two renames
    assert sweep(tmp_path) == [tmp_path / ".model.old"]
    assert (tmp_path / "model" / "a.txt").read_text() == "old"
    (tmp_path / ".model.old").mkdir()  # killed after both
    sweep(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_a_file_that_is_swept_before_it_is_locked_is_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    genuine, made = temporaries._own, []

    def swept_first(path: Path) -> int | None:
        made.append(path)
        if len(made) == 1:
            path.rmdir() if path.is_dir() else path.unlink()
        return genuine(path)

    monkeypatch.setattr(temporaries, "_own", swept_first)
    for whole in (temporary_file, temporary_folder):
        made.clear()
        with whole(tmp_path / "a") as temporary:
            assert temporary.exists()
            assert temporary == made[1]
    assert not list(tmp_path.iterdir())


def test_where_nothing_can_be_locked_only_what_is_old_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(temporaries, "fcntl", None)
    with whole_file(tmp_path / "a.txt") as temporary:
        temporary.write_text("x")
        assert sweep(tmp_path) == []
    for name in (".a.abcd1234.tmp", ".b.abcd1234.tmp"):
        (tmp_path / name).touch()
    long_ago = time.time() - 2 * 86_400
    os.utime(tmp_path / ".a.abcd1234.tmp", (long_ago, long_ago))
    assert sweep(tmp_path) == [tmp_path / ".a.abcd1234.tmp"]
    assert sorted(names(tmp_path)) == [".b.abcd1234.tmp", "a.txt"]


def test_what_cannot_be_removed_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".a.abcd1234.tmp").touch()

    def refuse(self: Path, missing_ok: bool = False) -> None:  # noqa: ARG001
        raise PermissionError(13, "no")

    monkeypatch.setattr(Path, "unlink", refuse)
    assert sweep(tmp_path) == []
    assert sweep(tmp_path / "missing") == []
