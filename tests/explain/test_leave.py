"""What a finished run explains, and what happens where a part of it fails."""

from pathlib import Path
from typing import Any

import pytest

from as_user import Notes
from planted_run import build_run
from tellapart.errors import ModelFileError, StorageError
from tellapart.explain import leave
from tellapart.progress import Progress


def _nothing(run: Path, results: dict[str, Any], progress: Progress) -> None:
    """A part that finds nothing to draw."""


def _written(run: Path, _results: dict[str, Any], _progress: Progress) -> None:
    (run / "explanations").mkdir(exist_ok=True)
    (run / "explanations" / "heatmaps.json").write_text("{}", encoding="utf-8")


@pytest.mark.parametrize("problem", [ModelFileError("model.onnx is damaged."), ValueError("a defect"), MemoryError()])
def test_a_part_that_fails_is_a_note_and_the_next_is_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, problem: Exception
) -> None:
    def fails(*_: Any) -> None:
        raise problem

    monkeypatch.setattr(leave, "PARTS", {"map": ("the map", fails), "heatmaps": ("the heat maps", _written)})
    notes = Notes()
    leave.leave_explanations(tmp_path, {}, notes)
    assert notes.lines == [f"The report goes without the map: {str(problem) or 'MemoryError'}"]
    assert [file.name for file in (tmp_path / "explanations").iterdir()] == ["heatmaps.json"]


def test_a_full_disk_is_told_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise StorageError("No space.")

    monkeypatch.setattr(leave, "PARTS", {"map": ("the map", full)})
    with pytest.raises(StorageError, match="No space"):
        leave.leave_explanations(tmp_path, {}, Notes())


def test_what_an_earlier_run_left_does_not_pass_for_this_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "explanations"
    folder.mkdir()
    for name in ("map.json", "map.npz", "heatmaps.json", "kept.txt"):
        (folder / name).write_text("old", encoding="utf-8")
    monkeypatch.setattr(leave, "PARTS", {"map": ("the map", _nothing), "heatmaps": ("the heat maps", _written)})
    leave.leave_explanations(tmp_path, {}, Notes())
    assert {file.name: file.read_text(encoding="utf-8") for file in folder.iterdir()} == {
        "heatmaps.json": "{}",
        "kept.txt": "old",
    }


def test_every_part_writes_the_files_of_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The map needs a whole run: a fit leaves both in tests/test_pipeline.py.
    run, results = build_run(tmp_path)
    monkeypatch.setattr(leave, "PARTS", {stem: part for stem, part in leave.PARTS.items() if stem != "map"})
    leave.leave_explanations(run, results, Notes())
    stems = {file.stem for file in (run / "explanations").iterdir()}
    assert stems == set(leave.PARTS)


def test_a_part_for_which_there_is_no_time_is_left_out_and_the_others_are_timed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leave, "PARTS", {"map": ("the map", _written), "heatmaps": ("the heat maps", _written)})
    took = leave.leave_explanations(tmp_path, {}, Notes(), None, lambda stem: stem == "heatmaps")
    assert list(took) == ["heatmaps"]
    assert took["heatmaps"] >= 0


def test_the_map_is_given_what_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[Any] = []
    monkeypatch.setattr(leave, "PARTS", {"map": ("the map", lambda *told: given.append(told[3:]))})
    pooled = lambda paths: None  # noqa: ARG005, E731
    leave.leave_explanations(tmp_path, {}, Notes(), pooled)
    leave.leave_explanations(tmp_path, {}, Notes())
    assert given == [(pooled,), ()]
