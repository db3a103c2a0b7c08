import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tellapart.errors import RunFolderError
from tellapart.files import read_json, write_json
from tellapart.holding import HOLDER, Hold

CHILD = """
import sys, time
from pathlib import Path
from tellapart.holding import Hold
hold = Hold(Path(sys.argv[1]))
hold.take()
print("held", flush=True)
time.sleep(60)
"""


def test_a_folder_is_held_by_one_and_given_back(tmp_path: Path) -> None:
    run = tmp_path / "run"
    hold = Hold(run)
    hold.take()
    hold.take()
    told = read_json(run / HOLDER)
    assert (told["process"], told["host"]) == (os.getpid(), socket.gethostname())
    with pytest.raises(RunFolderError, match=rf"in use by process {os.getpid()} on .*, since 20.* Next: wait"):
        Hold(run).take()
    hold.release()
    hold.release()
    assert not list(run.iterdir())
    Hold(run).take()


def test_what_is_not_there_is_not_held(tmp_path: Path) -> None:
    with Hold(tmp_path / "run") as hold:
        assert not (tmp_path / "run").exists()
        hold.take()
        assert (tmp_path / "run" / HOLDER).is_file()
    assert not (tmp_path / "run" / HOLDER).exists()


def test_a_run_that_is_there_is_held_from_the_start_and_an_error_gives_it_back(tmp_path: Path) -> None:
    write_json(tmp_path / "run.json", {})

    def fail() -> None:
        with Hold(tmp_path):
            with pytest.raises(RunFolderError):
                Hold(tmp_path).take()
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        fail()
    Hold(tmp_path).take()


@pytest.mark.skipif(os.name == "nt", reason="there is no such signal")
def test_what_a_dead_process_held_is_taken_over(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", CHILD, str(tmp_path)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        with pytest.raises(RunFolderError, match=f"in use by process {process.pid} on {socket.gethostname()}"):
            Hold(tmp_path).take()
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert (tmp_path / HOLDER).is_file()
    hold = Hold(tmp_path)
    hold.take()
    assert read_json(tmp_path / HOLDER)["process"] == os.getpid()
    hold.release()


def test_a_file_system_without_locks_keeps_nobody_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def without(*_: object, **__: object) -> None:
        raise NotImplementedError

    monkeypatch.setattr("filelock.FileLock.acquire", without)
    with Hold(tmp_path) as hold:
        hold.take()
        assert read_json(tmp_path / HOLDER)["process"] == os.getpid()


def test_a_folder_that_is_gone_is_given_back_too(tmp_path: Path) -> None:
    hold = Hold(tmp_path / "run")
    hold.take()
    for path in (tmp_path / "run").iterdir():
        path.unlink()
    (tmp_path / "run").rmdir()
    hold.release()


def test_a_holder_that_is_not_told_yet_is_another_process(tmp_path: Path) -> None:
    hold = Hold(tmp_path)
    hold.take()
    (tmp_path / HOLDER).write_text("{")
    with pytest.raises(RunFolderError, match="in use by another process"):
        Hold(tmp_path).take()
    hold.release()
