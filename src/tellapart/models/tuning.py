"""The search for hyper-parameters: Optuna on SQLite, by successive halving, resumable, within a budget."""

import math
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from tellapart.errors import TrainingError
from tellapart.files import make_folder, read_csv, read_json, storage_errors, write_csv
from tellapart.models import networks
from tellapart.models.backend import keras
from tellapart.models.halving import at_rung, is_behind, is_in_vain
from tellapart.models.scratch import fit_from_scratch, pixels_for, predict
from tellapart.models.task import Fitted, Task
from tellapart.models.training import Epoch, History, Plan, Watcher
from tellapart.photos.pixels import PixelSpec
from tellapart.photos.scan import digest_of

_STARTUP: Final = 4  # trials drawn at random before the sampler learns from them
_AGAIN_OF: Final = "again_of"  # the trial that a kill ended, and whose settings this one has
_INTERRUPTED: Final = "interrupted"  # by Ctrl-C, a full disk, or memory that was too little
CUT_OFF: Final = "cut_off"  # by the time budget, which is not over at the same epoch twice


@dataclass(frozen=True)
class Settings:
    """What the search may change; the defaults are those of `augmented`.

    Attributes:
        learning_rate: Of Adam, at the start.
        dropout: Before the output.
        augmentation: Strength, 0 for none.
        width: Multiplies the channels of every convolution.
        batch_size: Photos a step.
        weight_decay: Decoupled, as in AdamW.
    """

    learning_rate: float = 1e-3
    dropout: float = 0.5
    augmentation: float = 1.0
    width: float = 1.0
    batch_size: int = 32
    weight_decay: float = 1e-6

    def fit(self, task: Task, name: str, size: int, watcher: Watcher | None = None) -> Fitted:
        """Train the deeper CNN with these settings."""
        keras.utils.set_random_seed(task.options.seed)
        network = networks.deeper(len(task.classes), size, width=self.width, dropout=self.dropout)
        plan = replace(
            task.capped(PLAN),
            learning_rate=self.learning_rate,
            batch_size=self.batch_size,
            weight_decay=self.weight_decay,
        )
        watcher = replace(watcher or Watcher(name, task.progress), kept=self.kept(task))
        fitted = fit_from_scratch(task, network, plan, watcher, strength=self.augmentation)
        return replace(fitted, recipe=name, hyperparameters={**fitted.hyperparameters, **asdict(self)})

    def kept(self, task: Task) -> Path | None:
        """The file that keeps the state of a training with these settings."""
        return task.kept(digest_of([repr(self)])[:16])


PLAN: Final = Plan(epochs=80, patience=12)
AUGMENTED: Final = Settings()


def fit_tuned(task: Task, size: int) -> Fitted:
    """Search, and give the network of the trial with the lowest validation loss.

    The first trial has the settings of `augmented`, so that the search cannot
    end below it on validation; where this run has trained that recipe, its
    epochs and its network are taken over. `study.db` holds the study,
    `trials.csv` and `importance.csv` its tables.
    """
    start = time.perf_counter()
    before = _augmented_before(task)
    with _study(task, before) as study:
        spent = sum(trial.user_attrs.get("seconds", 0.0) for trial in study.trials)
        searcher = _Searcher(task, size, start + task.options.search_time - spent)
        finished = sum(trial.state.is_finished() for trial in study.trials)
        left = task.options.trials - (finished - _made_again(study))
        if left > 0 and searcher.seconds_left > 0 and not is_in_vain(_counted(study)):
            searcher.search(study, left)
        _write_tables(task.folder, study)
        if not _finished(study):
            raise TrainingError("tuned: no trial came to its end. Next: run again with a larger --search-time")
        best, counted = study.best_trial, _counted(study)
        cut_off = sum(trial.user_attrs.get(CUT_OFF, False) for trial in counted)
    if best.number == 0 and before:
        fitted = _taken_over(task, before)
    else:  # the best trial may be of an earlier process; its seed makes it again
        fitted = searcher.fitted or Settings(**best.params).fit(task, "tuned", size)
    # What `augmented` took belongs to the search, which would have made that trial itself.
    found_done = spent + (before[-1].seconds if before else 0.0)
    seconds = {"features": 0.0, "train": time.perf_counter() - start + found_done}
    place = [trial.number for trial in counted].index(best.number)
    found = {**fitted.hyperparameters, **best.params, "trials": len(counted), "best_trial": place}
    found |= {"trials_cut_off": cut_off} if cut_off else {}
    return replace(fitted, seconds=seconds, hyperparameters=found, found_done=found_done)


