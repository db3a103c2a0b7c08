"""The trials of a search as tasks, side by side by any engine: one a core, each asked for when a worker is free for it.

The process that asks holds the study. A trial is told its settings and the losses of the trials that have ended, by
which it decides at each rung whether it goes on; what it knew is written down, so that each can be made again. It
returns its epochs and, where it is the best so far, the state of its network.
"""

import hashlib
import io
import json
import math
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from tellapart.errors import OptionError, TrainingError
from tellapart.files import make_folder, write_bytes
from tellapart.machine import usable_cores
from tellapart.memory import available_bytes
from tellapart.models.halving import is_in_vain
from tellapart.models.recipes import SCRATCH_SIZE, Recipe, tuned
from tellapart.models.scratch import memory_of, pixels_for
from tellapart.models.search_space import Settings, sides, suggest
from tellapart.models.study import (
    ACCURACY,
    CUT_OFF,
    INTERRUPTED,
    KNEW,
    SECONDS,
    counted,
    finished_losses,
    keep_best,
    rivals_of,
    sampler,
)
from tellapart.models.task import Fitted
from tellapart.models.task import Task as Training
from tellapart.models.tuning import Search, fit_tuned
from tellapart.one_trial import CACHE, COMPLETE, FAILED, PARTS, PRUNED, STATE, TOLD, run_trial
from tellapart.photos.batches import kept_pixels
from tellapart.photos.pixels import PixelSpec
from tellapart.printing import quiet
from tellapart.progress import Bar, Progress
from tellapart.scale.parcel import pack, parts
from tellapart.scale.tasks import Engine, Outcome, Task, check_workers, open_engine
from tellapart.storage import megabytes
from tellapart.training_plan import PLAN, check_size, told_of_options, told_of_photo
from tellapart.words import counted as n_of

_FAILURES: Final = 3  # trials whose workers failed; where so many did, the others will


def with_trials_on(
    recipes: Sequence[Recipe],
    on: str | None,
    workers: int | None = None,
    *,
    folds: int | None = None,
    size: int | None = None,
    progress: Progress,
) -> tuple[Recipe, ...]:
    """Recipes, the trials of `tuned` side by side where that is asked for.

    Args:
        recipes: Of a run.
        on: `local`, `ray` or `ray://HOST:PORT`; None for one trial after another, on all cores.
        workers: Trials at once; None for one a core.
        folds: How many the run has, if any: then the trainings are side by side (`training_tasks`), not the trials.
        size: Of photos, in pixels; None for the recipe's own.
        progress: Where it is told that memory is too little for so many.

    Raises:
        OptionError: There is nothing to share out, or no such engine.
        MissingExtraError: Ray is asked for and not installed.
    """
    check_workers(on, workers)
    if on is None or folds is not None:
        return tuple(recipes)
    if not any(recipe.train is tuned for recipe in recipes):
        raise OptionError(
            f"--on {on} shares out the rounds of --folds, or without them the trials of the recipe `tuned`; here is "
            "neither. Next: --folds 5, or `tuned` among --recipes, or no --on"
        )
    away = "://" in on
    if not away and (workers is None or workers > 0):
        workers = _fitting(workers or usable_cores(), memory_of(size or SCRATCH_SIZE), progress)
    trials = Trials(open_engine(on, workers=workers, ahead=1), sends=away)
    return tuple(replace(one, train=trials.fit) if one.train is tuned else one for one in recipes)


def _fitting(asked: int, needed: float, progress: Progress) -> int:
    """How many workers fit into memory beside this process, which takes what one of them takes."""
    free = available_bytes()
    most = asked if free is None else max(1, int(free / needed) - 1)
    if most < asked:
        progress.note(
            f"{n_of(most, 'trial')} of the search at once instead of {asked}: each takes about {megabytes(needed)} of "
            f"memory, this process as much, and {megabytes(free or 0)} are available. Next: end other programs, or a "
            "smaller --image-size"
        )
    return min(asked, most)


@dataclass(frozen=True)
class Trials:
    """Makes the trials of a search side by side.

    Attributes:
        engine: Runs them; it takes no task before a worker is free for it.
        sends: Whether the photos go to the workers; else they see the disk of this process.
    """

    engine: Engine
    sends: bool = False

    def fit(self, task: Training) -> Fitted:
        """The recipe `tuned`."""
        return fit_tuned(task, task.options.image_size or SCRATCH_SIZE, self.run)

    def run(self, search: Search) -> None:
        """Make the trials of a search.

        Raises:
            TrainingError: The workers of several failed; what the others found is kept.
        """
        shared = shared_by(search, sends=self.sends)
        plan = hashlib.sha256(shared).hexdigest()
        with quiet(), search.task.progress.bar(search.title, search.n_trials) as bar:
            asking = _Asking(search, plan, bar, sends=self.sends)
            for task, outcome in self.engine.run(run_trial, asking.tasks(), shared):
                asking.take(task.name, outcome)
                bar.advance()
        if len(asking.failed) >= _FAILURES:
            raise TrainingError(
                f"tuned: {'; '.join(asking.failed)}. The other trials are kept. "
                "Next: the same command with --resume, or fewer --workers"
            )


