"""One trial of a search, in any process: a pure function from its settings and rivals to its epochs and network."""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from tellapart.climb import forget_networks
from tellapart.errors import TrainingError
from tellapart.files import take_folder
from tellapart.models.halving import Rival, cost_of, is_behind
from tellapart.models.search_space import Settings
from tellapart.models.task import Fitted, Options
from tellapart.models.task import Task as Training
from tellapart.models.time_limit import OVER
from tellapart.models.training import Epoch, Watcher
from tellapart.scale.parcel import pack
from tellapart.scale.tasks import Made, Shared, Task
from tellapart.storage import removed
from tellapart.training_plan import photo_of
from tellapart.training_tasks import plan_for, workshop

CACHE: Final = "cache"  # of a parcel
PARTS: Final = ("train", "valid")
TOLD, STATE = "trial.json", "state.safetensors"
COMPLETE, PRUNED, FAILED = "COMPLETE", "PRUNED", "FAIL"  # as Optuna calls them


class _BehindError(Exception):
    """A trial is in the worse half at a rung."""


def run_trial(task: Task, shared: Shared) -> Made:
    """Make one trial.

    Args:
        task: Inputs `settings`; `rivals`, the losses of trials that had ended when it began; `left`, seconds until
            the search's time is over, or `until`, the time of day then, where the clock is the same; `plan`, the
            SHA-256 of what is shared, and `parcel`, the same where that is a parcel.
        shared: The plan of the search, by itself or in a parcel.

    Returns:
        `trial.json`: `state`, `rows` (its epochs without their times), `valid_loss` and `valid_accuracy` of the best
        one, `cut_off`, `error`; and where none of its rivals is better `state.safetensors`, of which its network can
        be made. All but the times in there follows from the inputs, unless the time cut it off.
    """
    asked = task.inputs
    plan, place = plan_for(asked["parcel"], shared)
    left = asked["left"] if asked["until"] is None else asked["until"] - time.time()
    rivals = [_rival(one) for one in asked["rivals"]]
    cache = place / CACHE if place else Path(plan["cache"])
    with _epochs_of(plan, cache) as folder:
        training = _training(plan, cache, folder)
        told, state = _tried(
            Settings(**asked["settings"]), training, plan["size"], (rivals, time.perf_counter() + left)
        )
    forget_networks()
    files = [(TOLD, json.dumps(told).encode())]
    return Made(pack([*files, (STATE, state)] if state else files))


def _tried(
    settings: Settings, training: Training, size: int, held: tuple[Sequence[Rival], float]
) -> tuple[dict[str, Any], bytes | None]:
    """Train with some settings, held against rivals until a moment."""
    rivals, deadline = held
    rows: list[Epoch] = []

    def after_epoch(epoch: Epoch) -> bool:
        rows.append(epoch)
        if is_behind({row.epoch: row.valid_loss for row in rows}, rivals, cost_of(asdict(settings))):
            raise _BehindError
        return time.perf_counter() > deadline

    told: dict[str, Any] = {"state": COMPLETE, "error": "", "cut_off": False}
    state = None
    try:
        fitted = settings.fit(training, "tuned", size, Watcher("tuned", training.progress, after_epoch, keeps_end=True))
        _refuse_smaller_batches(fitted)
    except _BehindError:
        told["state"] = PRUNED
    except TrainingError as problem:
        told |= {"state": FAILED, "error": str(problem)}
    else:
        best = fitted.history.rows[fitted.history.best_epoch - 1]
        told |= {name: getattr(best, name) for name in ("valid_loss", "valid_accuracy")}
        told["cut_off"] = fitted.history.stopped == OVER
        path = settings.kept(training)
        is_best = all(best.valid_loss <= min(rival.losses.values()) for rival in rivals if rival.finished)
        state = path.read_bytes() if is_best and path and path.is_file() else None
    told["rows"] = [{name: value for name, value in asdict(row).items() if name != "seconds"} for row in rows]
    return told, state


def _refuse_smaller_batches(fitted: Fitted) -> None:
    """Smaller batches make another training, whose network the process that asks could not make of its state."""
    if fitted.history.batch_size:
        raise TrainingError(
            "tuned: a trial's batches did not fit into the memory of its worker, and it counts as failed. "
            "Next: fewer --workers"
        )


def _rival(told: Mapping[str, Any]) -> Rival:
    return Rival(told["finished"], {int(epoch): loss for epoch, loss in told["losses"].items()}, told["cost"])


@contextmanager
def _epochs_of(plan: Mapping[str, Any], cache: Path) -> Iterator[Path]:
    """Give the folder that keeps the state of the training.

    Where its disk is seen that of the run, so that a trial whose process was killed goes on; else one of its own.
    """
    if plan["epochs"]:
        if not Path(plan["epochs"]).is_dir():
            raise removed(Path(plan["epochs"]))
        yield take_folder(Path(plan["epochs"]))
        return
    with workshop(cache) as folder:
        yield folder


def _training(plan: Mapping[str, Any], cache: Path, epochs: Path) -> Training:
    train, valid = (tuple(photo_of(row) for row in plan[part]) for part in PARTS)
    options, classes = Options(**plan["options"]), tuple(plan["classes"])
    return Training(Path(plan["root"]), classes, train, valid, options, epochs, cache, epochs=epochs)
