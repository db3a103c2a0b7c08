import os
from pathlib import Path

import pytest

from tellapart import control_groups, machine
from tellapart.machine import allowed_cores, has_vnni, processor, streams_and_threads, usable_cores


@pytest.fixture
def cpuinfo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "cpuinfo"
    monkeypatch.setattr(machine, "_CPUINFO", path)
    return path


def test_cores_are_those_that_may_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3, 5, 7}, raising=False)
    assert usable_cores() == 3
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert usable_cores() == 1


@pytest.mark.parametrize(
    ("limit", "cores"),
    [("max 100000", 4), ("250000 100000", 3), ("50000 100000", 1), ("900000 100000", 4), ("nonsense", 4), (None, 4)],
)
def test_a_container_has_as_many_as_it_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str | None, cores: int
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(4)), raising=False)
    monkeypatch.setattr(control_groups, "_ROOT", tmp_path)
    if limit:
        (tmp_path / "cpu.max").write_text(limit + "\n")
    assert usable_cores() == cores


@pytest.mark.parametrize(
    ("files", "share"),
    [
        ({"box/job/cpu.max": "150000 100000\n"}, 1.5),
        ({"box/job/cpu.max": "max 100000\n", "box/cpu.max": "50000 100000\n", "cpu.max": "200000 100000\n"}, 0.5),
        ({"cpu/job/cpu.cfs_quota_us": "250000\n", "cpu/job/cpu.cfs_period_us": "100000\n"}, 2.5),
        ({"box/other/cpu.max": "150000 100000\n"}, None),
    ],
)
def test_the_least_of_the_groups_above_this_process_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: dict[str, str], share: float | None
) -> None:
    monkeypatch.setattr(control_groups, "_ROOT", tmp_path)
    monkeypatch.setattr(control_groups, "_OWN", tmp_path / "own")
    (tmp_path / "own").write_text("3:cpu,cpuacct:/job\n0::/box/job\n")
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    assert allowed_cores() == share


@pytest.mark.parametrize(
    ("flags", "found"), [("fma avx2 avx512_vnni", True), ("fma avx_vnni", True), ("fma avx2 avx512f", False)]
)
def test_the_first_core_is_read(cpuinfo: Path, flags: str, found: bool) -> None:
    core = "processor\t: {}\nmodel name\t: Some: name\nflags\t\t: {}\n\n"
    cpuinfo.write_text(core.format(0, flags) + core.format(1, "avx512_vnni").replace("Some", "Other"))
    assert processor() == "Some: name"
    assert has_vnni() is found


def test_a_system_that_does_not_say_has_none(cpuinfo: Path) -> None:
    assert not cpuinfo.exists()
    assert not has_vnni()
    assert isinstance(processor(), str)


def test_streams_share_the_cores() -> None:
    assert [streams_and_threads(cores) for cores in (1, 2, 16, 40, 64)] == [(1, 1), (2, 1), (16, 1), (16, 2), (16, 4)]


def test_a_worker_has_the_cores_that_it_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "_own_cores", 0)
    assert machine.own_cores() == 0
    machine.limit_cores(1)
    assert machine.own_cores() == machine.usable_cores() == 1
