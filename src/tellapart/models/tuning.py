"""The search for hyper-parameters: by successive halving, resumable, within a budget; one trial after another."""

import math
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from tellapart.errors import TrainingError
from tellapart.files import read_csv, read_json
from tellapart.models.backend import keras
from tellapart.models.halving import cost_of, is_behind, is_in_vain
from tellapart.models.scratch import pixels_for, predict
from tellapart.models.search_space import Settings, suggest
from tellapart.models.study import (
    ACCURACY,
    CUT_OFF,
    INTERRUPTED,
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
from tellapart.models.task import Fitted, Task
from tellapart.models.training import Epoch, History, Watcher
from tellapart.photos.pixels import PixelSpec


@dataclass(frozen=True)
class Search:
    """What is left to do of a search.

    Attributes:
        task: Of the recipe.
        size: Of the photos, in pixels.
        study: Optuna's, which takes the trials.
        n_trials: At most so many more.
        deadline: When the time is over, in `time.perf_counter()`.
    """

    task: Task
    size: int
    study: Any
    n_trials: int
    deadline: float

    @property
    def seconds_left(self) -> float:
        """Until the time is over; below 0 afterwards."""
        return self.deadline - time.perf_counter()

    @property
    def title(self) -> str:
        """Of its bar."""
        return f"Searching, {self.task.options.search_time:.0f} s"


Runner = Callable[[Search], Fitted | None]  # makes the trials; gives the best one's network, where it has it at hand


def fit_tuned(task: Task, size: int, run: Runner | None = None) -> Fitted:
    """Search, and give the network of the trial with the lowest validation loss.

    Where this run has trained `augmented`, its epochs and its network are
    taken over as the first trial, so that the search cannot end below it on
    validation. The first trial that is trained has its settings on photos of
    half the side. `study.db` holds the study, `trials.csv` and
    `importance.csv` its tables.

    Args:
        task: Of the recipe.
        size: Of the photos, in pixels.
        run: Makes the trials; None for one after another, in this process.
    """
    start = time.perf_counter()
    before, fitted = _augmented_before(task), None
    with opened_study(task, before) as study:
        already = spent(study)
        finished = sum(trial.state.is_finished() for trial in study.trials)
        left = task.options.trials - (finished - made_again(study))
        search = Search(task, size, study, left, start + task.options.search_time - already)
        if left > 0 and search.seconds_left > 0 and not is_in_vain(counted(study)):
            fitted = (run or one_by_one)(search)
        write_tables(task.folder, study)
        if not finished_losses(study):
            raise TrainingError("tuned: no trial came to its end. Next: run again with a larger --search-time")
        best, trials = study.best_trial, counted(study)
        cut_off = sum(trial.user_attrs.get(CUT_OFF, False) for trial in trials)
    if best.number == 0 and before:
        fitted = _taken_over(task, before)
    else:  # the best trial may be of another process; its state, or its seed, makes it again
        fitted = fitted or Settings(**best.params).fit(task, "tuned", size)
    # What `augmented` took belongs to the search, which would have made that trial itself.
    found_done = already + (before[-1].seconds if before else 0.0)
    seconds = {"features": 0.0, "train": time.perf_counter() - start + found_done}
    place = [trial.number for trial in trials].index(best.number)
    found = {**fitted.hyperparameters, **best.params, "trials": len(trials), "best_trial": place}
    found |= {"trials_cut_off": cut_off} if cut_off else {}
    return replace(fitted, seconds=seconds, hyperparameters=found, found_done=found_done)


def one_by_one(search: Search) -> Fitted | None:
    """Make trials one after another.

    Returns:
        The network of the best one, where this process trained it.
    """
    trying = _Trying(search)
    with search.task.progress.bar(search.title, search.n_trials) as bar:

        def tell(study: Any, _: Any) -> None:
            lowest = min(finished_losses(study), default=math.nan)
            bar.advance()
            bar.say(f"lowest loss {lowest:.3f}")
            keep_best(search.task, study)
            if is_in_vain(counted(study)):
                study.stop()

        search.study.optimize(
            trying.trial,
            n_trials=search.n_trials,
            timeout=search.seconds_left,
            callbacks=[tell],
            catch=(TrainingError,),
        )
    return trying.fitted


class _Trying:
    """Makes trials, and keeps the best network of this process."""

    def __init__(self, search: Search) -> None:
        self._search = search
        self.fitted: Fitted | None = None

    def trial(self, trial: Any) -> float:
        import optuna

        start, task = time.perf_counter(), self._search.task
        trial.study.sampler = sampler(task.options.seed, trial)
        settings = suggest(trial)
        rivals = rivals_of(trial)
        losses: dict[int, float] = {}

        def after_epoch(epoch: Epoch) -> bool:
            losses[epoch.epoch] = epoch.valid_loss
            trial.report(epoch.valid_loss, epoch.epoch)
            trial.set_user_attr(SECONDS, time.perf_counter() - start)
            if is_behind(losses, rivals, cost_of(trial.params)):
                raise optuna.TrialPruned
            if self._search.seconds_left >= 0:
                return False
            trial.set_user_attr(CUT_OFF, True)
            return True

        watcher = Watcher(f"trial {trial.number}", task.progress, after_epoch)
        try:
            fitted = settings.fit(task, "tuned", self._search.size, watcher)
        except (optuna.TrialPruned, TrainingError):
            raise
        except BaseException:
            # Optuna takes it for one that failed of itself; where the disk is full it stays as one that was killed.
            with suppress(Exception):
                trial.set_user_attr(INTERRUPTED, True)
            raise
        best = fitted.history.rows[fitted.history.best_epoch - 1]
        trial.set_user_attr(ACCURACY, best.valid_accuracy)
        if all(best.valid_loss < other for other in finished_losses(trial.study)):
            self.fitted = fitted
        return best.valid_loss


def _augmented_before(task: Task) -> list[Epoch]:
    """The epochs of `augmented`, where this run has trained it already."""
    folder = task.folder.parent / "augmented"
    if not (folder / "recipe.json").is_file():
        return []
    rows = read_csv(folder / "history.csv")
    return [Epoch(int(row.pop("epoch")), **{name: float(value) for name, value in row.items()}) for row in rows]


def _taken_over(task: Task, epochs: list[Epoch]) -> Fitted:
    """The network of `augmented`, which no trial could better."""
    folder = task.folder.parent / "augmented"
    entry = read_json(folder / "recipe.json")
    network = keras.models.load_model(folder / "model.keras")
    spec = PixelSpec.from_dict(entry["pixels"])
    train, valid = (predict(network, pixels_for(task, photos, spec)) for photos in (task.train, task.valid))
    history = History(tuple(epochs), entry["best_epoch"], entry["stopped"])
    n_trained = entry["trainable_parameters"]
    return Fitted(
        "tuned", network, spec, history, train, valid, {}, n_trained, hyperparameters=entry["hyperparameters"]
    )
