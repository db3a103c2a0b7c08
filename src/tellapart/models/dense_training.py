"""The training of a dense head: the same plan, counters, history and kept state as those of Keras' networks."""

import math
import time
from dataclasses import asdict, dataclass, field
from typing import Any, Final

import numpy as np

from tellapart.models.dense import Adam, DenseHead, slopes
from tellapart.models.time_limit import OVER, time_is_over
from tellapart.models.training import Epoch, History, Plan, Watcher, class_weights, not_finite
from tellapart.models.training_state import TrainingState, chance, read_state, worth_saving, write_state
from tellapart.photos.batches import Batches
from tellapart.photos.scan import digest_of
from tellapart.progress import Bar
from tellapart.version import VERSION

_MEASURABLE: Final = 1e-4  # by so much a validation loss has to be lower before the learning rate is left as it is
# Of `Counts`, what JSON takes.
_PLAIN: Final = ("rate", "best", "best_epoch", "waiting", "lowest", "resting", "waited")
_GROUPS: Final = ("network", "optimizer", "best")  # of the arrays in the file of a state


@dataclass
class Counts:
    """All that the epochs to come depend on.

    `best` and `waiting` are early stopping's, `lowest` and `resting` those of the learning rate.
    """

    rate: float
    head: DenseHead
    adam: Adam
    kept_arrays: tuple[np.ndarray, ...]
    rows: list[Epoch] = field(default_factory=list)
    best: float = math.inf
    best_epoch: int = 0
    waiting: int = 0
    lowest: float = math.inf
    resting: int = 0
    waited: float = 0.0
    seconds: float = 0.0  # of the processes before

    def judge(self, loss: float, plan: Plan) -> bool:
        """Count an epoch of this validation loss; whether training has rested for too long."""
        if loss < self.lowest - _MEASURABLE:
            self.lowest, self.resting = loss, 0
        else:
            self.resting += 1
            if self.resting >= max(2, plan.patience // 3):
                self.rate, self.resting = max(self.rate / 2, plan.learning_rate / 100), 0
        self.waiting += 1
        if loss < self.best:
            self.best, self.best_epoch, self.waiting = loss, len(self.rows), 0
            self.kept_arrays = tuple(array.copy() for array in self.head.arrays)
        return self.waiting >= plan.patience


class DenseTraining:
    """Trains a head in place; only once.

    Args:
        head: Before training; what it holds afterwards are the weights of the last epoch.
        parts: Training and validation batches of features.
        plan: Epochs, learning rate, patience, size of batches; nothing else of it is heeded.
        dropout: Share of the hidden units that is dropped.
        watcher: Name, progress bar, where the state is kept, and the question whether to go on.
    """

    def __init__(
        self, head: DenseHead, parts: tuple[Batches, Batches], plan: Plan, dropout: float, watcher: Watcher
    ) -> None:
        self._training, self._validation = parts
        self._plan, self._dropout, self._watcher = plan, dropout, watcher
        self._at = Counts(plan.learning_rate, head, Adam(head.arrays), head.arrays)
        weighted = class_weights(self._training.labels)
        numbers = range(int(self._training.labels.max()) + 1)
        self._counting = np.array([(weighted or {}).get(number, 1.0) for number in numbers], np.float32)
        shapes = [str(array.shape) for array in head.arrays]
        labels = [part.labels.tobytes().hex() for part in parts]
        self._signature = digest_of([VERSION, repr(plan), str(dropout), str(self._training.seed), *labels, *shapes])
        self._saved, self._cost = time.perf_counter(), 0.0

    def run(self) -> tuple[DenseHead, History]:
        """Train, from a state that an earlier process kept where there is one.

        Returns:
            The weights of the best epoch, and how it went.

        Raises:
            TrainingError: The loss is not finite; the message names recipe and epoch.
            KeyboardInterrupt: The user wants to stop; the epoch is finished and kept.
        """
        why = self._found()
        self._began = time.perf_counter() - self._at.seconds
        found_done, n_steps = self._at.seconds, len(self._training)
        with self._watcher.progress.bar(f"Training {self._watcher.name}", self._plan.epochs * n_steps) as bar:
            bar.advance(len(self._at.rows) * n_steps)
            while not why:
                why = self._epoch(bar)
        at = self._at
        return DenseHead(at.kept_arrays), History(
            tuple(at.rows), at.best_epoch, why, waited=at.waited, found_done=found_done
        )

    def _epoch(self, bar: Bar) -> str:
        """Train for an epoch; why that was the last one, or nothing."""
        at, number = self._at, len(self._at.rows)
        rate = at.rate
        loss, accuracy = self._steps(number)
        self._check(loss, "training")
        valid_loss, valid_accuracy = self._validated()
        self._check(valid_loss, "validation")
        row = Epoch(number + 1, loss, accuracy, valid_loss, valid_accuracy, time.perf_counter() - self._began, rate)
        at.rows.append(row)
        rested = at.judge(valid_loss, self._plan)
        told_to_stop = bool(self._watcher.after_epoch and self._watcher.after_epoch(row)) or time_is_over()
        why = self._why(rested=rested, told_to_stop=told_to_stop)
        bar.say(f"loss {loss:.3f} accuracy {accuracy:.2f} | valid {valid_loss:.3f} {valid_accuracy:.2f}")
        try:
            bar.advance(len(self._training))
        except KeyboardInterrupt:
            self._save(why)
            raise
        if worth_saving(self._saved, self._cost):
            self._save(why)
        return why

    def _why(self, *, rested: bool, told_to_stop: bool) -> str:
        if told_to_stop:
            return OVER
        if rested:
            return f"no lower validation loss for {self._plan.patience} epochs"
        return "all epochs done" if len(self._at.rows) >= self._plan.epochs else ""

    def _steps(self, epoch: int) -> tuple[float, float]:
        """Go once through the training photos; mean loss and accuracy on the way."""
        at, labels_seen = self._at, len(self._training.labels)
        masks = np.random.default_rng([self._training.seed, epoch, len(self._training)])
        loss = right = 0.0
        for number in range(len(self._training)):
            start = time.perf_counter()
            inputs, labels = self._training.of_epoch(epoch, number)
            at.waited += time.perf_counter() - start
            counting = self._counting[labels]
            drawn = masks.random((len(labels), at.head.arrays[1].size), np.float32)
            kept = (drawn >= self._dropout) / np.float32(1 - self._dropout)
            logs, found = slopes(at.head, inputs, labels, counting, kept)
            at.adam.step(at.head, found, at.rate)
            loss -= float(counting @ logs[np.arange(len(labels)), labels])
            right += float((logs.argmax(axis=1) == labels).sum())
        return loss / labels_seen, right / labels_seen

    def _validated(self) -> tuple[float, float]:
        loss = right = 0.0
        for number in range(len(self._validation)):
            inputs, labels = self._validation[number]
            logs = self._at.head.logs(inputs)
            loss -= float(logs[np.arange(len(labels)), labels].sum())
            right += float((logs.argmax(axis=1) == labels).sum())
        return loss / len(self._validation.labels), right / len(self._validation.labels)

    def _check(self, loss: float, of_what: str) -> None:
        if not math.isfinite(loss):
            raise not_finite(self._watcher.name, of_what, len(self._at.rows) + 1)

    def _save(self, why: str) -> None:
        if self._watcher.kept is None:
            return
        start, at = time.perf_counter(), self._at
        told: dict[str, Any] = {name: getattr(at, name) for name in _PLAIN}
        told |= {"steps": at.adam.steps, "rows": [asdict(row) for row in at.rows], "why": why}
        told["seconds"] = start - self._began
        arrays = (list(at.head.arrays), at.adam.arrays, list(at.kept_arrays))
        state = TrainingState(told, dict(zip(_GROUPS, arrays, strict=True)), chance())
        write_state(self._watcher.kept, self._signature, state)
        self._saved = time.perf_counter()
        self._cost = self._saved - start

    def _found(self) -> str:
        """Go on from what was kept, and let the watcher know its epochs; why it had ended, or nothing."""
        found = read_state(self._watcher.kept, self._signature) if self._watcher.kept else None
        if found is None:
            return ""
        at = self._at
        for name in (*_PLAIN, "seconds"):
            setattr(at, name, found.told[name])
        at.adam.steps = found.told["steps"]
        network, at.adam.arrays, best = ([array.copy() for array in found.arrays[name]] for name in _GROUPS)
        at.head, at.kept_arrays = DenseHead(tuple(network)), tuple(best)
        at.rows = [Epoch(**row) for row in found.told["rows"]]
        told_to_stop = [self._watcher.after_epoch(row) for row in at.rows] if self._watcher.after_epoch else []
        return OVER if any(told_to_stop) else str(found.told["why"])
