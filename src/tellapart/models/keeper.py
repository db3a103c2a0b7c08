"""What keeps the state of a training while it goes on, and brings it back where its process was killed.

A state is everything that the epochs to come depend on: weights with the counters of dropout's chance, Adam's moments,
the best weights so far, how long no epoch was better, and Python's source of chance. Orders and augmentations follow
from the number of the epoch. What comes after is then the same as if nothing had happened.
"""

import time
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version
from typing import Any, Final

import numpy as np

from tellapart.models.backend import keras
from tellapart.models.epochs import Diary, Waiting
from tellapart.models.training import Epoch, History, Plan, Watcher
from tellapart.models.training_state import TrainingState, chance, read_state, set_chance, worth_saving, write_state
from tellapart.photos.batches import Batches
from tellapart.photos.scan import digest_of
from tellapart.version import VERSION

_COUNTERS: Final = ("wait", "best", "best_epoch", "stopped_epoch", "cooldown_counter")


class Keeper(keras.callbacks.Callback):  # type: ignore[misc]
    """Saves the state of a training at the end of an epoch, where the epochs since are worth it.

    It comes last of all callbacks: what they did at the end of the epoch belongs to it.

    Args:
        watcher: Names the file; without one nothing is kept.
        parts: Training and validation batches.
        plan: How the network is trained.
        callbacks: The diary, what counts the waiting, and what has counters of its own: first what stops early.
    """

    def __init__(
        self, watcher: Watcher, parts: tuple[Batches, Batches], plan: Plan, callbacks: tuple[Diary, Waiting, list[Any]]
    ) -> None:
        super().__init__()
        self._watcher = watcher
        self._parts = parts
        self._plan = plan
        self._diary, self._waiting, self._counting = callbacks
        self._signature = ""
        self._found: TrainingState | None = None
        self._saved = time.perf_counter()
        self._cost = 0.0

    def look(self, network: Any) -> History | None:
        """Look for a state that an earlier process left, and let diary and watcher know its epochs.

        Returns:
            How that training went, where it had come to its end; the network then has its weights.
        """
        if self._watcher.kept is None:
            return None
        self._signature = _signature(network, self._parts, self._plan)
        found = read_state(self._watcher.kept, self._signature)
        if found is None:
            return None
        rows = [Epoch(**row) for row in found.told["rows"]]
        self._diary.go_on(rows, found.told["seconds"])
        self._waiting.seconds = found.told["waited"]
        if "ended" in found.told:
            _assign(network.variables, found.arrays["network"])
            set_chance(found.chance)
            ended = found.told["ended"]
            seconds = found.told["seconds"]
            return History(tuple(rows), ended["best_epoch"], ended["stopped"], (), found.told["waited"], seconds)
        self._found = found
        return None

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:  # noqa: ARG002
        """Bring back what was found, after the other callbacks have set their counters to nothing."""
        self._saved = time.perf_counter()
        if self._found is None:
            return
        found, self._found = self._found, None
        if not self.model.optimizer.built:
            self.model.optimizer.build(self.model.trainable_variables)
        _assign(self.model.variables, found.arrays["network"])
        _assign(self.model.optimizer.variables, found.arrays["optimizer"])
        for callback, counters in zip(self._counting, found.told["counters"], strict=True):
            vars(callback).update(counters)
        self._counting[0].best_weights = found.arrays["best"]
        self._parts[0].epoch = found.told["dealt"]
        set_chance(found.chance)

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:  # noqa: ARG002
        """Save where that is worth it, or where the user wants to stop, and then stop."""
        if self.model.stop_training:
            return  # `end` comes next
        if self._diary.interrupted or worth_saving(self._saved, self._cost):
            counters = [
                {name: _plain(value) for name, value in vars(callback).items() if name in _COUNTERS}
                for callback in self._counting
            ]
            self._save(
                {"counters": counters, "dealt": self._parts[0].epoch},
                {
                    "network": _arrays(self.model.variables),
                    "optimizer": _arrays(self.model.optimizer.variables),
                    "best": [np.asarray(array) for array in self._counting[0].best_weights],
                },
            )
        if self._diary.interrupted:
            raise KeyboardInterrupt

    def end(self, network: Any, history: History) -> None:
        """Save how it ended, where the epochs since the last time are worth it, or the watcher asks for it."""
        if self._diary.interrupted or self._watcher.keeps_end or worth_saving(self._saved, self._cost):
            ended = {"best_epoch": history.best_epoch, "stopped": history.stopped}
            self._save({"ended": ended}, {"network": _arrays(network.variables)})

    def _save(self, told: dict[str, Any], arrays: dict[str, list[np.ndarray]]) -> None:
        if self._watcher.kept is None:
            return
        start = time.perf_counter()
        rows = [asdict(row) for row in self._diary.rows]
        told |= {"rows": rows, "seconds": self._diary.seconds, "waited": self._waiting.seconds}
        write_state(self._watcher.kept, self._signature, TrainingState(told, arrays, chance()))
        self._saved = time.perf_counter()
        self._cost = self._saved - start


def _signature(network: Any, parts: tuple[Batches, Batches], plan: Plan) -> str:
    """What a training depends on that its run folder does not fix, or a new version may change."""
    shapes = [str(tuple(variable.shape)) for variable in network.variables]
    labels = [part.labels.tobytes().hex() for part in parts]
    sizes = [str(part.batch_size) for part in parts]  # not the plan's, where memory was too little for those
    made_by = [VERSION, keras.backend.backend(), version("keras")]
    return digest_of([*made_by, repr(plan), str(parts[0].seed), *sizes, *labels, *shapes])


def _arrays(variables: Sequence[Any]) -> list[np.ndarray]:
    return [np.array(keras.ops.convert_to_numpy(variable)) for variable in variables]


def _assign(variables: Sequence[Any], arrays: Sequence[np.ndarray]) -> None:
    for variable, array in zip(variables, arrays, strict=True):
        variable.assign(array)


def _plain(value: Any) -> float | int | None:
    """A counter as JSON takes it; float32 becomes the float64 of the same value."""
    return value if value is None or isinstance(value, int) else float(value)
