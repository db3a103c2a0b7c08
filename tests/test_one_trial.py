"""One trial as a pure function; in whole searches it is tried in test_trial_tasks.py."""

import json
from pathlib import Path
from typing import Any

import pytest

from tellapart import training_tasks, trial_tasks
from tellapart.errors import StorageError
from tellapart.models import tuning
from tellapart.one_trial import run_trial
from tellapart.scale.parcel import parts
from tellapart.scale.tasks import Task
from trials_job import SIZE, TOLD, task_in

pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"
)


@pytest.fixture(autouse=True)
def all_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine without processes leaves this one its cores."""
    monkeypatch.setattr(training_tasks, "keep_to_one_core", lambda: None)


def made(place: Path, run: str, **told: Any) -> tuple[dict[str, Any], dict[str, bytes]]:
    """What a trial tells, and its files."""
    task = task_in(place, run, epochs=3)
    shared = trial_tasks.shared_by(tuning.Search(task, SIZE, None, 1, 0.0), sends=False)
    files = dict(parts(run_trial(Task("trial 0", {**TOLD, **told}), lambda: shared).content))
    return json.loads(files["trial.json"]), files


@pytest.mark.slow
def test_a_trial_follows_from_its_inputs(tmp_path: Path) -> None:
    first, files = made(tmp_path, "first")
    assert [row["epoch"] for row in first["rows"]] == [1, 2, 3]
    assert all("seconds" not in row for row in first["rows"])
    assert first["state"] == "COMPLETE"
    assert first["valid_loss"] == min(row["valid_loss"] for row in first["rows"])
    assert not first["cut_off"]
    assert "state.safetensors" in files
    losses = {row["epoch"]: row["valid_loss"] for row in first["rows"]}
    # The same again, where others were trained before. A better rival takes it its state, poor ones its third epoch.
    better = {
        "finished": True,
        "losses": {1: losses[1] + 1, 2: losses[2] + 1, 3: first["valid_loss"] - 0.01},
        "cost": 1.0,
    }
    second, files = made(tmp_path, "second", rivals=[better])
    assert second == first
    assert files.keys() == {"trial.json"}
    poor = [{"finished": True, "losses": {1: 0.0}, "cost": 1.0}] * 2
    third, files = made(tmp_path, "third", rivals=poor)
    assert third["state"] == "PRUNED"
    assert third["rows"] == first["rows"][:2]
    assert files.keys() == {"trial.json"}
    late, _ = made(tmp_path, "late", left=-1.0)
    assert late["cut_off"]
    assert late["rows"] == first["rows"][:1]


def test_a_run_that_was_removed_is_not_made_anew(tmp_path: Path) -> None:
    task = task_in(tmp_path, "run")
    shared = trial_tasks.shared_by(tuning.Search(task, SIZE, None, 1, 0.0), sends=False)
    assert task.epochs
    task.epochs.rmdir()
    with pytest.raises(StorageError, match="was removed"):
        run_trial(Task("trial 0", TOLD), lambda: shared)
    assert not task.epochs.exists()
