"""The one training loop, for every recipe and every tuning trial."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from tellapart.errors import TrainingError
from tellapart.models.backend import keras, uses_accelerator
from tellapart.models.fitting_batches import with_fitting_batches
from tellapart.models.fused import fused_batch_norms
from tellapart.models.precision import bfloat16_steps
from tellapart.models.time_limit import OVER
from tellapart.photos.batches import Ahead, Batches
from tellapart.progress import Progress, Silent

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
        fading: Whether the learning rate follows half a cosine down to 0 over all epochs, after half
            an epoch in which it rises, instead of being halved where the validation loss rests.
    """

    epochs: int
    learning_rate: float = 1e-3
    batch_size: int = 32
    weight_decay: float = 0.0
    patience: int = 8
    label_smoothing: float = 0.0
    fading: bool = False


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
        waited: Seconds that the network waited for photos.
        found_done: Seconds of training that an earlier process spent on it, before it was killed.
        batch_size: Photos a step, where memory was too little for what was planned; else 0.
    """

    rows: tuple[Epoch, ...] = ()
    best_epoch: int = 0
    stopped: str = ""
    phases: tuple[int, ...] = ()
    waited: float = 0.0
    found_done: float = 0.0
    batch_size: int = 0

    def __add__(self, later: "History") -> "History":
        """Join two phases of training; epochs and seconds count on."""
        epochs = len(self.rows)
        seconds = self.rows[-1].seconds if self.rows else 0.0
        moved = tuple(replace(row, epoch=row.epoch + epochs, seconds=row.seconds + seconds) for row in later.rows)
        best = epochs + later.best_epoch if later.best_epoch else self.best_epoch
        waited, done = self.waited + later.waited, self.found_done + later.found_done
        size = later.batch_size or self.batch_size
        return History(self.rows + moved, best, later.stopped, (*self.phases, epochs), waited, done, size)


@dataclass
class Watcher:
    """What a training run tells, and whom it asks whether to go on.

    Attributes:
        name: The recipe, for messages.
        progress: Where the bar is drawn.
        after_epoch: Called with each finished epoch; True ends training there, with the best
            weights so far, and an exception gives it up (pruning).
        kept: The file that keeps the state of this training from time to time, so that one that is killed goes on;
            `after_epoch` is then called again with each epoch that was found. None keeps nothing.
        keeps_end: Whether its end is kept there however short it was: another process makes the network of it.
    """

    name: str
    progress: Progress = field(default_factory=Silent)
    after_epoch: Callable[[Epoch], bool] | None = None
    kept: Path | None = None
    keeps_end: bool = False


def train(network: Any, parts: tuple[Batches, Batches], plan: Plan, watcher: Watcher) -> History:
    """Train a Keras network in place and leave it with its best weights.

    Args:
        network: Ends in class probabilities.
        parts: Training and validation batches.
        plan: Epochs, learning rate and the like.
        watcher: Name, progress bar and the question whether to go on.

    Raises:
        TrainingError: The loss is not finite; the message names recipe and epoch.
        MemoryShortError: Not even batches of one photo fit into memory.
    """
    history: History
    history, size = with_fitting_batches(
        network, parts, watcher.progress, watcher.name, lambda own: _train(network, own, plan, watcher)
    )
    return history if size == parts[0].batch_size else replace(history, batch_size=size)


def _train(network: Any, parts: tuple[Batches, Batches], plan: Plan, watcher: Watcher) -> History:
    # Their base classes are Keras'.
    from tellapart.models.epochs import Diary, Feed, Waiting
    from tellapart.models.keeper import Keeper

    training, validation = parts
    compile_network(network, plan, len(training))
    bar_of = watcher.progress.bar(f"Training {watcher.name}", plan.epochs * len(training))
    with (
        bar_of as bar,
        Ahead(training, _n_ahead()) as ahead,
        fused_batch_norms(network),
        bfloat16_steps(network) as turning,
    ):
        diary = Diary(watcher, bar)
        feed = Feed(ahead, network.output_shape[-1], plan.label_smoothing)
        waiting = Waiting(feed)
        stopper = keras.callbacks.EarlyStopping(monitor="val_loss", patience=plan.patience, restore_best_weights=True)
        counting = [stopper, *_easing(plan)]
        keeper = Keeper(watcher, parts, plan, (diary, waiting, counting))
        ended = keeper.look(network)
        if ended:
            return ended
        done, found_done = len(diary.rows), diary.seconds if diary.rows else 0.0
        bar.advance(done * len(training))
        network.fit(
            feed,
            validation_data=Feed(validation, network.output_shape[-1]),
            initial_epoch=done,
            epochs=done if diary.told_to_stop else plan.epochs,
            class_weight=class_weights(training.labels),
            callbacks=[*turning, waiting, diary, *reversed(counting), keeper],
            verbose=0,
        )
        best = min(diary.rows, key=lambda row: row.valid_loss)
        stopped = _why(diary.told_to_stop, stopper, plan)
        history = History(tuple(diary.rows), best.epoch, stopped, (), waiting.seconds, found_done)
        keeper.end(network, history)
    return history


def _n_ahead() -> int:
    """How many batches are made while the network learns: none where both need the same cores.

    A step waits for the slowest of its threads: another one beside them costs more than the batch (docs/LOG.md).
    """
    return 2 if uses_accelerator() else 0


def _easing(plan: Plan) -> list[Any]:
    """What halves the learning rate where the validation loss rests, if the plan has it so."""
    patience = max(2, plan.patience // 3)
    halving = {"factor": 0.5, "patience": patience, "min_lr": plan.learning_rate / 100}
    return [] if plan.fading else [keras.callbacks.ReduceLROnPlateau(monitor="val_loss", **halving)]


def _why(told_to_stop: bool, stopper: Any, plan: Plan) -> str:
    if told_to_stop:
        return OVER
    return f"no lower validation loss for {plan.patience} epochs" if stopper.stopped_epoch else "all epochs done"


def compile_network(network: Any, plan: Plan, n_batches: int = 1) -> None:
    """Compile for training: AdamW, cross-entropy; without XLA on TensorFlow, 20 % faster on a CPU.

    Args:
        network: Ends in class probabilities.
        plan: Gives the learning rate and how it falls.
        n_batches: Steps an epoch, over which a fading learning rate falls.
    """
    rate: Any = plan.learning_rate
    if plan.fading:
        rising = n_batches // 2
        steps = max(1, plan.epochs * n_batches - rising)
        rate = keras.optimizers.schedules.CosineDecay(rate / 10, steps, warmup_target=rate, warmup_steps=rising)
    network.compile(
        optimizer=keras.optimizers.AdamW(rate, weight_decay=plan.weight_decay),
        loss="categorical_crossentropy",
        metrics=["accuracy"],
        jit_compile=keras.backend.backend() == "jax",
    )


def not_finite(name: str, of_what: str, epoch: int) -> TrainingError:
    """The error of a recipe whose training or validation loss is not finite in an epoch."""
    return TrainingError(
        f"{name}: the {of_what} loss is not finite in epoch {epoch}. "
        "Next: run again without this recipe (--recipes), or with another --seed."
    )


def class_weights(labels: np.ndarray) -> dict[int, float] | None:
    """Weights that let every class count alike, or None where the classes are about equal."""
    numbers, counts = np.unique(labels, return_counts=True)
    if counts.max() <= IMBALANCE * counts.min():
        return None
    weights = len(labels) / (len(counts) * counts)
    return {int(number): float(weight) for number, weight in zip(numbers, weights, strict=True)}
