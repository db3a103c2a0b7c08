"""The trials of a search side by side: what each knew, the best one's network, and nothing lost in a kill."""

import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bulk_job import kill_worker, wait_for
from needed import needs_ray
from ray_cluster import cluster
from worked import Here

from as_user import Notes, run
from tellapart import one_trial, training_tasks, trial_tasks
from tellapart.errors import OptionError, TrainingError
from tellapart.files import read_csv
from tellapart.models import tuning
from tellapart.models.halving import IN_VAIN
from tellapart.models.recipes import RECIPES
from tellapart.models.scratch import pixels_for
from tellapart.models.search_space import FIRST, Settings
from tellapart.models.study import CUT_OFF, KNEW, SECONDS
from tellapart.models.task import Fitted, Task
from tellapart.models.training import Epoch, History, Watcher
from tellapart.models.tuning import Search
from tellapart.one_trial import run_trial
from tellapart.photos.pixels import PixelSpec
from tellapart.progress import Silent
from tellapart.scale.local import LocalEngine
from tellapart.scale.parcel import parts
from tellapart.scale.tasks import Function, Outcome
from tellapart.scale.tasks import Task as Work
from tellapart.trial_tasks import Trials, with_trials_on
from trials_job import TRIALS, finished, result_of, search, started, task_in, trials_of

TUNED = (RECIPES["tuned"],)
linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="processes are found in /proc")


@pytest.fixture(autouse=True)
def all_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine without processes leaves this one its cores."""
    monkeypatch.setattr(training_tasks, "keep_to_one_core", lambda: None)


class Beside(Here):
    """Two workers, of which the one that began first ends first."""

    def run(self, function: Function, tasks: Iterable[Work], shared: bytes = b"") -> Iterator[tuple[Work, Outcome]]:
        waiting, flying = iter(tasks), list[Work]()
        while True:
            flying += islice(waiting, 2 - len(flying))
            if not flying:
                return
            yield from super().run(function, [flying.pop(0)], shared)


def scripted(monkeypatch: pytest.MonkeyPatch, losses: Callable[[Settings], Iterable[float]]) -> list[Settings]:
    """Let trials go as told, without training; gives the settings of each."""
    fits: list[Settings] = []

    def fit(self: Settings, task: Task, name: str, size: int, watcher: Watcher | None = None) -> Fitted:
        fits.append(self)
        rows, stopped = [], ""
        for number, loss in enumerate(losses(self), start=1):
            rows.append(Epoch(number, loss, 0.5, loss, 0.5, 0.1 * number, 1e-3))
            if watcher and watcher.after_epoch and watcher.after_epoch(rows[-1]):
                stopped = "the time was over"
                break
        best = min(rows, key=lambda row: row.valid_loss).epoch
        path = self.kept(task)
        if path and watcher and watcher.keeps_end:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(repr(self).encode())
        train, valid = (np.zeros((len(part), 3)) for part in (task.train, task.valid))
        history = History(tuple(rows), best, stopped)
        return Fitted(name, None, PixelSpec(size), history, train, valid, {}, 0, hyperparameters=asdict(self))

    monkeypatch.setattr(Settings, "fit", fit)
    return fits


def eight(settings: Settings) -> list[float]:
    return [settings.dropout + 1 / number for number in range(1, 9)]


def test_a_trial_knows_those_that_had_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scripted(monkeypatch, eight)
    task, engine = task_in(tmp_path, "run", trials=6), Beside()
    fitted = Trials(engine).fit(task)
    trials = trials_of(tmp_path / "run")
    assert [trial.user_attrs[KNEW] for trial in trials] == [[], [], [0], [0, 1], [0, 1, 2], [0, 1, 2, 3]]
    assert trials[0].params == asdict(FIRST)
    assert len({tuple(trial.params.values()) for trial in trials}) == 6
    assert {trial.state.name for trial in trials} == {"COMPLETE", "PRUNED"}
    best = min((trial for trial in trials if trial.state.name == "COMPLETE"), key=lambda trial: trial.value)
    assert fitted.hyperparameters["best_trial"] == best.number
    kept = Settings(**best.params).kept(task)
    assert kept
    assert task.epochs
    assert list(task.epochs.iterdir()) == [kept]
    assert kept.read_bytes() == repr(Settings(**best.params)).encode()
    rows = read_csv(task.folder / "trials.csv")
    assert [row["state"] for row in rows] == [trial.state.name for trial in trials]
    # Each made again from what the study holds: the settings, and the losses of those that it knew.
    for number, trial in enumerate(trials):
        rivals = [trials[known] for known in trial.user_attrs[KNEW]]
        told = [_told(one) for one in rivals]
        assert engine.tasks[number].inputs["rivals"] == told
        again = run_trial(engine.tasks[number], lambda: trial_tasks.shared_by(_search(task), sends=False))
        assert f'"{trial.state.name}"'.encode() in dict(parts(again.content))["trial.json"]


def _told(trial: Any) -> dict[str, Any]:
    cost = trial.params["image_scale"] ** 2
    return {"finished": trial.state.name == "COMPLETE", "losses": trial.intermediate_values, "cost": cost}


def _search(task: Task) -> Any:
    return Search(task, 32, None, 1, 0.0)


def test_one_worker_draws_what_one_after_another_draws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alone = scripted(monkeypatch, eight)
    search_alone = task_in(tmp_path, "alone", trials=8)
    RECIPES["tuned"].train(search_alone)
    tasks = scripted(monkeypatch, eight)
    Trials(Here()).fit(task_in(tmp_path, "tasks", trials=8))
    assert tasks[:8] == alone[:8]
    told = [[(one.state, one.value) for one in trials_of(tmp_path / name)] for name in ("alone", "tasks")]
    assert told[0] == told[1]


def test_a_killed_search_queues_its_running_trials_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scripted(monkeypatch, eight)

    class Killed(Beside):
        def run(self, function: Function, tasks: Iterable[Work], shared: bytes = b"") -> Iterator[tuple[Work, Outcome]]:
            for number, done in enumerate(super().run(function, tasks, shared)):
                if number == 3:
                    raise KeyboardInterrupt
                yield done

    with pytest.raises(KeyboardInterrupt):
        Trials(Killed()).fit(task_in(tmp_path, "run", trials=8))
    before = trials_of(tmp_path / "run")
    running = [trial for trial in before if trial.state.name == "RUNNING"]
    assert [trial.number for trial in running] == [3, 4]
    assert running[0].user_attrs[SECONDS] > 0, "what a kill would leave of it counts as spent"
    Trials(Beside()).fit(task_in(tmp_path, "run", trials=8))
    trials = trials_of(tmp_path / "run")
    assert [trials[number].state.name for number in (3, 4)] == ["FAIL", "FAIL"]
    for was, now in zip(running, trials[5:7], strict=True):
        assert now.params == was.params
        assert now.user_attrs[KNEW] == was.user_attrs[KNEW]
    assert len(trials) == 10
    assert len(read_csv(tmp_path / "run" / "recipes" / "tuned" / "trials.csv")) == 8


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time of all clocks, to be set."""
    moment = [1000.0]
    clock = type("Clock", (), {name: staticmethod(lambda: moment[0]) for name in ("perf_counter", "time")})
    for module in (tuning, trial_tasks, one_trial):
        monkeypatch.setattr(module, "time", clock)
    return moment


