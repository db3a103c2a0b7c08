import json
from pathlib import Path

import pytest

from tellapart.models import machine_record
from tellapart.models.machine_record import FILE, keep, kept, measured_peak


def test_what_was_kept_is_read(tmp_path: Path) -> None:
    assert kept(tmp_path, "a") is None
    keep(tmp_path, "a", {"streams": 2})
    keep(tmp_path, "b", 1.5)
    keep(tmp_path, "b", 2.5)
    assert (kept(tmp_path, "a"), kept(tmp_path, "b")) == ({"streams": 2}, 2.5)


def test_another_machine_keeps_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keep(tmp_path, "a", 1)
    monkeypatch.setattr(machine_record, "processor", lambda: "another")
    assert kept(tmp_path, "a") is None
    keep(tmp_path, "a", 2)
    monkeypatch.undo()
    assert kept(tmp_path, "a") == 1
    told = json.loads((tmp_path / FILE).read_text())["machines"].values()
    assert {one["a"] for one in told} == {1, 2}
    assert "another" in {one["processor"] for one in told}


@pytest.mark.parametrize("content", ["", "{", "[]", '{"format": 1}', '{"format": 1, "machines": {"x": 3}}', "null"])
def test_a_damaged_file_is_written_anew(tmp_path: Path, content: str) -> None:
    (tmp_path / FILE).write_text(content)
    assert kept(tmp_path, "a") is None
    keep(tmp_path, "a", 1)
    assert kept(tmp_path, "a") == 1


def test_another_format_is_not_read(tmp_path: Path) -> None:
    keep(tmp_path, "a", 1)
    told = json.loads((tmp_path / FILE).read_text())
    (tmp_path / FILE).write_text(json.dumps(told | {"format": 99}))
    assert kept(tmp_path, "a") is None


def test_a_peak_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine_record, "_SIDE", 128)
    assert 0.001 < measured_peak() < 1e6
