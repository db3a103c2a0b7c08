"""What a study remembers; how a search goes on with it is tried in test_tuning.py and test_trial_tasks.py."""

from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from optuna.trial import TrialState
from tiny_set import draw_set, task_on

from tellapart.files import read_csv
from tellapart.models.search_space import AUGMENTED, FIRST, Settings, suggest
from tellapart.models.study import (
    AGAIN_OF,
    INTERRUPTED,
    KNEW,
    SECONDS,
    counted,
    finished_losses,
    keep_best,
    made_again,
    opened_study,
    rivals_of,
    sampler,
    spent,
    write_tables,
)
from tellapart.models.task import Options, Task
from tellapart.models.training import Epoch


@pytest.fixture
def task(tmp_path: Path) -> Task:
    found = task_on(draw_set(tmp_path / "set", per_class=6), tmp_path, Options())
    return replace(found, epochs=tmp_path / "epochs")


@pytest.fixture
def study(task: Task) -> Iterator[Any]:
    with opened_study(task, []) as opened:
        yield opened


def begun(study: Any, *, beside: bool = False) -> Any:
    trial = study.ask()
    study.sampler = sampler(0, trial, beside=beside)
    suggest(trial)
    return trial


def ended(study: Any, loss: float) -> Any:
    trial = begun(study)
    trial.report(loss, 1)
    study.tell(trial, loss)
    return trial


def test_the_epochs_of_augmented_are_a_trial(task: Task) -> None:
    rows = [Epoch(number, 0.9, 0.5, 0.8 / number, 0.6, 1.0, 1e-3) for number in (1, 2)]
    with opened_study(task, rows) as study:
        trial, queued = study.trials
        assert queued.system_attrs["fixed_params"] == asdict(FIRST)
        assert trial.value == 0.4
        assert Settings(**trial.params) == AUGMENTED
        assert trial.intermediate_values == {1: 0.8, 2: 0.4}


def test_all_that_a_kill_ended_are_queued_with_what_they_knew(task: Task) -> None:
    with opened_study(task, []) as study:
        trials = [begun(study, beside=True) for _ in range(3)]
        study.tell(trials[0], 0.5)
        trials[2].set_user_attr(KNEW, [0])
        told = [trial.params for trial in trials]
    with opened_study(task, []) as study:
        assert [trial.state for trial in study.trials[:3]] == [TrialState.COMPLETE, TrialState.FAIL, TrialState.FAIL]
        assert made_again(study) == 2
        again = [begun(study) for _ in range(2)]
        assert [trial.params for trial in again] == told[1:]
        assert [trial.user_attrs for trial in again] == [{AGAIN_OF: 1}, {AGAIN_OF: 2, KNEW: [0]}]
        assert [trial.number for trial in counted(study)] == [0, 3, 4]


def test_one_that_an_error_ended_is_queued_again(task: Task) -> None:
    with opened_study(task, []) as study:
        trial = begun(study)
        trial.set_user_attr(INTERRUPTED, True)
        study.tell(trial, state=TrialState.FAIL)
    with opened_study(task, []) as study:
        assert begun(study).user_attrs == {AGAIN_OF: 0}


def test_what_a_trial_is_held_against(study: Any) -> None:
    for loss in (0.5, 0.4, 0.3):
        ended(study, loss)
    trial = begun(study)
    assert [rival.losses[1] for rival in rivals_of(trial)] == [0.5, 0.4, 0.3]
    trial.set_user_attr(KNEW, [0, 2])
    assert [rival.losses[1] for rival in rivals_of(trial)] == [0.5, 0.3]
    trial.set_user_attr(KNEW, [])
    assert rivals_of(trial) == []


def test_seconds_side_by_side_count_once(study: Any) -> None:
    assert spent(study) == 0
    trials = [begun(study) for _ in range(2)]
    for trial, seconds in zip(trials, (40.0, 60.0), strict=True):
        trial.set_user_attr(SECONDS, seconds)
    assert spent(study) == pytest.approx(60, abs=5)


def test_the_states_of_the_best_and_of_those_that_are_not_over_stay(study: Any, task: Task) -> None:
    good, poor, running = ended(study, 0.3), ended(study, 0.5), begun(study)
    study.enqueue_trial({**running.params, "dropout": 0.11})
    queued = Settings(**{**running.params, "dropout": 0.11})
    assert task.epochs
    task.epochs.mkdir()
    paths = [Settings(**trial.params).kept(task) for trial in (good, poor, running)] + [queued.kept(task)]
    for path in paths:
        assert path
        path.write_bytes(b"state")
    keep_best(task, study)
    assert [bool(path and path.exists()) for path in paths] == [True, False, True, True]
    assert finished_losses(study) == [0.3, 0.5]


def test_the_tables(study: Any, task: Task) -> None:
    ended(study, 0.5)
    running = begun(study)
    study.enqueue_trial(running.params)  # for which there was no time
    write_tables(task.folder, study)
    rows = read_csv(task.folder / "trials.csv")
    assert [(row["trial"], row["state"], row["valid_loss"]) for row in rows] == [
        ("0", "COMPLETE", "0.5"),
        ("1", "RUNNING", ""),
    ]
    assert read_csv(task.folder / "importance.csv") == []
