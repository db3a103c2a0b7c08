"""Fine-tuning: the last block of a backbone learns together with the head that `bottleneck.py` trained on it."""

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from tellapart.machine import usable_cores
from tellapart.models import networks
from tellapart.models.backend import keras
from tellapart.models.bottleneck import HEAD_DROPOUT, TrainedHead
from tellapart.models.features import (
    Cut,
    Pretrained,
    activations,
    cut,
    load_pretrained,
    photo_to,
    source_for,
)
from tellapart.models.kept_seconds import seconds_of
from tellapart.models.keras_file import keras_head
from tellapart.models.scratch import batches_of, outputs_of, predict
from tellapart.models.task import Task
from tellapart.models.training import History, Plan, train
from tellapart.photos.augment import VARIED, augment
from tellapart.photos.batches import Fetch, pixels_of, rows_of
from tellapart.photos.scan import Photo, digest_of
from tellapart.progress import track

BLOCK_PLAN: Final = Plan(epochs=4, learning_rate=1e-4, patience=4, label_smoothing=0.1, fading=True)
VIEWS: Final = 3  # of each training photo: as it is, and varied twice; six brought no more (docs/LOG.md)
STRENGTH: Final = 1.0


def pretrained_for(task: Task) -> Pretrained:
    """The task's backbone with its weights.

    Raises:
        WeightsError: No backbone or weights were resolved for the task.
    """
    source = source_for(task)
    return load_pretrained(source.backbone, source.spec.size, source.path)


def in_keras(head: TrainedHead) -> TrainedHead:
    """A dense head as a Keras network, with which the last block can learn."""
    return replace(head, network=keras_head(head.network, HEAD_DROPOUT))


def with_head(pretrained: Pretrained, head: Any, *, lower: bool = False) -> Any:
    """The whole network: preprocessing, backbone, pooling (of lower maps, too, or not), head."""
    maps = networks.pooled(pretrained.network, lower=lower)
    return photo_to(pretrained, keras.Model(maps.input, head(maps.output)))


def with_features(pretrained: Pretrained, head: Any) -> Any:
    """The whole network with the pooled features as a second output."""
    maps = networks.pooled(pretrained.network)
    return photo_to(pretrained, keras.Model(maps.input, [head(maps.output), maps.output]))


def train_last_block(task: Task, pretrained: Pretrained, head: TrainedHead, name: str) -> TrainedHead:
    """Train the last block of the backbone and the head, a Keras network, together, at a low learning rate.

    The frozen part below runs once over each of some varied copies of every
    photo; an epoch then costs only the block that learns. Batch norms stay
    frozen. Where no epoch lowers the validation loss, the head's own state stays.
    """
    start = time.perf_counter()
    halves = cut(pretrained, task.cache)
    views = _views(task, pretrained, halves, task.train, VIEWS)
    shown = _views(task, pretrained, halves, task.valid, VIEWS if task.together else 1)
    valid = shown.kept[shown.rows, 0]
    between = time.perf_counter()
    pooled = networks.pooled(halves.upper).output
    network = keras.Model(halves.upper.input, head.network(pooled))
    both = keras.Model(halves.upper.input, [network.output, pooled])
    _unfreeze(halves.upper)
    before = network.get_weights()
    plan = task.capped(BLOCK_PLAN)
    parts = batches_of(task, _any_view(views), rows_of(valid), plan)
    loss_before = _log_loss(predict(both, valid), task.labels(task.valid))
    history = train(network, parts, plan, task.watcher(name, "block"))
    spent = history.found_done
    if history.rows[history.best_epoch - 1].valid_loss >= loss_before:
        network.set_weights(before)
        history = History(history.rows, 0, "no epoch lowered the validation loss of the head")
    (of_train, learned), (of_valid, steered) = (outputs_of(both, part) for part in (views.kept[views.rows, 0], valid))
    found_done = views.found_done + shown.found_done
    seconds = {"features": between - start + found_done, "train": time.perf_counter() - between + spent}
    return TrainedHead(network, history, of_train, of_valid, seconds, (learned, steered), found_done + spent)


def _unfreeze(upper: Any) -> None:
    for operation in upper.operations:
        if isinstance(operation, keras.layers.Layer):
            operation.trainable = not isinstance(operation, keras.layers.BatchNormalization)
    for layer in upper._flatten_layers(include_self=False):  # those inside KerasHub's blocks, too
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.trainable = False


@dataclass(frozen=True)
class _Views:
    """Activations below the cut, (photos, views, rows, columns, channels), view 0 as the photo is; and whose rows.

    `found_done` is as in `task.Fitted`.
    """

    kept: np.ndarray
    rows: np.ndarray
    found_done: float


def share_views(task: Task) -> None:
    """Compute and keep the activations that all rounds of a run take turns with, where they are not kept yet."""
    pretrained = pretrained_for(task)
    _views(task, pretrained, cut(pretrained, task.cache), task.train, VIEWS)


def _views(task: Task, pretrained: Pretrained, halves: Cut, photos: Sequence[Photo], n_views: int) -> _Views:
    """The activations of some photos; where rounds take turns with all photos, those of all are kept at once."""
    together = task.together or photos
    key = digest_of(
        [
            pretrained.source.key,
            halves.layer,
            f"{n_views} {VARIED} {STRENGTH} {task.options.seed}",
            *(p.content for p in together),
        ]
    )

    def pictures() -> Iterator[np.ndarray]:
        with ThreadPoolExecutor(usable_cores()) as pool:
            plain = pixels_of(task.root, together, pretrained.spec)
            for photo, picture in zip(together, plain, strict=True):
                seed = [task.options.seed, int(photo.content[:15], 16)]
                generators = np.random.default_rng(seed).spawn(n_views - 1)
                yield picture
                yield from pool.map(lambda own, shown=picture: augment(shown, own, STRENGTH), generators)

    n_pictures = len(together) * n_views
    told = lambda: track(pictures(), f"Below {halves.layer}", n_pictures, task.progress)  # noqa: E731
    path = task.cache / "activations" / f"{key}.npy"
    start = time.perf_counter()
    kept = activations(halves.lower, told, (n_pictures, *halves.shape), path, task.progress)
    spent = time.perf_counter() - start
    found_done = seconds_of(path.with_suffix(".json"), n_pictures / task.rounds, measured=spent) - spent
    place = {photo.path: number for number, photo in enumerate(together)}
    rows = np.array([place[photo.path] for photo in photos])
    return _Views(kept.reshape(len(together), n_views, *halves.shape), rows, found_done)


def _any_view(views: _Views) -> Fetch:
    def fetch(positions: np.ndarray, generator: np.random.Generator) -> np.ndarray:
        chosen = generator.integers(views.kept.shape[1], size=len(positions))
        return np.asarray(views.kept[views.rows[positions], chosen], dtype=np.float32)

    return fetch


def _log_loss(probabilities: np.ndarray, labels: np.ndarray) -> float:
    return float(-np.log(np.maximum(probabilities[np.arange(len(labels)), labels], 1e-7)).mean())
