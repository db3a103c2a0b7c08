"""What Keras is handed for training: batches in its form, and a diary of the epochs."""

import math
import time
from typing import Final

import numpy as np

from tellapart.models.backend import keras
from tellapart.models.time_limit import time_is_over
from tellapart.models.training import Epoch, Watcher, not_finite
from tellapart.photos.batches import Ahead, Batches
from tellapart.progress import Bar

_SOON: Final = 3.0  # seconds: an epoch that ends by then is ended before the user's wish to stop is heeded


class Feed(keras.utils.PyDataset):  # type: ignore[misc]
    """Batches in the form that Keras takes on every backend.

    Args:
        batches: Inputs and class numbers.
        n_classes: How many classes the targets have.
        smoothing: Share of each label that is spread over all classes.
    """

    def __init__(self, batches: Batches | Ahead, n_classes: int, smoothing: float = 0.0) -> None:
        super().__init__()
        self.given: list[float] = []  # when each batch of this epoch was ready
        self._batches = batches
        self._targets = np.eye(n_classes, dtype=np.float32) * (1 - smoothing) + smoothing / n_classes

    def __len__(self) -> int:
        return len(self._batches)

    def __getitem__(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        inputs, labels = self._batches[number]
        self.given.append(time.perf_counter())
        return inputs, self._targets[labels]

    def on_epoch_end(self) -> None:
        """Move on to the next order."""
        self._batches.next_epoch()


class Waiting(keras.callbacks.Callback):  # type: ignore[misc]
    """Adds up how long the network was idle because its next batch was not ready.

    The very first batch is left out: while it is made, the network is built.

    Args:
        feed: Of the training batches, which notes when it gave each.
    """

    def __init__(self, feed: Feed) -> None:
        super().__init__()
        self.seconds = 0.0
        self._feed = feed
        self._idle_since = math.inf
        self._is_built = False

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:  # noqa: ARG002
        """Wait for the first batch from here on."""
        self._feed.given.clear()
        self._idle_since = time.perf_counter() if self._is_built else math.inf
        self._is_built = True

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:  # noqa: ARG002
        """Count what lay between the end of the step before and the batch of this one."""
        given = self._feed.given[batch] if batch < len(self._feed.given) else 0.0  # PyTorch and JAX look at one before
        self.seconds += max(0.0, given - self._idle_since)
        self._idle_since = time.perf_counter()


class Diary(keras.callbacks.Callback):  # type: ignore[misc]
    """Writes down each epoch, moves the bar, and stops on a loss that is not finite.

    Where the user wants to stop, it stops at the end of the batch, or of the epoch where that is near.

    Attributes:
        rows: The epochs so far.
        told_to_stop: Whether the watcher ended training.
        interrupted: Whether the user wants to stop at the end of this epoch.
    """

    def __init__(self, watcher: Watcher, bar: Bar) -> None:
        super().__init__()
        self.rows: list[Epoch] = []
        self.told_to_stop = False
        self.interrupted = False
        self._watcher = watcher
        self._bar = bar
        self._start = self._began = time.perf_counter()
        self._validated = ""

    @property
    def seconds(self) -> float:
        """Since the start of training, without what lay between a kill and `--resume`."""
        return time.perf_counter() - self._start

    def go_on(self, rows: list[Epoch], seconds: float) -> None:
        """Take over the epochs of an earlier process, and ask the watcher about each as it was asked then.

        Args:
            rows: They.
            seconds: That they took, with what came before the first.
        """
        self._start = time.perf_counter() - seconds
        for row in rows:
            self._write_down(row)

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:  # noqa: ARG002
        """Note when it began."""
        self._began = time.perf_counter()

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Show the loss so far, and stop where it is none."""
        logs = logs or {}
        self._check(logs["loss"], "training")
        self._bar.say(f"loss {logs['loss']:.3f} accuracy {logs['accuracy']:.2f}{self._validated}")
        try:
            self._bar.advance()
        except KeyboardInterrupt:
            if self._seconds_to_go(batch) > _SOON:
                raise
            self.interrupted = True

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Write the epoch down, and ask the watcher whether to go on."""
        logs = logs or {}
        self._check(logs["val_loss"], "validation")
        row = Epoch(
            epoch + 1,
            float(logs["loss"]),
            float(logs["accuracy"]),
            float(logs["val_loss"]),
            float(logs["val_accuracy"]),
            self.seconds,
            float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate)),
        )
        self._write_down(row)
        if self.told_to_stop or time_is_over():
            self.told_to_stop = self.model.stop_training = True

    def _write_down(self, row: Epoch) -> None:
        self.rows.append(row)
        self._validated = f" | valid {row.valid_loss:.3f} {row.valid_accuracy:.2f}"
        self.told_to_stop |= bool(self._watcher.after_epoch and self._watcher.after_epoch(row))

    def _seconds_to_go(self, batch: int) -> float:
        """Until the last batch of this epoch is learned from."""
        left = int((self.params or {}).get("steps", 0)) - batch - 1
        return (time.perf_counter() - self._began) / (batch + 1) * left

    def _check(self, loss: float, of_what: str) -> None:
        if not math.isfinite(loss):
            raise not_finite(self._watcher.name, of_what, len(self.rows) + 1)
