from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest
from tiny_set import QUIET, draw_set, task_on

from limited import files_limited
from tellapart.errors import StorageError, TrainingError
from tellapart.files import read_csv
from tellapart.models import tuning
from tellapart.models.halving import IN_VAIN
from tellapart.models.scratch import pixels_for, predict
from tellapart.models.search_space import FIRST, Settings, search_space, suggest
from tellapart.models.study import CUT_OFF, opened_study, sampler
from tellapart.models.task import Fitted, Options, Task
from tellapart.models.training import Epoch, History, Watcher
from tellapart.models.tuning import fit_tuned
from tellapart.photos.pixels import PixelSpec

pytestmark = QUIET

SIZE = 32
Losses = Callable[[int], list[float]]


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw_set(tmp_path_factory.mktemp("photos") / "set")


@pytest.fixture
def task(photos: Path, tmp_path: Path) -> Task:
    return task_on(photos, tmp_path, Options(epochs=1, trials=3))


def trials_of(task: Task) -> list[Any]:
    storage = optuna.storages.RDBStorage(f"sqlite:///{task.folder.parent.parent / 'study.db'}")
    try:
        return list(optuna.load_study(study_name="tuned", storage=storage).trials)
    finally:
        storage.remove_session()
        storage.engine.dispose()


def scripted(monkeypatch: pytest.MonkeyPatch, losses: Losses) -> list[Settings]:
    """Let trials go as told, without training; gives the settings of each."""
    fits: list[Settings] = []

    def fit(self: Settings, task: Task, name: str, size: int, watcher: Watcher | None = None) -> Fitted:
        fits.append(self)
        rows: list[Epoch] = []
        for number, loss in enumerate(losses(len(fits) - 1), start=1):
            rows.append(Epoch(number, loss, 0.5, loss, 0.5, 0.1 * number, 1e-3))
            if watcher and watcher.after_epoch and watcher.after_epoch(rows[-1]):
                break
        best = min(rows, key=lambda row: row.valid_loss).epoch
        train, valid = (np.full((len(part), 3), len(fits)) for part in (task.train, task.valid))
        history = History(tuple(rows), best, "")
        return Fitted(name, None, PixelSpec(size), history, train, valid, {}, 0, hyperparameters=asdict(self))

    monkeypatch.setattr(Settings, "fit", fit)
    return fits


