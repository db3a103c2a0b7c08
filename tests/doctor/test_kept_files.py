import os
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from scopes import only, scope_of, states

from tellapart.cache import write_rows
from tellapart.doctor import kept_files
from tellapart.doctor.finding import Scope
from tellapart.doctor.kept_files import (
    check_cache,
    check_leftovers,
    check_records,
    check_weights,
    fault_of_folder,
)
from tellapart.files import write_bytes, write_json
from tellapart.models.machine_record import keep
from tellapart.temporaries import left_behind, temporary_file
from tellapart.weights.pins import find_pin
from tellapart.weights.store import keras_cache, weight_store

FILE = find_pin("mobilenet_v2").file
DAY = 86_400


@pytest.fixture(autouse=True)
def keras_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))


@pytest.fixture
def scope(tmp_path: Path) -> Scope:
    """A cache with an array, a record and a run's leftover, and the store of this test."""
    found = Scope(tmp_path / "cache", weight_store())
    write_rows(found.cache / "pixels" / "a.npy", iter(np.ones((2, 3))), (2, 3), np.float32)
    write_json(found.cache / "features" / "key" / "seconds.json", {"photos": 1, "seconds": 2.0})
    keep(found.cache, "a", 1)
    return found


def age(path: Path, seconds: float = 7200) -> Path:
    os.utime(path, (time.time() - seconds,) * 2)
    return path


def test_a_whole_cache(scope: Scope) -> None:
    finding = only(check_cache, scope)
    assert (finding.state, finding.found.split(",")[0]) == ("ok", "2 files")
    assert not list(check_leftovers(scope))
    assert only(check_records, scope).found == "machine.json"


def test_no_cache_yet(tmp_path: Path) -> None:
    assert only(check_cache, scope_of(tmp_path)).state == "ok"
    assert only(check_records, scope_of(tmp_path)).state == "ok"


def test_a_damaged_file_goes_and_the_others_stay(scope: Scope) -> None:
    damaged = scope.cache / "pixels" / "b.npy"
    damaged.write_bytes((scope.cache / "pixels" / "a.npy").read_bytes()[:-1])
    finding = only(check_cache, scope)
    assert (finding.state, finding.mend) == ("wrong", "tellapart doctor --mend")
    assert "1 of 3 files are damaged" in finding.found
    assert finding.repair is not None
    assert finding.repair().startswith("removed 1 files")
    assert not damaged.exists()
    assert only(check_cache, scope).state == "ok"


def test_what_is_not_ours_is_never_looked_at(scope: Scope, tmp_path: Path) -> None:
    (scope.cache / "mine.npy").write_bytes(b"")
    (scope.cache / "weights").mkdir()
    (scope.cache / "weights" / "mine.json").write_bytes(b"")
    (tmp_path / "outside.npy").write_bytes(b"")
    (scope.cache / "pixels" / "link.npy").symlink_to(tmp_path / "outside.npy")
    assert only(check_cache, scope).state == "ok"


def test_a_large_cache_is_told(scope: Scope, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_files, "_LARGE", 10)
    assert only(check_cache, scope).state == "warn"


def test_a_cache_that_cannot_be_one(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file")
    finding = only(check_cache, scope_of(tmp_path))
    assert finding.state == "wrong"
    assert "is a file" in finding.found


def test_a_folder_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert fault_of_folder(tmp_path / "not" / "yet") == ""

    def refuse(**_: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(kept_files, "TemporaryFile", refuse)
    assert fault_of_folder(tmp_path).startswith("cannot be written: permission denied")


def test_what_a_killed_run_left_goes_and_what_a_living_one_writes_stays(scope: Scope) -> None:
    old = age_in(scope, ".a.npy.abcd1234.tmp.npy")
    folder = scope.cache / "pixels" / ".run.abcd1234.tmp"
    folder.mkdir()
    (folder / "file").write_bytes(b"1")
    age(folder, 2 * DAY)
    with temporary_file(scope.cache / "pixels" / "b.npy") as written:
        age(written)
        assert sorted(left_behind(scope.cache)) == sorted([old, folder])
        finding = only(check_leftovers, scope)
        assert finding.repair is not None
        assert finding.repair().startswith("removed 2 files")
        assert written.is_file()
    assert not folder.exists()
    assert not list(check_leftovers(scope))


def age_in(scope: Scope, name: str) -> Path:
    path = scope.cache / "pixels" / name
    path.write_bytes(b"1")
    return age(path, 2 * DAY)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="a process that ends itself with SIGKILL")
def test_it_is_what_whole_file_leaves(tmp_path: Path) -> None:
    import subprocess

    script = f"""
import os, pathlib, signal
from tellapart.files import whole_file, whole_folder
with whole_folder(pathlib.Path({str(tmp_path / "folder")!r})):
    with whole_file(pathlib.Path({str(tmp_path / "file.npy")!r})):
        os.kill(os.getpid(), signal.SIGKILL)
"""
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == -9
    left = [age(path) for path in tmp_path.iterdir()]
    assert sorted(left_behind(tmp_path)) == sorted(left)
    assert len(left) == 2


@pytest.mark.parametrize("name", ["machine.json", "times.json"])
def test_a_damaged_record_goes(scope: Scope, name: str) -> None:
    (scope.cache / name).write_text("{")
    finding = only(check_records, scope)
    assert finding.state == "warn"
    assert finding.repair is not None
    finding.repair()
    assert not (scope.cache / name).exists()
    assert only(check_records, scope).state == "ok"


def test_no_weights_are_no_fault(scope: Scope) -> None:
    assert only(check_weights, scope).found.startswith("none fetched")


def test_damaged_weights_are_set_aside(scope: Scope) -> None:
    size = find_pin("mobilenet_v2").size
    assert size is not None
    write_bytes(scope.store / FILE, bytes(size))
    finding = only(check_weights, scope)
    assert (finding.state, finding.mend) == ("wrong", "tellapart weights verify mobilenet_v2")
    assert "wrong SHA-256" in finding.found
    assert finding.repair is not None
    assert "tellapart weights pull mobilenet_v2" in finding.repair()
    assert (scope.store / "set-aside" / FILE).is_file()
    assert only(check_weights, scope).state == "ok"


def test_many_weights_are_read_by_a_thorough_look_alone(scope: Scope, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_files, "_AT_A_GLANCE", 10)
    write_bytes(scope.store / FILE, bytes(find_pin("mobilenet_v2").size or 0))
    assert "digests with --thorough" in only(check_weights, scope).found
    assert only(check_weights, Scope(scope.cache, scope.store, thorough=True)).state == "wrong"


def test_the_files_of_keras_are_left_alone(scope: Scope) -> None:
    write_bytes(keras_cache() / FILE, bytes(find_pin("mobilenet_v2").size or 0))
    finding = only(check_weights, scope)
    assert (finding.state, finding.repair) == ("warn", None)
    assert finding.mend.startswith("rm ")


def test_a_damaged_record_of_the_store(scope: Scope) -> None:
    write_bytes(scope.store / FILE, bytes(find_pin("mobilenet_v2").size or 0))
    (scope.store / "store.json").write_text("{")
    assert "store.json is damaged" in only(check_weights, scope).found
    assert set(states(check_weights, scope).values()) == {"wrong"}
