"""A search of some tiny trials, in a process of its own, which can be killed, and in which Ray can be started."""

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import optuna

from ladder_set import draw_shapes
from tellapart.files import write_json
from tellapart.models.recipes import RECIPES
from tellapart.models.scratch import pixels_for, predict
from tellapart.models.task import Options, Task
from tellapart.photos.scan import scan
from tellapart.photos.split import split_for_training
from tellapart.progress import Progress, Silent
from tellapart.scale.tasks import Task as Work
from tellapart.scale.tasks import open_engine
from tellapart.trial_tasks import with_trials_on

SIZE = 32
TRIALS = 4
# What a trial is told: one that is held against a rival which it betters.
TOLD = {
    "settings": {"learning_rate": 2e-3, "dropout": 0.2, "width": 0.5, "batch_size": 16},
    "rivals": [{"finished": True, "losses": {"1": 5.0, "2": 5.0}, "cost": 1.0}],
    "left": 600.0,
    "until": None,
    "parcel": None,
}


def task_in(place: Path, run: str, progress: Progress | None = None, **options: Any) -> Task:
    """A task on the photos of a place, drawn where they are not there; its own cache beside it."""
    photos = place / "photos"
    found = scan(photos if photos.exists() else draw_shapes(photos, per_class=9))
    train, valid = split_for_training(found, seed=0)
    settings = Options(**{"image_size": SIZE, "epochs": 2, "trials": TRIALS, "search_time": 7200.0, **options})
    folder = place / run / "recipes" / "tuned"
    cache, told = place / f"{run}-cache", progress or Silent()
    return Task(found.root, found.classes, train, valid, settings, folder, cache, told, epochs=folder / "epochs")


def search(task: Task, on: str | None, workers: int | None) -> dict[str, Any]:
    """Search, and tell what came of it: hyper-parameters, and the loss of the network that is handed over."""
    (recipe,) = with_trials_on((RECIPES["tuned"],), on, workers, size=SIZE, progress=task.progress)
    fitted = recipe.train(task)
    answers = predict(fitted.network, pixels_for(task, task.valid, fitted.spec))
    loss = -np.log(answers[np.arange(len(task.valid)), task.labels(task.valid)]).mean()
    return {**fitted.hyperparameters, "loss": float(loss), "found_done": fitted.history.found_done}


def trials_of(run: Path) -> list[Any]:
    """All trials that the study of a run holds."""
    path = run / "study.db"
    if not _is_made(path):
        return []
    storage = optuna.storages.RDBStorage(f"sqlite:///{path}")
    try:
        return list(optuna.load_study(study_name="tuned", storage=storage).trials)
    finally:
        storage.remove_session()
        storage.engine.dispose()


def _is_made(path: Path) -> bool:
    """Whether the study is there. Optuna makes the tables that it misses: who only looks must not come between."""
    try:
        # To write as well, as what a kill left half written is undone by who opens it next; it makes no file.
        with closing(sqlite3.connect(f"file:{path}?mode=rw", uri=True)) as database:
            return bool(database.execute("SELECT 1 FROM studies").fetchall())
    except sqlite3.OperationalError:  # no file, no table, or it is being written
        return False


def one_trial(place: Path, on: str) -> bytes:
    """The result file of one trial, made by an engine's worker."""
    from tellapart import one_trial, trial_tasks
    from tellapart.models.tuning import Search

    task = task_in(place, f"one-{on}", epochs=3)
    shared = trial_tasks.shared_by(Search(task, SIZE, None, 1, 0.0), sends=False)
    engine = open_engine(on, workers=1, ahead=1)
    ((_, outcome),) = engine.run(one_trial.run_trial, [Work("trial 0", TOLD)], shared)
    assert outcome.made is not None, outcome.error
    return outcome.made.content


def started(place: Path, *words: str, **variables: str) -> "subprocess.Popen[str]":
    """The job: run, engine, workers; or `one` and an engine."""
    path = {"PYTHONPATH": os.pathsep.join(sys.path)}
    environment = {**os.environ, **path, "TF_CPP_MIN_LOG_LEVEL": "3", **variables}
    command = [sys.executable, __file__, str(place), *words]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def finished(job: "subprocess.Popen[str]") -> None:
    """Wait until it has come to a good end."""
    told, _ = job.communicate(timeout=1800)
    assert job.returncode == 0, told


def result_of(place: Path, run: str) -> dict[str, Any]:
    """What a finished job told."""
    return json.loads((place / f"{run}.json").read_text())  # type: ignore[no-any-return]


if __name__ == "__main__":
    where, its_run, its_engine, *its_workers = sys.argv[1:]
    if its_run == "one":
        (Path(where) / f"one-{its_engine}").with_suffix(".zip").write_bytes(one_trial(Path(where), its_engine))
    else:
        made = search(task_in(Path(where), its_run), its_engine, int(its_workers[0]))
        write_json(Path(where) / f"{its_run}.json", made)
