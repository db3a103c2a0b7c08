"""Whatever a tracker does, the run is whole."""

import socket
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from as_user import Notes, run
from limited import files_limited
from tellapart.errors import TrainingError, UnknownNameError
from tellapart.tracking import trackers as module
from tellapart.tracking.record import Record
from tellapart.tracking.trackers import Tracking, trackers
from tracked_run import tracked_run


class Kept:
    """A tracker that keeps what it is told, and fails where it is to."""

    def __init__(self, name: str = "kept", fails_at: str = "") -> None:
        self.name = name
        self.told: list[str] = []
        self._fails_at = fails_at

    def begin(self, settings: Mapping[str, Any]) -> str:
        self._keep("begin")
        return f"{len(settings)} settings"

    def recipe(self, record: Record) -> None:
        self._keep(record.recipe)

    def finish(self, run: Path, results: Mapping[str, Any]) -> None:
        assert (run / "results.json").is_file()
        self._keep(f"finish {results['best']['recipe']}")

    def close(self, *, failed: bool) -> None:
        self._keep(f"close {failed}")

    def _keep(self, what: str) -> None:
        self.told.append(what)
        if what == self._fails_at:
            raise ConnectionError(f"the server is gone at {what}\nand more")


@pytest.mark.slow
def test_a_tracker_that_fails_ends_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, broken = Kept(), Kept("broken", fails_at="majority")
    monkeypatch.setattr(module, "_KINDS", {"kept": lambda _: whole, "broken": lambda _: broken})
    made, notes = tracked_run(tmp_path, "broken, kept", recipes="majority", folds=3)
    assert made.results["settings"]["track"] == "broken, kept"
    # Once for all rounds.
    assert whole.told == ["begin", "majority", "finish majority", "close False"]
    assert broken.told == ["begin", "majority", "close True"]
    told = [line for line in notes.lines if "broken stopped" in line]
    assert told == [
        "Tracking with broken stopped (ConnectionError: the server is gone at majority). The run goes on without it."
    ]


def test_a_climb_that_fails_is_told(tmp_path: Path) -> None:
    kept = Kept()
    with pytest.raises(TrainingError), Tracking([kept], tmp_path, Notes()).begin({}):
        raise TrainingError("no")
    assert kept.told == ["begin", "close True"]


def test_a_server_that_is_gone_costs_a_note(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{port}")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    notes = Notes()
    with trackers("mlflow", tmp_path, notes).begin({"seed": 0}) as gone:
        gone.finish({})
    (told,) = notes.lines
    assert told.startswith("Tracking with mlflow stopped (")
    assert told.endswith("The run goes on without it.")


def test_names(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="tensorboard"):
        trackers("tensorbord", tmp_path, Notes())
    notes = Notes()
    with trackers(None, tmp_path, notes).begin({"seed": 0}) as none:
        none.finish({})
    assert notes.lines == []
    assert not list(tmp_path.iterdir())


def test_a_wrong_name_ends_the_command_before_anything_is_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, _, err = run(capsys, "fit", tmp_path / "nowhere", "--out", tmp_path / "run", "--track", "mlfow")
    assert status == 2
    assert "No tracker is called 'mlfow'. Did you mean mlflow?" in err


def test_a_tensorboard_on_a_full_disk_ends_alone_and_quietly(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    board = pytest.importorskip("tellapart.tracking.tensorboard").TensorBoardTracker(tmp_path)
    notes = Notes()
    tracking = Tracking([board], tmp_path, notes).begin({})
    hook = threading.excepthook

    def log(one: Any) -> None:
        one._scalar("a", "loss", 1.0, 0)
        one._flush()

    with files_limited(2_000):
        for _ in range(200):
            tracking._each(log)
    tracking._each(lambda one: one.close(failed=False))
    assert sum("tensorboard stopped" in line and "goes on without it" in line for line in notes.lines) == 1
    assert "Traceback" not in capfd.readouterr().err
    assert threading.excepthook is not hook
