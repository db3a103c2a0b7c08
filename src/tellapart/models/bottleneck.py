"""The dense head on a frozen backbone: the recipe `bottleneck`, and the first half of `finetuned`; no Keras is used."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import numpy as np

from tellapart.models.backbone_file import backbone_onnx
from tellapart.models.dense import fresh_head
from tellapart.models.dense_training import DenseTraining
from tellapart.models.features import Source, features_for, source_for
from tellapart.models.head_file import written
from tellapart.models.keras_file import write_keras_file
from tellapart.models.networks import HEAD_UNITS
from tellapart.models.probe import one_thread
from tellapart.models.scratch import batches_of
from tellapart.models.task import Features, Fitted, Task
from tellapart.models.training import History, Plan
from tellapart.photos.batches import rows_of

HEAD_PLAN: Final = Plan(epochs=60, patience=10)
# Of equal accuracy on held-out photos (docs/LOG.md), and a third less time; fewer photos would make too few steps.
LARGE_BATCH: Final = 128
_MANY: Final = 4 * LARGE_BATCH
HEAD_DROPOUT: Final = 0.5


@dataclass(frozen=True)
class TrainedHead:
    """A head on pooled features, what it gives for training and validation photos, and these features.

    `network` is a DenseHead; once Keras goes on with it, a Keras network. `seconds` and `found_done` are those of
    `task.Fitted`.
    """

    network: Any
    history: History
    train: np.ndarray
    valid: np.ndarray
    seconds: dict[str, float]
    features: tuple[np.ndarray, np.ndarray]
    found_done: float


def fit_bottleneck(task: Task) -> Fitted:
    """The recipe `bottleneck`: the head on the backbone, written as one network."""
    source = source_for(task)
    head = train_head(task, source, "bottleneck", lower=True)
    backbone = backbone_onnx(source.backbone, source.spec.size, source.path, task.cache)

    def keras_file(path: Path) -> None:
        write_keras_file(path, source, head.network, HEAD_DROPOUT, task.cache)

    return Fitted(
        "bottleneck",
        written(backbone, head.network, keras_file if find_spec("keras") else None),
        source.spec,
        head.history,
        head.train,
        head.valid,
        head.seconds,
        head.network.size,
        source.backbone.name,
        {**vars(head_plan(task)), "dropout": HEAD_DROPOUT},
        Features(None, *head.features),
        head.found_done,
    )


def train_head(task: Task, source: Source, name: str, *, lower: bool = False) -> TrainedHead:
    """Train the small fully connected network on the features of a frozen backbone.

    Args:
        task: What to learn.
        source: The backbone.
        name: For messages.
        lower: Whether it reads the means of the lower maps, too; not where the last block is to learn with it.
    """
    found = features_for(task, source, lower=lower)
    learned, steered = found.train, found.valid
    start = time.perf_counter()
    drawn = np.random.default_rng([task.options.seed, learned.shape[1]])
    head = fresh_head(learned.shape[1], HEAD_UNITS, len(task.classes), drawn)
    plan, scales = head_plan(task), balance(learned, found.widths)
    parts = batches_of(task, rows_of(learned * scales), rows_of(steered * scales), plan)
    with one_thread():
        head, history = DenseTraining(head, parts, plan, HEAD_DROPOUT, task.watcher(name, "head")).run()
    head = head.behind(scales)
    seconds = {"features": found.seconds, "train": time.perf_counter() - start + history.found_done}
    done = found.seconds - found.spent + history.found_done
    answers = head.probabilities(learned), head.probabilities(steered)
    return TrainedHead(head, history, *answers, seconds, (learned, steered), done)


def balance(features: np.ndarray, widths: Sequence[int]) -> np.ndarray:
    """What brings the means of lower maps to the spread of those of the last: of so little the head would learn little.

    Each channel by itself would be too much: then log loss rises (docs/LOG.md).

    Args:
        features: Those that are learned from, (photos, channels).
        widths: How many channels are of which maps, those of the last maps first.

    Returns:
        What each channel is multiplied by, (channels,), float32; 1 for those of the last maps.
    """
    deviations = np.split(features.std(axis=0, dtype=np.float64), np.cumsum(widths)[:-1])
    spreads = [float(part.mean()) for part in deviations]
    factors = [spreads[0] / spread if spread > 0 < spreads[0] else 1.0 for spread in spreads]
    return np.repeat(np.array(factors, np.float32), widths)


def head_plan(task: Task) -> Plan:
    """How the head is trained; its features are small, so that large batches cost no more than small ones."""
    plan = task.capped(HEAD_PLAN)
    return replace(plan, batch_size=LARGE_BATCH) if len(task.train) >= _MANY else plan