def test_the_time_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, now: list[float]) -> None:
    def slow(_: Settings) -> Iterator[float]:
        for number in range(1, 50):
            now[0] += 10
            yield 1.0 - 0.01 * number

    scripted(monkeypatch, slow)
    fitted = Trials(Beside()).fit(task_in(tmp_path, "run", search_time=55.0))
    trials = trials_of(tmp_path / "run")
    assert [len(trial.intermediate_values) for trial in trials] == [6, 1], "none is begun afterwards"
    assert all(trial.user_attrs[CUT_OFF] for trial in trials)
    assert trials[0].user_attrs[SECONDS] == 60
    assert fitted.hyperparameters["trials_cut_off"] == 2


def test_where_workers_start_late_one_trial_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, now: list[float]
) -> None:
    scripted(monkeypatch, eight)

    class Late(Here):
        def run(self, function: Function, tasks: Iterable[Work], shared: bytes = b"") -> Iterator[tuple[Work, Outcome]]:
            now[0] += 60
            return super().run(function, tasks, shared)

    fitted = Trials(Late()).fit(task_in(tmp_path, "run", search_time=55.0))
    assert fitted.hyperparameters["trials"] == 1
    assert len(trials_of(tmp_path / "run")[0].intermediate_values) == 1


def test_a_search_in_vain_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scripted(monkeypatch, lambda _: [0.5])
    Trials(Beside()).fit(task_in(tmp_path, "run", trials=30))
    assert IN_VAIN < len(trials_of(tmp_path / "run")) <= IN_VAIN + 3


def test_a_training_that_fails_is_told_and_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def losses(settings: Settings) -> list[float]:
        if settings == FIRST:
            raise TrainingError("tuned: the loss is not finite. Next: another seed")
        return [0.5]

    scripted(monkeypatch, losses)
    notes = Notes()
    assert Trials(Beside()).fit(task_in(tmp_path, "run", notes, trials=3)).hyperparameters["best_trial"] == 1
    assert "trial 0 failed: tuned: the loss is not finite." in notes.lines
    assert [trial.state.name for trial in trials_of(tmp_path / "run")] == ["FAIL", "COMPLETE", "COMPLETE"]


