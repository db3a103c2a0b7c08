"""The study of a search: its trials in SQLite, by Optuna; which of them count, what a kill left, and its tables."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import numpy as np

from tellapart.files import make_folder, storage_errors, write_csv
from tellapart.models.halving import Rival, rivals_among
from tellapart.models.search_space import AUGMENTED, FIRST, Settings, search_space
from tellapart.models.task import Task
from tellapart.models.training import Epoch

_STARTUP: Final = 4  # trials drawn at random before the sampler learns from them
# What a trial is marked with.
AGAIN_OF: Final = "again_of"  # the trial that a kill ended, and whose settings this one has
INTERRUPTED: Final = "interrupted"  # by Ctrl-C, a full disk, or memory that was too little
CUT_OFF: Final = "cut_off"  # by the time budget, which is not over at the same epoch twice
KNEW: Final = "knew"  # numbers of the trials that had ended when it began, where others ran beside it
SECONDS: Final = "seconds"
ACCURACY: Final = "valid_accuracy"


@contextmanager
def opened_study(task: Task, before: list[Epoch]) -> Iterator[Any]:
    """Open the study of the run folder; trials that a kill or Ctrl-C ended are queued again.

    Args:
        task: Of the recipe.
        before: The epochs of `augmented`, where this run has trained it: a new study takes them over as a trial.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)  # it prints the traceback of each trial that fails
    path = task.folder.parent.parent / "study.db"
    make_folder(path.parent)
    with storage_errors(path), _opened(path) as storage:
        study = optuna.create_study(
            storage=storage,
            study_name="tuned",
            sampler=sampler(task.options.seed),
            pruner=optuna.pruners.NopPruner(),  # halving.py says which trials go on
            load_if_exists=True,
        )
        for trial in [trial for trial in counted(study) if _was_ended(trial)]:
            # What was queued for it stands there from the start, what it drew itself only bit by bit.
            drawn = {**trial.system_attrs.get("fixed_params", {}), **trial.params}
            known = {KNEW: trial.user_attrs[KNEW]} if KNEW in trial.user_attrs else {}
            study.enqueue_trial(drawn, user_attrs={AGAIN_OF: trial.number, **known})
        # Queued first: one that counts as failed and is not queued, as a kill between the two leaves it, would be lost.
        for trial in [trial for trial in study.trials if trial.state.name == "RUNNING"]:
            study.tell(trial.number, state=optuna.trial.TrialState.FAIL)
        if not study.trials:
            if before:
                study.add_trial(_trial_of(before))
            study.enqueue_trial(asdict(FIRST))
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
        user_attrs={ACCURACY: best.valid_accuracy},
    )


def sampler(seed: int, trial: Any = None, *, beside: bool = False) -> Any:
    """TPE with a source of chance of its own for each trial.

    So a trial's settings follow from the seed and the trials before it alone, and a
    search that was killed and goes on is the same as one that was not.

    Args:
        seed: Of the run.
        trial: That is drawn next.
        beside: Whether others run meanwhile, from whose settings it is to keep away as from poor ones.
    """
    import optuna

    number = trial.number - made_again(trial.study) if trial else 0
    chance = int(np.random.SeedSequence([seed, number]).generate_state(1)[0])
    with warnings.catch_warnings():
        # Early versions call this argument, which is years old, experimental.
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return optuna.samplers.TPESampler(seed=chance, n_startup_trials=_STARTUP, constant_liar=beside)


def made_again(study: Any) -> int:
    """How many trials of a study stand for one that a kill ended."""
    return sum(AGAIN_OF in trial.user_attrs for trial in study.trials)


def counted(study: Any) -> list[Any]:
    """The trials of a study in order, without those that a kill ended and that were, or are to be, made again."""
    trials = study.get_trials(deepcopy=False)
    replaced = {trial.user_attrs.get(AGAIN_OF) for trial in trials}
    return [trial for trial in trials if trial.number not in replaced and trial.state.name != "WAITING"]


def _was_ended(trial: Any) -> bool:
    """Whether a kill or Ctrl-C ended a trial."""
    return trial.state.name == "RUNNING" or INTERRUPTED in trial.user_attrs


def finished_losses(study: Any) -> list[float]:
    """The validation losses of the trials that came to their end."""
    return [trial.value for trial in study.trials if trial.state.name == "COMPLETE"]


def rivals_of(trial: Any) -> list[Rival]:
    """What a trial that begins now is held against: all that have ended, or those that it is said to have known."""
    known = trial.user_attrs.get(KNEW)
    return rivals_among(one for one in counted(trial.study) if known is None or one.number in known)


def spent(study: Any) -> float:
    """Seconds in which trials ran so far; those of several that ran side by side count once."""
    ran = [trial for trial in study.trials if SECONDS in trial.user_attrs]
    total, end = 0.0, 0.0
    for start, seconds in sorted((trial.datetime_start.timestamp(), trial.user_attrs[SECONDS]) for trial in ran):
        total += max(0.0, start + seconds - max(start, end))
        end = max(end, start + seconds)
    return total


def keep_best(task: Task, study: Any) -> None:
    """Remove the states of trainings that have ended, but for the best one: its network is made of it again."""
    trials = study.get_trials(deepcopy=False)
    finished = [trial for trial in trials if trial.state.name == "COMPLETE"]
    best = min(finished, key=lambda trial: trial.value, default=None)
    needed = [best] if best else []
    needed += [trial for trial in trials if not trial.state.is_finished()]
    kept = {_settings(trial).kept(task) for trial in needed}
    for path in task.epochs.glob("*.safetensors") if task.epochs else ():
        if path not in kept:
            path.unlink(missing_ok=True)


def _settings(trial: Any) -> Settings:
    """Those of a trial that has begun, or is queued."""
    return Settings(**{**trial.system_attrs.get("fixed_params", {}), **trial.params})


def write_tables(folder: Path, study: Any) -> None:
    """Write trials.csv and importance.csv."""
    import optuna

    names = list(asdict(AUGMENTED))
    columns = ["trial", "state", "valid_loss", ACCURACY, "epochs", SECONDS, *names]
    rows = []
    for number, trial in enumerate(counted(study)):
        reported = trial.intermediate_values
        loss = trial.value if trial.value is not None else min(reported.values(), default="")
        told = trial.user_attrs.get(ACCURACY, ""), len(reported), trial.user_attrs.get(SECONDS, "")
        rows.append([number, trial.state.name, loss, *told, *(trial.params.get(name, "") for name in names)])
    write_csv(folder / "trials.csv", columns, rows)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # Optuna warns, and gives equal shares, where trials are too few
            importance = optuna.importance.get_param_importances(study)
    except (RuntimeError, ValueError, Warning):
        importance = {}
    write_csv(folder / "importance.csv", ["parameter", "importance"], importance.items())