class _Searcher:
    """Runs trials until the time is over, and keeps the best network of this process."""

    def __init__(self, task: Task, size: int, deadline: float) -> None:
        self._task = task
        self._size = size
        self._deadline = deadline
        self.fitted: Fitted | None = None

    @property
    def seconds_left(self) -> float:
        return self._deadline - time.perf_counter()

    def search(self, study: Any, n_trials: int) -> None:
        options = self._task.options
        title = f"Searching, {options.search_time:.0f} s"
        with self._task.progress.bar(title, n_trials) as bar:

            def tell(study: Any, _: Any) -> None:
                lowest = min(_finished(study), default=math.nan)
                bar.advance()
                bar.say(f"lowest loss {lowest:.3f}")
                _keep_best(self._task, study)
                if is_in_vain(_counted(study)):
                    study.stop()

            study.optimize(
                self.try_out, n_trials=n_trials, timeout=self.seconds_left, callbacks=[tell], catch=(TrainingError,)
            )

    def try_out(self, trial: Any) -> float:
        import optuna

        start = time.perf_counter()
        trial.study.sampler = _sampler(self._task.options.seed, trial)
        settings = suggest(trial)
        before = _counted(trial.study)
        losses: dict[int, float] = {}

        def after_epoch(epoch: Epoch) -> bool:
            losses[epoch.epoch] = epoch.valid_loss
            trial.report(epoch.valid_loss, epoch.epoch)
            trial.set_user_attr("seconds", time.perf_counter() - start)
            if is_behind(losses, at_rung(before, epoch.epoch)):
                raise optuna.TrialPruned
            if self.seconds_left >= 0:
                return False
            trial.set_user_attr(CUT_OFF, True)
            return True

        watcher = Watcher(f"trial {trial.number}", self._task.progress, after_epoch)
        try:
            fitted = settings.fit(self._task, "tuned", self._size, watcher)
        except (optuna.TrialPruned, TrainingError):
            raise
        except BaseException:
            # Optuna takes it for one that failed of itself; where the disk is full it stays as one that was killed.
            with suppress(Exception):
                trial.set_user_attr(_INTERRUPTED, True)
            raise
        best = fitted.history.rows[fitted.history.best_epoch - 1]
        trial.set_user_attr("valid_accuracy", best.valid_accuracy)
        if all(best.valid_loss < other for other in _finished(trial.study)):
            self.fitted = fitted
        return best.valid_loss


def _keep_best(task: Task, study: Any) -> None:
    """Remove the states of trainings that have ended, but for the best one: its network is made of it again."""
    finished = [trial for trial in study.trials if trial.state.name == "COMPLETE"]
    best = min(finished, key=lambda trial: trial.value, default=None)
    kept = Settings(**best.params).kept(task) if best else None
    for path in task.epochs.glob("*.safetensors") if task.epochs else ():
        if path != kept:
            path.unlink(missing_ok=True)


