import sys
from pathlib import Path

import numpy as np
import pytest

from tellapart import control_groups, memory
from tellapart.memory import available_bytes, peak_mb, start_peak


def test_the_peak_is_a_plausible_number_of_megabytes() -> None:
    start_peak()
    assert 5 < peak_mb() < 100_000


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux can begin a new peak")
def test_the_peak_follows_what_is_allocated() -> None:
    start_peak()
    before = peak_mb()
    block = np.ones(80_000_000, dtype=np.uint8)
    assert peak_mb() >= before + 60
    del block
    assert peak_mb() >= before + 60
    start_peak()
    assert peak_mb() < before + 40


def test_without_proc_the_process_peak_is_given(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(memory, "_STATUS", tmp_path / "none")
    monkeypatch.setattr(memory, "_RESET", tmp_path / "no folder" / "none")
    start_peak()
    assert 5 < peak_mb() < 100_000
    (tmp_path / "none").write_text("VmPeak: 5 kB\n")
    assert 5 < peak_mb() < 100_000


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine of 8 GB, of which 4 are available, without control groups or limits."""
    resource = pytest.importorskip("resource")
    (tmp_path / "meminfo").write_text("MemTotal: 8000000 kB\nMemAvailable: 4000000 kB\n")
    (tmp_path / "groups").mkdir()
    (tmp_path / "own").write_text("")
    monkeypatch.setattr(memory, "_MEMINFO", tmp_path / "meminfo")
    monkeypatch.setattr(control_groups, "_ROOT", tmp_path / "groups")
    monkeypatch.setattr(control_groups, "_OWN", tmp_path / "own")
    monkeypatch.setattr(resource, "getrlimit", lambda _: (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    return tmp_path


def group(folder: Path, files: dict[str, str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text)


def test_what_the_machine_has_available(machine: Path) -> None:
    assert available_bytes() == 4_000_000 << 10
    (machine / "meminfo").write_text("MemAvailable: 5 kB\n")
    assert available_bytes() == 5 << 10


def test_a_control_group_of_version_2_limits_it_and_so_does_one_above(machine: Path) -> None:
    (machine / "own").write_text("0::/box/job\n")
    group(machine / "groups" / "box" / "job", {"memory.max": "max\n", "memory.current": "5\n"})
    assert available_bytes() == 4_000_000 << 10
    group(machine / "groups" / "box", {"memory.max": "900000000\n", "memory.current": "500000000\n"})
    assert available_bytes() == 400_000_000
    # What is kept of files is given up first.
    group(machine / "groups" / "box", {"memory.stat": "anon 3\ninactive_file 100000000\n"})
    assert available_bytes() == 500_000_000
    group(machine / "groups" / "box" / "job", {"memory.max": "80000000\n", "memory.current": "90000000\n"})
    assert available_bytes() == 0


def test_a_control_group_of_version_1_limits_it(machine: Path) -> None:
    (machine / "own").write_text("4:memory:/job\n3:cpu,cpuacct:/job\n")
    files = {"memory.limit_in_bytes": "700000000\n", "memory.usage_in_bytes": "600000000\n"}
    group(machine / "groups" / "memory" / "job", files)
    assert available_bytes() == 100_000_000
    group(machine / "groups" / "memory" / "job", {**files, "memory.limit_in_bytes": "9223372036854771712\n"})
    assert available_bytes() == 4_000_000 << 10


def test_a_limit_on_the_process_counts(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (machine / "status").write_text("VmSize:\t 1000 kB\n")
    monkeypatch.setattr(memory, "_STATUS", machine / "status")
    monkeypatch.setattr("resource.getrlimit", lambda _: (50_000_000, 50_000_000))
    assert available_bytes() == 50_000_000 - (1000 << 10)


def test_where_nothing_is_told_nothing_is_known(machine: Path) -> None:
    for name in ("meminfo", "own"):
        (machine / name).unlink()
    assert available_bytes() is None