def test_smaller_batches_in_a_worker_count_as_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fits = scripted(monkeypatch, lambda _: [0.5])
    genuine = Settings.fit

    def halved(self: Settings, *given: Any, **named: Any) -> Fitted:
        fitted = genuine(self, *given, **named)
        return replace(fitted, history=replace(fitted.history, batch_size=4)) if len(fits) == 1 else fitted

    monkeypatch.setattr(Settings, "fit", halved)
    notes = Notes()
    Trials(Here()).fit(task_in(tmp_path, "run", notes, trials=2))
    assert [line for line in notes.lines if "did not fit into the memory of its worker" in line]


def test_workers_that_fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scripted(monkeypatch, eight)
    Trials(Here("trial 1")).fit(task_in(tmp_path, "one", trials=3))
    assert [trial.state.name for trial in trials_of(tmp_path / "one")][1] == "FAIL"
    engine = Here("trial 0", "trial 2", "trial 3")
    with pytest.raises(TrainingError, match=r"trial 3: its worker ended\. The other trials are kept\. Next: "):
        Trials(engine).fit(task_in(tmp_path, "many", trials=9))
    assert len(engine.ran) == 4, "the rest is not tried"
    again = Here()
    Trials(again).fit(task_in(tmp_path, "many", trials=4))
    assert [Settings(**task.inputs["settings"]) for task in again.tasks][:1] == [FIRST]
    assert len(again.ran) == 3, "those whose workers failed are made again"


def test_what_is_sent_is_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scripted(monkeypatch, eight)
    seen: list[list[np.ndarray]] = []
    genuine = Settings.fit

    def looking(self: Settings, task: Task, *given: Any, **named: Any) -> Fitted:
        if not task.root.exists():
            seen.append([np.array(pixels_for(task, task.train, PixelSpec(side))) for side in (16, 24, 32)])
        return genuine(self, task, *given, **named)

    monkeypatch.setattr(Settings, "fit", looking)
    task = task_in(tmp_path, "run", trials=3)

    class Away(Here):
        """Its workers have neither photos nor cache nor run of the process that asks."""

        @contextmanager
        def elsewhere(self) -> Iterator[None]:
            places = [place for place in (task.root, task.cache, task.folder) if place.exists()]
            for place in places:
                place.rename(place.with_suffix(".away"))
            try:
                yield
            finally:
                for place in places:
                    place.with_suffix(".away").rename(place)

    monkeypatch.setenv("TELLAPART_CACHE", str(tmp_path / "node"))
    Trials(Away(), sends=True).fit(task)
    assert len(seen) == 3
    assert all((one == first).all() for again in seen for one, first in zip(again, seen[0], strict=True))
    assert task.epochs
    assert len(list(task.epochs.iterdir())) == 1


@pytest.mark.parametrize(
    ("on", "workers", "recipes", "told"),
    [
        (None, 2, "tuned", "Next: --on local --workers 2"),
        ("local", None, "augmented", "Next: --folds 5, or `tuned` among --recipes, or no --on"),
        ("spark", None, "tuned", "Accepted: local, ray, ray://HOST:PORT"),
        ("local", 0, "tuned", "Accepted: 1 or more"),
    ],
)
def test_what_is_refused(on: str | None, workers: int | None, recipes: str, told: str) -> None:
    with pytest.raises(OptionError, match=told):
        with_trials_on((RECIPES[recipes],), on, workers, progress=Silent())


def test_the_command_refuses_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    task_in(tmp_path, "run")
    words = ("--out", tmp_path / "out", "--recipes", "majority", "--on", "local")
    status, _, err = run(capsys, "fit", tmp_path / "photos", *words)
    assert status == 2
    assert len(err.splitlines()) == 1
    assert "Next: --folds 5" in err
    assert not (tmp_path / "out").exists()


def test_without_asking_and_with_folds_nothing_changes() -> None:
    assert with_trials_on(TUNED, None, progress=Silent()) == TUNED
    assert with_trials_on(TUNED, "local", 2, folds=5, progress=Silent()) == TUNED


