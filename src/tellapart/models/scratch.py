"""Training from scratch on photos, shared by the recipes that do so."""

import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Final

import numpy as np

from tellapart.models.backend import keras
from tellapart.models.task import Fitted, Task
from tellapart.models.training import Plan, Watcher, train
from tellapart.out_of_memory import in_halves
from tellapart.photos.augment import augment_batch
from tellapart.photos.batches import Batches, Fetch, decoded, rows_of
from tellapart.photos.pixels import PixelSpec
from tellapart.photos.scan import Photo

VALIDATION_BATCH = 64
# Memory: Python with a training framework; activations as multiples of a float32 photo; photos a batch, forward and
# back.
WITH_KERAS: Final = 900e6
_ACTIVATIONS: Final = 6
_LEARNING: Final = 32 * 2


def memory_of(size: int) -> float:
    """About how many bytes a process takes that trains a network from scratch on photos of so many pixels."""
    return WITH_KERAS + _LEARNING * _ACTIVATIONS * 3 * 4 * size**2


def fit_from_scratch(task: Task, network: Any, plan: Plan, watcher: Watcher, *, strength: float = 0.0) -> Fitted:
    """Train a network from photos to probabilities on the photos of a task.

    Args:
        task: Photos and settings.
        network: Untrained, from photos (n, size, size, 3), 0 to 255.
        plan: How it is trained.
        watcher: Its name gives the recipe's.
        strength: Of the augmentation; 0 for none.
    """
    spec = PixelSpec(network.input_shape[1], scaling="-1 to 1")
    pixels = [pixels_for(task, photos, spec) for photos in (task.train, task.valid)]
    fetch = augmented(pixels[0], strength) if strength else rows_of(pixels[0])
    start = time.perf_counter()
    history = train(network, batches_of(task, fetch, rows_of(pixels[1]), plan), plan, watcher)
    seconds = time.perf_counter() - start
    return Fitted(
        watcher.name,
        network,
        spec,
        history,
        predict(network, pixels[0]),
        predict(network, pixels[1]),
        {"features": 0.0, "train": seconds + history.found_done},
        trainable_parameters(network),
        hyperparameters={**asdict(plan), "augmentation": strength},
        found_done=history.found_done,
    )


def batches_of(task: Task, train: Fetch, valid: Fetch, plan: Plan) -> tuple[Batches, Batches]:
    """The training and validation batches of a task, from what gives their inputs."""
    return (
        Batches(train, task.labels(task.train), plan.batch_size, task.options.seed),
        Batches(valid, task.labels(task.valid), VALIDATION_BATCH, 0, shuffle=False),
    )


def pixels_for(task: Task, photos: Sequence[Photo], spec: PixelSpec) -> np.ndarray:
    """The photos of a task at a network's size, (photos, size, size, 3), uint8."""
    return decoded(task.root, photos, spec, cache=task.cache, progress=task.progress)


def augmented(pixels: np.ndarray, strength: float) -> Fetch:
    """A fetch that gives photos anew varied each time, as float32."""

    def fetch(positions: np.ndarray, generator: np.random.Generator) -> np.ndarray:
        return augment_batch(pixels[positions], generator, strength)

    return fetch


def predict(network: Any, inputs: np.ndarray) -> np.ndarray:
    """Probabilities (n, classes) of a Keras network, float32, some inputs at a time."""
    return outputs_of(network, inputs)[0]


def outputs_of(network: Any, inputs: np.ndarray) -> list[np.ndarray]:
    """Every output of a Keras network, float32, some inputs at a time."""

    def run(batch: np.ndarray) -> list[np.ndarray]:
        found = network.predict_on_batch(np.asarray(batch, dtype=np.float32))
        return [keras.ops.convert_to_numpy(one) for one in ([found] if len(network.outputs) == 1 else found)]

    some = (inputs[start : start + VALIDATION_BATCH] for start in range(0, len(inputs), VALIDATION_BATCH))
    answers = [in_halves(run, batch, _joined) for batch in some]
    return [np.concatenate(part) for part in zip(*answers, strict=True)]


def _joined(first: list[np.ndarray], second: list[np.ndarray]) -> list[np.ndarray]:
    return [np.concatenate(pair) for pair in zip(first, second, strict=True)]


def trainable_parameters(network: Any) -> int:
    """How many numbers training adjusts."""
    return int(sum(np.prod(weight.shape) for weight in network.trainable_weights))