def shared_by(search: Search, *, sends: bool) -> bytes:
    """What all trials share: the plan, and for machines that do not see this disk the photos at the networks' sizes.

    They are decoded here, once, on all cores.
    """
    task, specs = search.task, [PixelSpec(side) for side in sides(search.size)]
    sets = [(photos, spec, pixels_for(task, photos, spec)) for photos in (task.train, task.valid) for spec in specs]
    plan = {
        "root": str(task.root.resolve()),
        "cache": str(task.cache.resolve()),
        "epochs": str(make_folder(task.epochs).resolve()) if task.epochs and not sends else None,
        "backend": os.environ.get("KERAS_BACKEND", ""),
        "size": search.size,
        "classes": task.classes,
        "options": told_of_options(task.options),
        **{part: [told_of_photo(replace(photo, look=None)) for photo in getattr(task, part)] for part in PARTS},
    }
    told = json.dumps(plan).encode()
    if not sends:
        return told
    check_size("The decoded photos", sum(pixels.nbytes for _, _, pixels in sets))
    files = [(f"{CACHE}/{kept_pixels(Path(), photos, spec).as_posix()}", _npy(pixels)) for photos, spec, pixels in sets]
    return pack([(PLAN, told), *files])


def _npy(array: np.ndarray) -> bytes:
    told = io.BytesIO()
    np.save(told, array, allow_pickle=False)
    return told.getvalue()


class _Asking:
    """Asks the study for trials and tells it what came of them."""

    def __init__(self, search: Search, plan: str, bar: Bar, *, sends: bool) -> None:
        self.failed: list[str] = []
        self._search, self._plan, self._bar, self._sends = search, plan, bar, sends
        self._running: dict[str, tuple[Any, Settings, float]] = {}  # by task: Optuna's trial, and when it began

    def tasks(self) -> Iterator[Task]:
        """Trials, each drawn when it is asked for; the first also where workers took all the time to start."""
        search = self._search
        for number in range(search.n_trials):
            late = number > 0 and search.seconds_left <= 0
            if late or len(self.failed) >= _FAILURES or is_in_vain(counted(search.study)):
                return
            task = self._begun()
            self._say()
            yield task

    def _begun(self) -> Task:
        search = self._search
        trial = search.study.ask()
        search.study.sampler = sampler(search.task.options.seed, trial, beside=True)
        settings = suggest(trial)
        if KNEW not in trial.user_attrs:
            ended = [one.number for one in counted(search.study) if one.state.name in {COMPLETE, PRUNED}]
            trial.set_user_attr(KNEW, ended)
        name, left = f"trial {trial.number}", search.seconds_left
        self._running[name] = trial, settings, time.perf_counter()
        told = {
            "settings": asdict(settings),
            "rivals": [asdict(rival) for rival in rivals_of(trial)],
            "left": left,
            # Where they have the same clock a worker that starts slowly does not end later for it.
            "until": None if self._sends else time.time() + left,
            "plan": self._plan,
            "parcel": self._plan if self._sends else None,
        }
        return Task(name, told)

    def take(self, name: str, outcome: Outcome) -> None:
        """Write down what came of a trial; its state comes first, and is there when the study says that it is done."""
        self._take(name, outcome)
        self._say()

    def _take(self, name: str, outcome: Outcome) -> None:
        trial, settings, began = self._running.pop(name)
        now = time.perf_counter()
        trial.set_user_attr(SECONDS, now - began)
        for other, _, since in self._running.values():  # what a kill would leave of them counts as spent
            other.set_user_attr(SECONDS, now - since)
        if outcome.made is None:
            trial.set_user_attr(INTERRUPTED, True)  # a run that goes on makes it again
            self._fail(trial, f"{name} failed: {outcome.error}")
            self.failed.append(f"{name}: {outcome.error}")
            return
        files = dict(parts(outcome.made.content))
        told = json.loads(files[TOLD])
        for row in told["rows"]:
            trial.report(row["valid_loss"], row["epoch"])
        if told["state"] == FAILED:
            self._fail(trial, f"{name} failed: {told['error']}")
            return
        if told["state"] == COMPLETE:
            self._keep(settings, told["valid_loss"], files.get(STATE))
            trial.set_user_attr(ACCURACY, told["valid_accuracy"])
        if told["cut_off"]:
            trial.set_user_attr(CUT_OFF, True)
        self._tell(trial, told["state"], told["valid_loss"] if told["state"] == COMPLETE else None)
        keep_best(self._search.task, self._search.study)

    def _say(self) -> None:
        """The lowest loss so far, and which trials are at work."""
        lowest = min(finished_losses(self._search.study), default=math.nan)
        self._bar.say(f"lowest loss {lowest:.3f}; at work: {', '.join(self._running)}")

    def _keep(self, settings: Settings, loss: float, state: bytes | None) -> None:
        path = settings.kept(self._search.task)
        if path and state and all(loss <= other for other in finished_losses(self._search.study)):
            write_bytes(path, state)

    def _fail(self, trial: Any, why: str) -> None:
        self._search.task.progress.note(why.partition(" Next: ")[0])
        self._tell(trial, FAILED, None)

    def _tell(self, trial: Any, state: str, value: float | None) -> None:
        from optuna.trial import TrialState

        self._search.study.tell(trial, value, state=TrialState[state])