def search_space() -> dict[str, Any]:
    """The range of each setting, as Optuna's distributions."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution

    return {
        "learning_rate": FloatDistribution(3e-4, 3e-3, log=True),
        "dropout": FloatDistribution(0.1, 0.6),
        "augmentation": FloatDistribution(0.3, 1.5),
        "width": CategoricalDistribution((0.5, 1.0, 1.5, 2.0)),
        "batch_size": CategoricalDistribution((16, 32, 64)),
        "weight_decay": FloatDistribution(1e-6, 1e-2, log=True),
    }


def _sampler(seed: int, trial: Any = None) -> Any:
    """TPE with a source of chance of its own for each trial.

    So a trial's settings follow from the seed and the trials before it alone, and a
    search that was killed and goes on is the same as one that was not.
    """
    import optuna

    number = trial.number - _made_again(trial.study) if trial else 0
    chance = int(np.random.SeedSequence([seed, number]).generate_state(1)[0])
    return optuna.samplers.TPESampler(seed=chance, n_startup_trials=_STARTUP)


def _made_again(study: Any) -> int:
    """How many trials of a study stand for one that a kill ended."""
    return sum(_AGAIN_OF in trial.user_attrs for trial in study.trials)


def _counted(study: Any) -> list[Any]:
    """The trials of a study in order, without those that a kill ended and that were made again."""
    trials = study.get_trials(deepcopy=False)
    replaced = {trial.user_attrs.get(_AGAIN_OF) for trial in trials}
    return [trial for trial in trials if trial.number not in replaced]


def _was_ended(trial: Any) -> bool:
    """Whether a kill or Ctrl-C ended a trial."""
    return trial.state.name == "RUNNING" or _INTERRUPTED in trial.user_attrs


def suggest(trial: Any) -> Settings:
    """Draw settings from the search space."""
    drawn = {
        name: trial.suggest_categorical(name, space.choices)
        if hasattr(space, "choices")
        else trial.suggest_float(name, space.low, space.high, log=space.log)
        for name, space in search_space().items()
    }
    return Settings(**drawn)


def _finished(study: Any) -> list[float]:
    """The validation losses of the trials that came to their end."""
    return [trial.value for trial in study.trials if trial.state.name == "COMPLETE"]


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


@contextmanager
def _study(task: Task, before: list[Epoch]) -> Iterator[Any]:
    """Open the study of the run folder; trials that a kill or Ctrl-C ended are queued again."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)  # it prints the traceback of each trial that fails
    path = task.folder.parent.parent / "study.db"
    make_folder(path.parent)
    with storage_errors(path), _opened(path) as storage:
        study = optuna.create_study(
            storage=storage,
            study_name="tuned",
            sampler=_sampler(task.options.seed),
            pruner=optuna.pruners.NopPruner(),  # halving.py says which trials go on
            load_if_exists=True,
        )
        for trial in [trial for trial in _counted(study) if _was_ended(trial)]:
            # What was queued for it stands there from the start, what it drew itself only bit by bit.
            drawn = {**trial.system_attrs.get("fixed_params", {}), **trial.params}
            study.enqueue_trial(drawn, user_attrs={_AGAIN_OF: trial.number})
        # Queued first: one that counts as failed and is not queued, as a kill between the two leaves it, would be lost.
        for trial in [trial for trial in study.trials if trial.state.name == "RUNNING"]:
            study.tell(trial.number, state=optuna.trial.TrialState.FAIL)
        if not study.trials and before:
            study.add_trial(_trial_of(before))
        elif not study.trials:
            study.enqueue_trial(asdict(AUGMENTED))
        yield study


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    import optuna

    storage = optuna.storages.RDBStorage(f"sqlite:///{path}")
    try:
        yield storage
    finally:
        storage.remove_session()
        storage.engine.dispose()


def _trial_of(epochs: list[Epoch]) -> Any:
    """A finished trial with the settings and the epochs of `augmented`."""
    import optuna

    best = min(epochs, key=lambda row: row.valid_loss)
    return optuna.trial.create_trial(
        params=asdict(AUGMENTED),
        distributions=search_space(),
        value=best.valid_loss,
        intermediate_values={row.epoch: row.valid_loss for row in epochs},
        user_attrs={"valid_accuracy": best.valid_accuracy},
    )


def _write_tables(folder: Path, study: Any) -> None:
    import optuna

    names = list(asdict(AUGMENTED))
    columns = ["trial", "state", "valid_loss", "valid_accuracy", "epochs", "seconds", *names]
    rows = []
    for number, trial in enumerate(_counted(study)):
        reported = trial.intermediate_values
        loss = trial.value if trial.value is not None else min(reported.values(), default="")
        seconds = trial.user_attrs.get("seconds", "")
        told = trial.user_attrs.get("valid_accuracy", ""), len(reported), seconds
        rows.append([number, trial.state.name, loss, *told, *(trial.params.get(name, "") for name in names)])
    write_csv(folder / "trials.csv", columns, rows)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # Optuna warns, and gives equal shares, where trials are too few
            importance = optuna.importance.get_param_importances(study)
    except (RuntimeError, ValueError, Warning):
        importance = {}
    write_csv(folder / "importance.csv", ["parameter", "importance"], importance.items())
