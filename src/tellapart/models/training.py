"""The one training loop, for every recipe and every tuning trial."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np

from tellapart.errors import TrainingError
from tellapart.models.backend import keras
from tellapart.photos.batches import Batches
from tellapart.progress import Bar, Progress, Silent

# The loss is weighted where the largest class has over 1.5 times the photos of the smallest.
IMBALANCE: Final = 1.5


@dataclass(frozen=True)
class Plan:
    """How a network is trained.

    Attributes:
        epochs: At most so many.
        learning_rate: Of Adam, at the start; halved whenever the validation loss rests.
        batch_size: Photos a step.
        weight_decay: Decoupled, as in AdamW; 0 for plain Adam.
        patience: Epochs without a better validation loss before training stops.
        label_smoothing: Share of each training label that is spread over all classes;
            validation labels stay as they are.
    """

    epochs: int
    learning_rate: float = 1e-3
    batch_size: int = 32
    weight_decay: float = 0.0
    patience: int = 8
    label_smoothing: float = 0.0


@dataclass(frozen=True)
class Epoch:
    """One row of history.csv; `seconds` counts from the start of training."""

    epoch: int
    loss: float
    accuracy: float
    valid_loss: float
    valid_accuracy: float
    seconds: float
    learning_rate: float


@dataclass(frozen=True)
class History:
    """What training left behind.

    Attributes:
        rows: One an epoch.
        best_epoch: The epoch whose weights were kept; 0 for those before the first.
        stopped: Why it ended.
        phases: The last epoch of each phase before the last one.
    """

    rows: tuple[Epoch, ...] = ()
    best_epoch: int = 0
    stopped: str = ""
    phases: tuple[int, ...] = ()

    def __add__(self, later: "History") -> "History":
        """Join two phases of training; epochs and seconds count on."""
        epochs = len(self.rows)
        seconds = self.rows[-1].seconds if self.rows else 0.0
        moved = tuple(replace(row, epoch=row.epoch + epochs, seconds=row.seconds + seconds) for row in later.rows)
        best = epochs + later.best_epoch if later.best_epoch else self.best_epoch
        return History(self.rows + moved, best, later.stopped, (*self.phases, epochs))


@dataclass
class Watcher:
    """What a training run tells, and whom it asks whether to go on.

    Attributes:
        name: The recipe, for messages.
        progress: Where the bar is drawn.
        after_epoch: Called with each finished epoch; True ends training there, with the best
            weights so far, and an exception gives it up (pruning).
    """

    name: str
    progress: Progress = field(default_factory=Silent)
    after_epoch: Callable[[Epoch], bool] | None = None


def train(network: Any, parts: tuple[Batches, Batches], plan: Plan, watcher: Watcher) -> History:
    """Train a Keras network in place and leave it with its best weights.

    Args:
        network: Ends in class probabilities.
        parts: Training and validation batches.
        plan: Epochs, learning rate and the like.
        watcher: Name, progress bar and the question whether to go on.

    Raises:
        TrainingError: The loss is not finite; the message names recipe and epoch.
    """
    training, validation = parts
    compile_network(network, plan)
    with watcher.progress.bar(f"Training {watcher.name}", plan.epochs * len(training)) as bar:
        diary = _Diary(watcher, bar)
        stopper = keras.callbacks.EarlyStopping(monitor="val_loss", patience=plan.patience, restore_best_weights=True)
        easing = keras.callbacks.ReduceLROnPlateau(
            monitor="val_loss",
            factor=0.5,
            patience=max(2, plan.patience // 3),
            min_lr=plan.learning_rate / 100,
        )
        network.fit(
            _Feed(training, network.output_shape[-1], plan.label_smoothing),
            validation_data=_Feed(validation, network.output_shape[-1]),
            epochs=plan.epochs,
            class_weight=class_weights(training.labels),
            callbacks=[diary, easing, stopper],
            verbose=0,
        )
    best = min(diary.rows, key=lambda row: row.valid_loss)
    return History(tuple(diary.rows), best.epoch, _why(diary.told_to_stop, stopper, plan))


def _why(told_to_stop: bool, stopper: Any, plan: Plan) -> str:
    if told_to_stop:
        return "the time was over"
    return f"no lower validation loss for {plan.patience} epochs" if stopper.stopped_epoch else "all epochs done"


def compile_network(network: Any, plan: Plan) -> None:
    """Compile for training: AdamW, cross-entropy; without XLA on TensorFlow, 20 % faster on a CPU."""
    network.compile(
        optimizer=keras.optimizers.AdamW(plan.learning_rate, weight_decay=plan.weight_decay),
        loss="categorical_crossentropy",
        metrics=["accuracy"],
        jit_compile=keras.backend.backend() == "jax",
    )


def class_weights(labels: np.ndarray) -> dict[int, float] | None:
    """Weights that let every class count alike, or None where the classes are about equal."""
    numbers, counts = np.unique(labels, return_counts=True)
    if counts.max() <= IMBALANCE * counts.min():
        return None
    weights = len(labels) / (len(counts) * counts)
    return {int(number): float(weight) for number, weight in zip(numbers, weights, strict=True)}


class _Feed(keras.utils.PyDataset):  # type: ignore[misc]
    """Batches in the form that Keras takes on every backend."""

    def __init__(self, batches: Batches, n_classes: int, smoothing: float = 0.0) -> None:
        super().__init__()
        self._batches = batches
        self._targets = np.eye(n_classes, dtype=np.float32) * (1 - smoothing) + smoothing / n_classes

    def __len__(self) -> int:
        return len(self._batches)

    def __getitem__(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        inputs, labels = self._batches[number]
        return inputs, self._targets[labels]

    def on_epoch_end(self) -> None:
        self._batches.next_epoch()


class _Diary(keras.callbacks.Callback):  # type: ignore[misc]
    """Writes down each epoch, moves the bar, and stops on a loss that is not finite."""

    def __init__(self, watcher: Watcher, bar: Bar) -> None:
        super().__init__()
        self.rows: list[Epoch] = []
        self.told_to_stop = False
        self._watcher = watcher
        self._bar = bar
        self._start = time.perf_counter()
        self._validated = ""

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:  # noqa: ARG002
        logs = logs or {}
        self._check(logs["loss"], "training")
        self._bar.say(f"loss {logs['loss']:.3f} accuracy {logs['accuracy']:.2f}{self._validated}")
        self._bar.advance()

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        logs = logs or {}
        self._check(logs["val_loss"], "validation")
        row = Epoch(
            epoch + 1,
            float(logs["loss"]),
            float(logs["accuracy"]),
            float(logs["val_loss"]),
            float(logs["val_accuracy"]),
            time.perf_counter() - self._start,
            float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate)),
        )
        self.rows.append(row)
        self._validated = f" | valid {row.valid_loss:.3f} {row.valid_accuracy:.2f}"
        if self._watcher.after_epoch and self._watcher.after_epoch(row):
            self.told_to_stop = self.model.stop_training = True

    def _check(self, loss: float, of_what: str) -> None:
        if not math.isfinite(loss):
            raise TrainingError(
                f"{self._watcher.name}: the {of_what} loss is not finite in epoch {len(self.rows) + 1}. "
                "Next: run again without this recipe (--recipes), or with another --seed."
            )
