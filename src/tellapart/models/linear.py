"""The linear head: logistic regression on the features of a frozen backbone, as plain weights.

It takes seconds and no training framework. How strongly it is held back is found by cross-validation of the
photos that it learns from, with groups kept whole.
"""

import time
from dataclasses import dataclass
from typing import Final

import numpy as np

from tellapart.models.backbone_file import backbone_onnx
from tellapart.models.features import features_for, source_for
from tellapart.models.head_file import written
from tellapart.models.probe import FOLDS, one_thread
from tellapart.models.softmax import CLOSE, Regression
from tellapart.models.task import Features, Fitted, Task
from tellapart.models.training import History, class_weights

# The inverse of the penalty, as scikit-learn counts it, for features of mean 0 and deviation 1.
STRENGTHS: Final = (1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1, 1.0)
_ROWS: Final = 4096  # photos that are turned at once
SMALLEST: Final = 1e-7  # probability, so that one photo cannot make a loss infinite


@dataclass(frozen=True)
class LinearHead:
    """Weights on plain features.

    Attributes:
        weights: (channels, classes), float32.
        bias: (classes,), float32.
        strength: The inverse of the penalty that cross-validation chose.
        losses: By strength, the log loss in cross-validation; strengths behind the first rise were not tried.
    """

    weights: np.ndarray
    bias: np.ndarray
    strength: float
    losses: dict[float, float]

    @property
    def layers(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """Weights and bias of its one layer."""
        return [(self.weights, self.bias)]

    def probabilities(self, features: np.ndarray) -> np.ndarray:
        """Probabilities (photos, classes), float32, of features (photos, channels)."""
        from scipy.special import softmax

        return np.asarray(softmax(features @ self.weights + self.bias, axis=1), dtype=np.float32)


def fit_linear(task: Task) -> Fitted:
    """The recipe `linear`: the head on the backbone, written as one network; no Keras is used."""
    source = source_for(task)
    found = features_for(task, source, lower=True)
    start = time.perf_counter()
    with task.progress.bar("Training linear", 1) as bar:
        head = fit_linear_head(found.train, task.labels(task.train), _groups(task))
        bar.advance()
    backbone = backbone_onnx(source.backbone, source.spec.size, source.path, task.cache)
    return Fitted(
        "linear",
        written(backbone, head),
        source.spec,
        History(),
        head.probabilities(found.train),
        head.probabilities(found.valid),
        {"features": found.seconds, "train": time.perf_counter() - start},
        head.weights.size + head.bias.size,
        source.backbone.name,
        {"strength": head.strength, "folds": FOLDS},
        Features(None, found.train, found.valid),
        found.seconds - found.spent,
    )


def fit_linear_head(features: np.ndarray, labels: np.ndarray, groups: np.ndarray) -> LinearHead:
    """Fit the head, once for each fold and strength, then once on all photos.

    Args:
        features: (photos, channels).
        labels: Class numbers from 0 without a gap, (photos,).
        groups: Of each photo; a group is never learned from and asked about at once.
    """
    mean, deviation = features.mean(axis=0), features.std(axis=0) + 1e-6
    scaled = features.astype(np.float64)
    scaled -= mean
    scaled /= deviation
    with one_thread():
        scaled, axes = _rotated(scaled)
        counting = _counting(labels)
        losses, start = _losses(scaled, labels, groups, counting)
        strength = min(losses, key=lambda one: losses[one])
        head = Regression(start)
        head.fit(scaled, labels, counting, strength, close=CLOSE / 10)
    weights = (axes.T @ head.weights[:-1]) / deviation[:, np.newaxis]
    bias = head.weights[-1] - mean @ weights
    return LinearHead(weights.astype(np.float32), bias.astype(np.float32), strength, losses)


def _rotated(scaled: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The photos in the axes that they span, in place where there are enough of them; and these axes, (axes, channels).

    A penalty of squares does not see a rotation, so the head is the same. It is found sooner, as these axes
    are about independent of each other; and where there are fewer photos than channels, they are fewer.
    """
    if scaled.shape[0] < scaled.shape[1]:
        left, sizes, axes = np.linalg.svd(scaled, full_matrices=False)
        return left * sizes, axes
    _, columns = np.linalg.eigh(scaled.T @ scaled)
    for start in range(0, len(scaled), _ROWS):
        scaled[start : start + _ROWS] = scaled[start : start + _ROWS] @ columns
    return scaled, columns.T


def _counting(labels: np.ndarray) -> np.ndarray:
    """How much each photo counts, (photos,), float64."""
    weighted = class_weights(labels)
    return np.ones(len(labels)) if weighted is None else np.array([weighted[int(label)] for label in labels])


def _losses(
    scaled: np.ndarray, labels: np.ndarray, groups: np.ndarray, counting: np.ndarray
) -> tuple[dict[float, float], np.ndarray]:
    """The log loss of each strength in cross-validation, from the weakest head on until it rises.

    Returns:
        The losses, and weights to start from: the mean of the folds' last.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    n_classes = int(labels.max()) + 1
    n_folds = max(2, min(FOLDS, int(np.bincount(labels).min())))
    dealer = StratifiedGroupKFold(n_folds, shuffle=True, random_state=0)
    folds = []
    for learned, asked in dealer.split(np.empty((len(labels), 0)), labels, groups):
        present = np.unique(labels[learned])  # a class may be in this fold alone
        folds.append((learned, asked, present, Regression(np.zeros((scaled.shape[1] + 1, len(present))))))
    losses: dict[float, float] = {}
    for strength in STRENGTHS:
        told = np.full(len(labels), np.log(SMALLEST))
        for learned, asked, present, head in folds:  # each goes on from the strength before
            places = np.searchsorted(present, labels[learned])
            head.fit(scaled[learned], places, counting[learned], strength)
            known = asked[np.isin(labels[asked], present)]
            told[known] = head.logs(scaled[known])[np.arange(len(known)), np.searchsorted(present, labels[known])]
        losses[strength] = float(-np.maximum(told, np.log(SMALLEST)).mean())
        if losses[strength] > min(losses.values()):
            break
    start = np.zeros((scaled.shape[1] + 1, n_classes))
    for *_, present, head in folds:
        start[:, present] += head.weights / len(folds)
    return losses, start


def _groups(task: Task) -> np.ndarray:
    """The group of each training photo, as a number; a photo without one is its own."""
    names = [f"group {task.groups[photo.path]}" if photo.path in task.groups else photo.path for photo in task.train]
    return np.unique(names, return_inverse=True)[1]