def test_memory_limits_the_workers_and_that_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[tuple[int | None, int]] = []
    genuine = LocalEngine.__init__

    def noting(self: LocalEngine, workers: int | None = None, ahead: int = 2) -> None:
        made.append((workers, ahead))
        genuine(self, workers, ahead)

    monkeypatch.setattr(LocalEngine, "__init__", noting)
    monkeypatch.setattr(trial_tasks, "available_bytes", lambda: int(3.1e9))
    notes = Notes()
    with_trials_on(TUNED, "local", 4, progress=notes)
    with_trials_on(TUNED, "local", 2, progress=notes)
    monkeypatch.setattr(trial_tasks, "available_bytes", lambda: int(1e9))
    with_trials_on(TUNED, "local", 2, progress=notes)
    assert made == [(2, 1), (2, 1), (1, 1)]
    assert [line.partition(":")[0] for line in notes.lines] == [
        "2 trials of the search at once instead of 4",
        "1 trial of the search at once instead of 2",
    ]


@pytest.mark.slow
@linux
def test_a_worker_and_then_the_command_are_killed_and_the_best_network_is_handed_over(tmp_path: Path) -> None:
    task_in(tmp_path, "run")  # the photos, so that no two processes draw them
    job = started(tmp_path, "run", "local", "2")
    wait_for(lambda: [one for one in trials_of(tmp_path / "run") if one.state.name == "RUNNING"], job)
    wait_for(lambda: kill_worker(job.pid, "spawn_main"), job)
    wait_for(lambda: [one for one in trials_of(tmp_path / "run") if one.state.name == "COMPLETE"], job)
    job.send_signal(signal.SIGKILL)
    said, _ = job.communicate()
    assert 0 < sum(one.state.name == "COMPLETE" for one in trials_of(tmp_path / "run")) < TRIALS, said
    finished(started(tmp_path, "run", "local", "2"))
    told, trials = result_of(tmp_path, "run"), trials_of(tmp_path / "run")
    assert told["trials"] == TRIALS
    assert not [one for one in trials if one.state.name == "RUNNING"]
    best = min((one for one in trials if one.state.name == "COMPLETE"), key=lambda one: one.value)
    assert told["loss"] == pytest.approx(best.value, rel=1e-3)
    rows = read_csv(tmp_path / "run" / "recipes" / "tuned" / "trials.csv")
    assert float(rows[told["best_trial"]]["valid_loss"]) == pytest.approx(told["loss"], rel=1e-3)
    assert told["found_done"] > 0, "its network was made of its state, and not trained again"


@pytest.mark.slow
def test_in_this_process_the_best_network_is_made_of_its_state(tmp_path: Path) -> None:
    task = task_in(tmp_path, "run", trials=2)
    fitted = Trials(Here()).fit(task)
    best = min(trials_of(tmp_path / "run"), key=lambda one: one.value if one.value is not None else 9.0)
    truth = fitted.valid[np.arange(len(task.valid)), task.labels(task.valid)]
    assert -np.log(truth).mean() == pytest.approx(best.value, rel=1e-3)
    assert fitted.history.found_done > 0


@pytest.mark.slow
@needs_ray
def test_ray_and_the_local_pool_make_the_same_result_file(tmp_path: Path) -> None:
    task_in(tmp_path, "run")
    for engine in ("local", "ray"):
        finished(started(tmp_path, "one", engine))
    local, ray = (dict(parts((tmp_path / f"one-{engine}.zip").read_bytes())) for engine in ("local", "ray"))
    assert local["trial.json"] == ray["trial.json"]
    from safetensors.numpy import load

    arrays = [load(one["state.safetensors"]) for one in (local, ray)]
    assert {name: array.tobytes() for name, array in arrays[0].items()} == {
        name: array.tobytes() for name, array in arrays[1].items()
    }


@pytest.mark.slow
@needs_ray
def test_a_cluster_that_sees_no_disk_of_ours(tmp_path: Path) -> None:
    task_in(tmp_path, "far")
    with cluster(tmp_path / "node") as (address, inside):
        finished(started(tmp_path, "far", address, "2", **inside))
    told, rows = result_of(tmp_path, "far"), read_csv(tmp_path / "far" / "recipes" / "tuned" / "trials.csv")
    assert told["trials"] == len(rows) == TRIALS
    assert {row["state"] for row in rows} <= {"COMPLETE", "PRUNED"}
    assert float(rows[told["best_trial"]]["valid_loss"]) == pytest.approx(told["loss"], rel=1e-3)
    assert list((tmp_path / "node" / "parcels").glob("*/plan.json"))
    assert not (tmp_path / "far-cache" / "trainings").exists()


def test_a_search_by_the_job_of_these_tests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What `trials_job` runs in a process of its own is what `fit` runs."""
    scripted(monkeypatch, eight)
    monkeypatch.setattr(trial_tasks, "open_engine", lambda *_, **__: Beside())
    task = task_in(tmp_path, "run")
    monkeypatch.setattr("trials_job.predict", lambda *_: np.full((len(task.valid), 3), 1 / 3))
    assert search(task, "local", 2)["trials"] == TRIALS
