"""The search for hyper-parameters: Optuna on SQLite, pruned, resumable, within a budget."""

import math
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

from tellapart.errors import TrainingError
from tellapart.files import write_csv
from tellapart.models import networks
from tellapart.models.backend import keras
from tellapart.models.scratch import fit_from_scratch
from tellapart.models.task import Fitted, Task
from tellapart.models.training import Epoch, Plan, Watcher

_STARTUP: Final = 4  # trials that are never pruned, to compare with
_WARMUP: Final = 4  # epochs before a trial may be pruned


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
            PLAN,
            epochs=task.epochs(PLAN.epochs),
            learning_rate=self.learning_rate,
            batch_size=self.batch_size,
            weight_decay=self.weight_decay,
        )
        fitted = fit_from_scratch(
            task, network, plan, watcher or Watcher(name, task.progress), strength=self.augmentation
        )
        return replace(fitted, recipe=name, hyperparameters={**fitted.hyperparameters, **asdict(self)})


PLAN: Final = Plan(epochs=80, patience=12)
AUGMENTED: Final = Settings()


def fit_tuned(task: Task, size: int) -> Fitted:
    """Search, and give the network of the trial with the lowest validation loss.

    The first trial has the settings of `augmented`, so that the search cannot
    end below it on validation. `study.db` holds the study, `trials.csv` and
    `importance.csv` its tables.
    """
    start = time.perf_counter()
    keeper = _Keeper(task, size)
    with _study(task) as study:
        spent = sum(trial.duration.total_seconds() for trial in study.trials if trial.duration)
        keeper.deadline = start + task.options.budget - spent
        left = task.options.trials - len([trial for trial in study.trials if trial.state.is_finished()])
        title = f"Searching ({task.options.trials} trials, {task.options.budget:.0f} seconds at most)"
        with task.progress.bar(title, max(left, 0)) as bar:

            def tell(study: Any, trial: Any) -> None:
                bar.advance()
                lowest = min(_finished(study), default=math.nan)
                bar.say(f"trial {trial.number} {trial.state.name.lower()}, lowest loss {lowest:.3f}")

            budget = task.options.budget - spent
            if left > 0 and budget > 0:
                study.optimize(keeper.try_out, n_trials=left, timeout=budget, callbacks=[tell], catch=(TrainingError,))
        _write_tables(task.folder, study)
        if not _finished(study):
            raise TrainingError("tuned: no trial came to its end. Next: run again with a larger --budget")
        best = study.best_trial
        n_trials = len(study.trials)
    # After a resumed search the best trial may be of an earlier process; the seed makes it again.
    fitted = keeper.fitted or Settings(**best.params).fit(task, "tuned", size)
    seconds = {"features": 0.0, "train": time.perf_counter() - start + spent}
    found = {**fitted.hyperparameters, "trials": n_trials, "best_trial": best.number}
    return replace(fitted, recipe="tuned", seconds=seconds, hyperparameters=found)


class _Keeper:
    """Runs trials and keeps the best network of this process."""

    def __init__(self, task: Task, size: int) -> None:
        self._task = task
        self._size = size
        self.fitted: Fitted | None = None
        self.deadline = 0.0

    def try_out(self, trial: Any) -> float:
        import optuna

        settings = suggest(trial)

        def after_epoch(epoch: Epoch) -> None:
            trial.report(epoch.valid_loss, epoch.epoch)
            late = time.perf_counter() > self.deadline and _finished(trial.study)
            if late or trial.should_prune():
                raise optuna.TrialPruned

        watcher = Watcher(f"trial {trial.number}", self._task.progress, after_epoch)
        fitted = settings.fit(self._task, "tuned", self._size, watcher)
        best = fitted.history.rows[fitted.history.best_epoch - 1]
        trial.set_user_attr("valid_accuracy", best.valid_accuracy)
        if _improves(trial, best.valid_loss):
            self.fitted = fitted
        return best.valid_loss


def suggest(trial: Any) -> Settings:
    """Draw settings from the search space."""
    return Settings(
        learning_rate=trial.suggest_float("learning_rate", 3e-4, 3e-3, log=True),
        dropout=trial.suggest_float("dropout", 0.1, 0.6),
        augmentation=trial.suggest_float("augmentation", 0.3, 1.5),
        width=trial.suggest_categorical("width", [0.5, 1.0, 1.5, 2.0]),
        batch_size=trial.suggest_categorical("batch_size", [16, 32, 64]),
        weight_decay=trial.suggest_float("weight_decay", 1e-6, 1e-2, log=True),
    )


def _improves(trial: Any, value: float) -> bool:
    return all(value < other for other in _finished(trial.study))


def _finished(study: Any) -> list[float]:
    """The validation losses of the trials that came to their end."""
    return [trial.value for trial in study.trials if trial.state.name == "COMPLETE"]


@contextmanager
def _study(task: Task) -> Iterator[Any]:
    """Open the study of the run folder; trials that a kill left RUNNING are failed and queued again."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    path = task.folder.parent.parent / "study.db"
    path.parent.mkdir(parents=True, exist_ok=True)
    storage = optuna.storages.RDBStorage(f"sqlite:///{path}")
    try:
        study = optuna.create_study(
            storage=storage,
            study_name="tuned",
            sampler=optuna.samplers.TPESampler(seed=task.options.seed, n_startup_trials=_STARTUP),
            pruner=optuna.pruners.MedianPruner(n_startup_trials=_STARTUP, n_warmup_steps=_WARMUP),
            load_if_exists=True,
        )
        for trial in study.get_trials(states=(optuna.trial.TrialState.RUNNING,)):
            study.tell(trial.number, state=optuna.trial.TrialState.FAIL)
            study.enqueue_trial(trial.params)
        if not study.trials:
            study.enqueue_trial(asdict(AUGMENTED))
        yield study
    finally:
        storage.remove_session()
        storage.engine.dispose()


def _write_tables(folder: Path, study: Any) -> None:
    import optuna

    names = list(asdict(AUGMENTED))
    columns = ["trial", "state", "valid_loss", "valid_accuracy", "epochs", "seconds", *names]
    rows = []
    for trial in study.trials:
        reported = trial.intermediate_values
        loss = trial.value if trial.value is not None else min(reported.values(), default="")
        seconds = trial.duration.total_seconds() if trial.duration else ""
        told = trial.user_attrs.get("valid_accuracy", ""), len(reported), seconds
        rows.append([trial.number, trial.state.name, loss, *told, *(trial.params.get(name, "") for name in names)])
    write_csv(folder / "trials.csv", columns, rows)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # Optuna warns, and gives equal shares, where trials are too few
            importance = optuna.importance.get_param_importances(study)
    except (RuntimeError, ValueError, Warning):
        importance = {}
    write_csv(folder / "importance.csv", ["parameter", "importance"], importance.items())
