import os
from pathlib import Path

import pytest
from scopes import only, scope_of, states

from tellapart import control_groups, machine, memory
from tellapart.doctor import resources
from tellapart.doctor.resources import (
    check_current_folder,
    check_disk,
    check_load,
    check_memory,
    check_threads,
)


@pytest.fixture(autouse=True)
def healthy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Four cores, no limits, 8 GB: files that a test then changes."""
    control = tmp_path / "cgroup"
    control.mkdir()
    (tmp_path / "meminfo").write_text("MemTotal: 9000000 kB\nMemAvailable: 8000000 kB\n")
    (tmp_path / "own").write_text("0::/\n1:memory:/\n")
    monkeypatch.setattr(control_groups, "_ROOT", control)
    monkeypatch.setattr(control_groups, "_OWN", tmp_path / "own")
    monkeypatch.setattr(memory, "_MEMINFO", tmp_path / "meminfo")
    monkeypatch.setattr(resources, "seen_cores", lambda: 4)
    for variable in resources._THREADS:
        monkeypatch.delenv(variable, raising=False)
    return control


def test_no_limits(tmp_path: Path) -> None:
    assert states(check_threads, scope_of(tmp_path)) == {"cores": "ok"}
    assert only(check_memory, scope_of(tmp_path)).found == "8.2 GB are free"
    assert not list(check_current_folder(scope_of(tmp_path)))


@pytest.mark.parametrize("variable", resources._THREADS)
@pytest.mark.parametrize("value", ["5", "many", "4,8", "-1"])
def test_too_many_threads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, value: str) -> None:
    monkeypatch.setenv(variable, value)
    finding = only(check_threads, scope_of(tmp_path))
    assert (finding.state, finding.mend) == ("warn", f"unset {variable}")
    monkeypatch.setenv(variable, "4,2")
    assert only(check_threads, scope_of(tmp_path)).state == "ok"


@pytest.mark.parametrize(
    ("files", "share"),
    [
        ({"cpu.max": "150000 100000\n"}, 1.5),
        ({"cpu.max": "max 100000\n"}, None),
        ({"cpu.max": "nonsense"}, None),
        ({"cpu/cpu.cfs_quota_us": "200000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 2.0),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, None),
        ({}, None),
    ],
)
def test_the_share_of_a_container(healthy: Path, tmp_path: Path, files: dict[str, str], share: float | None) -> None:
    for name, content in files.items():
        (healthy / name).parent.mkdir(exist_ok=True)
        (healthy / name).write_text(content)
    assert machine.allowed_cores() == share
    assert only(check_threads, scope_of(tmp_path)).state == ("ok" if share is None else "warn")


def test_a_busy_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    monkeypatch.setattr(os, "getloadavg", lambda: (9.0, 0.0, 0.0), raising=False)
    assert only(check_load, scope_of(tmp_path)).found.endswith("4.5 times as long")
    monkeypatch.setattr(os, "getloadavg", lambda: (3.0, 9.0, 9.0), raising=False)
    assert not list(check_load(scope_of(tmp_path)))


@pytest.mark.parametrize(("kilobytes", "state"), [(400_000, "wrong"), (1_000_000, "warn"), (8_000_000, "ok")])
def test_little_memory(tmp_path: Path, kilobytes: int, state: str) -> None:
    (tmp_path / "meminfo").write_text(f"MemAvailable: {kilobytes} kB\n")
    assert only(check_memory, scope_of(tmp_path)).state == state


@pytest.mark.parametrize(
    ("limit", "used"),
    [("memory.max", "memory.current"), ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes")],
)
def test_the_memory_of_a_container(healthy: Path, tmp_path: Path, limit: str, used: str) -> None:
    (healthy / "memory").mkdir()
    (healthy / limit).write_text("1000000000\n")
    (healthy / used).write_text("900000000\n")
    finding = only(check_memory, scope_of(tmp_path))
    assert (finding.state, finding.found) == ("wrong", "0.10 GB are free; a prediction needs 0.5")
    (healthy / limit).write_text("max\n")
    assert only(check_memory, scope_of(tmp_path)).found == "8.2 GB are free"


def test_a_system_that_tells_nothing(tmp_path: Path) -> None:
    (tmp_path / "meminfo").unlink()
    assert only(check_memory, scope_of(tmp_path)).state == "ok"


@pytest.mark.parametrize(
    ("room", "files", "state"),
    [(100_000_000, 1000, "wrong"), (1_000_000_000, None, "warn"), (5_000_000_000, 0, "wrong")],
)
def test_no_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, room: int, files: int | None, state: str) -> None:
    scope = scope_of(tmp_path)
    monkeypatch.setattr(resources, "free_bytes", lambda folder: room if folder == scope.cache else 9_000_000_000)
    monkeypatch.setattr(resources, "free_names", lambda folder: files if folder == scope.cache else 1000)
    finding = only(check_disk, scope)
    assert (finding.state, finding.what) == (state, "room for the cache")
    assert finding.mend.startswith("export TELLAPART_CACHE=")


def test_where_nobody_counts_files_or_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resources, "free_names", lambda _: None)
    monkeypatch.setattr(resources, "free_bytes", lambda _: 9_000_000_000)
    assert only(check_disk, scope_of(tmp_path)).found == "9.0 GB at least"
    monkeypatch.setattr(resources, "free_bytes", lambda _: None)
    assert only(check_disk, scope_of(tmp_path)).found == "this system does not tell how much is free"


def test_a_current_folder_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resources, "fault_of_folder", lambda _: "cannot be written: read-only file system")
    assert only(check_current_folder, scope_of(tmp_path)).state == "warn"
