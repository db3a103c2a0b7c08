import os
from pathlib import Path

import pytest

from tellapart import machine
from tellapart.machine import has_vnni, processor, streams_and_threads, usable_cores


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
    monkeypatch.setattr(machine, "_CONTROL", tmp_path)
    if limit:
        (tmp_path / "cpu.max").write_text(limit + "\n")
    assert usable_cores() == cores


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
