import sys
from pathlib import Path

import numpy as np
import pytest

from tellapart import memory
from tellapart.memory import peak_mb, start_peak


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