@pytest.mark.slow
def test_a_search_leaves_a_study_tables_and_its_best_network(task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    fitted = fit_tuned(task, SIZE)
    trials = trials_of(task)
    finished = [trial for trial in trials if trial.state.name == "COMPLETE"]
    assert len(trials) == 3
    assert trials[0].params == asdict(FIRST)
    assert all(set(trial.params) == set(search_space()) for trial in trials)
    rows = read_csv(task.folder / "trials.csv")
    assert [row["trial"] for row in rows] == ["0", "1", "2"]
    assert [float(row["valid_loss"]) for row in rows] == pytest.approx([trial.value for trial in trials])
    assert next(iter(read_csv(task.folder / "importance.csv") or [{}])).keys() <= {"parameter", "importance"}
    best = min(finished, key=lambda trial: trial.value)
    assert fitted.recipe == "tuned"
    assert fitted.hyperparameters["best_trial"] == best.number
    assert fitted.hyperparameters["width"] == best.params["width"]
    assert fitted.spec.size == SIZE * best.params["image_scale"]
    truth = fitted.valid[np.arange(len(task.valid)), task.labels(task.valid)]
    assert -np.log(truth).mean() == pytest.approx(best.value, rel=1e-3)
    assert predict(fitted.network, pixels_for(task, task.valid, fitted.spec)) == pytest.approx(fitted.valid, abs=1e-6)
    # The same again trains no further trial; the best network is made anew from its seed.
    made: list[Settings] = []
    genuine = Settings.fit

    def counted(self: Settings, *given: Any, **named: Any) -> Fitted:
        made.append(self)
        return genuine(self, *given, **named)

    monkeypatch.setattr(Settings, "fit", counted)
    again = fit_tuned(task, SIZE)
    assert len(trials_of(task)) == 3
    assert made == [Settings(**best.params)]
    assert again.valid.tobytes() == fitted.valid.tobytes()


def test_the_first_trial_is_augmented_on_small_photos(task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    fits = scripted(monkeypatch, lambda number: [1.0 - 0.1 * number])
    fitted = fit_tuned(task, SIZE)
    assert fits[0] == FIRST
    assert len(set(map(repr, fits))) == 3
    assert fitted.hyperparameters["best_trial"] == 2
    assert fitted.valid[0, 0] == 3


def test_what_augmented_took_belongs_to_the_search(task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    scripted(monkeypatch, lambda _: [0.1])
    assert fit_tuned(task, SIZE).found_done == 0
    rows = [Epoch(number, 0.5, 0.5, 0.5, 0.5, 50.0 * number, 1e-3) for number in (1, 2)]
    monkeypatch.setattr(tuning, "_augmented_before", lambda _: rows)
    fitted = fit_tuned(replace(task, folder=task.folder / "other" / "place"), SIZE)
    assert fitted.found_done == 100
    assert fitted.seconds["train"] > 100


@pytest.mark.parametrize("best", [0, 1, 2])
def test_the_best_of_the_trials_comes_back(task: Task, monkeypatch: pytest.MonkeyPatch, best: int) -> None:
    fits = scripted(monkeypatch, lambda number: [2.0, 0.1, 0.7] if number == best else [0.9])
    fitted = fit_tuned(task, SIZE)
    assert (fitted.hyperparameters["best_trial"], fitted.valid[0, 0]) == (best, best + 1)
    assert fitted.hyperparameters["learning_rate"] == fits[best].learning_rate
    assert len(fits) == 3


def test_a_trial_that_a_kill_left_running_is_failed_and_queued_again(
    task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened_study(task, []) as study:
        suggest(study.ask())  # and the process is killed
    fits = scripted(monkeypatch, lambda number: [0.5 + number])
    fit_tuned(task, SIZE)
    trials = trials_of(task)
    assert trials[0].state.name == "FAIL"
    assert trials[1].params == trials[0].params == asdict(FIRST)
    assert fits[0] == FIRST
    assert sum(trial.state.name == "RUNNING" for trial in trials) == 0


def test_a_kill_before_the_first_draw_loses_nothing(task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    with opened_study(task, []) as study:
        study.ask()
    fits = scripted(monkeypatch, lambda number: [0.5 + number])
    fit_tuned(task, SIZE)
    assert fits[0] == FIRST


def test_a_search_goes_on_where_it_was(task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    fits = scripted(monkeypatch, lambda number: [1.0 - 0.1 * number])
    fit_tuned(task, SIZE)
    more = replace(task, options=replace(task.options, trials=5))
    assert fit_tuned(more, SIZE).hyperparameters["trials"] == 5
    assert len(fits) == 5
    fit_tuned(more, SIZE)
    assert len(trials_of(task)) == 5


def test_a_search_that_was_killed_and_goes_on_is_the_same(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Eight trials: four at random, four that follow from those before them."""
    options = Options(seed=3, trials=8)
    whole = scripted(monkeypatch, lambda number: [1.0 / (1 + number)])
    made = fit_tuned(task_on(photos, tmp_path / "whole", options), SIZE).hyperparameters
    task = task_on(photos, tmp_path / "in parts", options)
    parts = scripted(monkeypatch, lambda number: [1.0 / (1 + number)])
    fit_tuned(replace(task, options=replace(options, trials=2)), SIZE)
    fit_tuned(replace(task, options=replace(options, trials=5)), SIZE)
    with opened_study(task, []) as study:
        trial = study.ask()
        trial.study.sampler = sampler(options.seed, trial)
        suggest(trial)  # and the process is killed
    assert fit_tuned(task, SIZE).hyperparameters["trials"] == 8
    assert len(set(map(repr, whole))) == 8
    assert parts == whole
    assert made["trials"] == 8
    assert "trials_cut_off" not in made


def test_poor_trials_end_at_the_first_rung(task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    scripted(monkeypatch, lambda number: [1.0 - 0.02 * n for n in range(20)] if number == 0 else [5.0] * 20)
    fitted = fit_tuned(task, SIZE)
    trials = trials_of(task)
    assert [trial.state.name for trial in trials] == ["COMPLETE", "PRUNED", "PRUNED"]
    at_rung = {1.0: 2, 0.75: 4, 0.5: 8}  # epochs that cost what two of the largest photos cost, or more
    assert [len(trial.intermediate_values) for trial in trials[1:]] == [
        at_rung[trial.params["image_scale"]] for trial in trials[1:]
    ]
    assert fitted.hyperparameters["best_trial"] == 0
    states = [row["state"] for row in read_csv(task.folder / "trials.csv")]
    assert states == ["COMPLETE", "PRUNED", "PRUNED"]


def test_the_search_ends_where_many_trials_brought_nothing(task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    fits = scripted(monkeypatch, lambda number: [0.3] if number == 2 else [0.5])
    many = replace(task, options=replace(task.options, trials=25))
    fitted = fit_tuned(many, SIZE)
    assert len(fits) == 3 + IN_VAIN
    assert fitted.hyperparameters["best_trial"] == 2
    fit_tuned(many, SIZE)  # it has ended for good: only the best network is made again
    assert len(trials_of(task)) == 3 + IN_VAIN


def test_a_search_with_halving_that_was_killed_and_goes_on_is_the_same(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The loss follows from the settings, so that what is drawn and what is stopped hang together."""
    options = Options(seed=5, trials=9)

    def search(place: str, kill_at: int | None) -> list[tuple[Any, ...]]:
        task = task_on(photos, tmp_path / place, options)

        def fit(self: Settings, task: Task, name: str, size: int, watcher: Watcher | None = None) -> Fitted:
            rows: list[Epoch] = []
            for number in range(1, 7):
                loss = self.dropout + 1.0 / number
                rows.append(Epoch(number, loss, 0.5, loss, 0.5, 0.1, 1e-3))
                if watcher and watcher.name == f"trial {kill_at}" and number == 3:
                    raise KeyboardInterrupt
                if watcher and watcher.after_epoch and watcher.after_epoch(rows[-1]):
                    break
            train, valid = (np.zeros((len(part), 3)) for part in (task.train, task.valid))
            return Fitted(name, None, PixelSpec(size), History(tuple(rows), len(rows), ""), train, valid, {}, 0)

        monkeypatch.setattr(Settings, "fit", fit)
        if kill_at is not None:
            with pytest.raises(KeyboardInterrupt):
                fit_tuned(task, SIZE)
            kill_at = None
        fit_tuned(task, SIZE)
        told = [trial for trial in trials_of(task) if trial.state.name != "FAIL"]
        return [(trial.state.name, trial.value, trial.params, trial.intermediate_values) for trial in told]

    whole = search("whole", None)
    assert {state for state, *_ in whole} == {"COMPLETE", "PRUNED"}
    went_on = next(number for number, trial in enumerate(whole) if number and len(trial[3]) >= 3)
    assert search("killed", went_on) == whole


def test_the_search_ends_with_its_budget(task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr(tuning, "time", type("Clock", (), {"perf_counter": staticmethod(lambda: now[0])}))

    def losses(_: int) -> Iterator[float]:
        for n in range(50):
            now[0] += 10
            yield 1.0 - 0.01 * n

    fits = scripted(monkeypatch, losses)  # type: ignore[arg-type]
    short = replace(task, options=replace(task.options, search_time=55.0, trials=1))
    fitted = fit_tuned(short, SIZE)
    assert len(fitted.history.rows) == 6  # the epoch in which the time was over is the last
    assert trials_of(task)[0].state.name == "COMPLETE"
    assert trials_of(task)[0].user_attrs[CUT_OFF] is True
    assert fitted.hyperparameters["trials_cut_off"] == 1
    fit_tuned(replace(task, options=replace(task.options, search_time=55.0, trials=9)), SIZE)
    assert len(trials_of(task)) == 1  # what was spent before counts
    assert len(fits) == 2  # the best one made again, nothing searched


def test_trials_that_fail_are_counted_and_passed_over(task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    def losses(number: int) -> list[float]:
        if number == 0:
            raise TrainingError("not finite")
        return [0.5]

    scripted(monkeypatch, losses)
    assert fit_tuned(task, SIZE).hyperparameters["best_trial"] == 1
    assert [trial.state.name for trial in trials_of(task)] == ["FAIL", "COMPLETE", "COMPLETE"]


def test_a_search_without_any_finished_trial_says_so(task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    def losses(_: int) -> list[float]:
        raise TrainingError("not finite")

    scripted(monkeypatch, losses)
    with pytest.raises(TrainingError, match=r"tuned: no trial came to its end\. Next: "):
        fit_tuned(task, SIZE)
    assert len(read_csv(task.folder / "trials.csv")) == 3


def test_the_same_seed_draws_the_same_settings(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fits = scripted(monkeypatch, lambda number: [1.0 / (1 + number)])
    for place, seed in (("a", 0), ("b", 0), ("c", 1)):
        fit_tuned(task_on(photos, tmp_path / place, Options(seed=seed, trials=3)), SIZE)
    assert fits[:3] == fits[3:6]
    assert fits[6:] != fits[:3]


@pytest.mark.parametrize("most", [1_000, 60_000, 110_000])
def test_a_study_that_cannot_be_written_is_one_line_and_goes_on_later(
    task: Task, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, most: int
) -> None:
    long = replace(task, options=replace(task.options, trials=8))
    whole = replace(long, folder=tmp_path / "whole" / "recipes" / "tiny")
    scripted(monkeypatch, lambda number: [1.0 - 0.01 * number] * 3)
    fit_tuned(whole, SIZE)
    scripted(monkeypatch, lambda number: [1.0 - 0.01 * number] * 3)
    with files_limited(most), pytest.raises(StorageError, match=r"study\.db\. .*Next: ") as told:
        fit_tuned(long, SIZE)
    assert "\n" not in str(told.value)
    assert (tmp_path / "whole" / "study.db").stat().st_size > most, "this limit is met by nothing"
    fit_tuned(long, SIZE)
    kept = [[trial.params for trial in trials_of(one) if trial.state.name == "COMPLETE"] for one in (whole, long)]
    assert kept[0] == kept[1]


def test_a_trial_that_a_full_disk_ended_is_made_again(task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    scripted(monkeypatch, lambda number: [1.0 - 0.1 * number])
    genuine = Settings.fit
    asked = []

    def full(self: Settings, *given: Any, **named: Any) -> Fitted:
        asked.append(self)
        if len(asked) == 2:
            raise StorageError("Cannot write the cache. The disk is full.")
        return genuine(self, *given, **named)

    monkeypatch.setattr(Settings, "fit", full)
    with pytest.raises(StorageError):
        fit_tuned(task, SIZE)
    fit_tuned(task, SIZE)
    assert asked[2] == asked[1]
    assert sum(trial.state.name == "COMPLETE" for trial in trials_of(task)) == 3
