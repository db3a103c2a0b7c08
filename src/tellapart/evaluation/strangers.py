"""Photos of nothing that was learned: how far their features lie from those of the classes.

A network is as sure of a photo of soup as of a chair, if chairs are all it knows; its
features are not alike. The distance is Mahalanobis': counted in what is usual within the
classes, to the nearest class.

Sources: K. Lee et al., A Simple Unified Framework for Detecting Out-of-Distribution Samples and
Adversarial Attacks, NeurIPS 2018; O. Ledoit, M. Wolf, A Well-Conditioned Estimator for
Large-Dimensional Covariance Matrices, Journal of Multivariate Analysis 88 (2004) 365-411.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from tellapart.evaluation.intervals import effective_number, wilson

# Of known photos so many are no strangers. 0.99 would leave a fifth of the false alarms, but two thirds of the
# strangers on a bad split, hardly any of those that are like the classes, and take 99 validation photos (docs/LOG.md).
QUANTILE: Final = 0.95
# A channel that hardly ever speaks would make a stranger of the first photo that it speaks for.
_QUIET: Final = 0.1
_RIDGE: Final = 1e-6
WHY_NONE: Final = "its own features do not tell strangers; those of a pretrained backbone do"


@dataclass(frozen=True)
class Strangers:
    """What tells photos of nothing that was learned.

    Attributes:
        mean: Of the features of the training photos, (channels,), float32.
        scale: Their deviation, (channels,), float32.
        whitening: Makes their spread within the classes 1 in every direction, (channels, channels), float16:
            it is the largest part of this, and so fine as that need not be.
        centres: The means of the classes, whitened, (classes, channels), float32.
        threshold: The distance from which on a photo is a stranger.
        quantile: The share of known photos that lie nearer.
        n: The validation photos that the threshold was found on.
    """

    mean: np.ndarray
    scale: np.ndarray
    whitening: np.ndarray
    centres: np.ndarray
    threshold: float
    quantile: float
    n: int

    def scores(self, features: np.ndarray) -> np.ndarray:
        """The distance to the nearest class over the threshold, (photos,), float32: over 1 is a stranger.

        Args:
            features: Shape (photos, channels).
        """
        return np.asarray(self._distances(features) / np.float32(self.threshold))

    def _distances(self, features: np.ndarray) -> np.ndarray:
        # In the order and the precision of the nodes that the model file has for it.
        moved = (features.astype(np.float32) - self.mean) / self.scale
        white = moved @ self.whitening.astype(np.float32)
        squares = (white * white).sum(axis=1, keepdims=True)
        to_each = squares - 2 * white @ self.centres.T + (self.centres * self.centres).sum(axis=1)
        return np.asarray(np.sqrt(np.maximum(to_each.min(axis=1), 0)))


def fit_strangers(
    train: np.ndarray, labels: np.ndarray, valid: np.ndarray, quantile: float = QUANTILE
) -> Strangers | None:
    """Learn the usual spread from training photos, and the threshold from validation photos.

    The threshold is the ceil((n + 1) quantile)-th smallest distance of the n validation photos,
    or the largest where they are too few for that.

    Args:
        train: Features of the training photos, (photos, channels).
        labels: Their class numbers, (photos,).
        valid: Features of the validation photos, (photos, channels).
        quantile: Over 0 and under 1.

    Returns:
        None where the features of all photos are alike.
    """
    from scipy.linalg import cholesky, solve_triangular
    from sklearn.covariance import ledoit_wolf

    deviation = train.std(axis=0, dtype=np.float64)
    scale = np.maximum(deviation, _QUIET * deviation.mean())
    if not (scale > 0).all():
        return None
    mean = train.mean(axis=0, dtype=np.float64)
    moved = (train - mean) / scale
    classes = np.stack([moved[labels == number].mean(axis=0) for number in np.unique(labels)])
    spread, _ = ledoit_wolf(moved - classes[np.unique(labels, return_inverse=True)[1]], assume_centered=True)
    lower = cholesky(spread + _RIDGE * np.eye(len(spread)), lower=True)
    whitening = solve_triangular(lower, np.eye(len(lower)), lower=True).T.astype(np.float16)
    centres = (classes @ whitening.astype(np.float64)).astype(np.float32)
    whole = Strangers(mean.astype(np.float32), scale.astype(np.float32), whitening, centres, 1.0, quantile, len(valid))
    return _with_threshold(whole, valid)


def _with_threshold(strangers: Strangers, valid: np.ndarray) -> Strangers:
    place = min(math.ceil((len(valid) + 1) * strangers.quantile), len(valid))
    return replace(strangers, threshold=float(np.sort(strangers.scores(valid))[place - 1]))


def as_passport(strangers: Strangers | None) -> dict[str, Any]:
    """What the model file says of its output `stranger`; a threshold of None where it has none."""
    if strangers is None:
        return {"threshold": None, "why": WHY_NONE}
    return {"threshold": 1.0, "why": "", "quantile": strangers.quantile, "n": strangers.n}


def false_alarms(
    strangers: Strangers | None, scores: np.ndarray | None, groups: np.ndarray | None = None
) -> dict[str, Any]:
    """What results.json says: the share of test photos, all of known classes, that are called strangers.

    Args:
        strangers: As fitted; None where the recipe has none.
        scores: The model file's output `stranger` for the test photos, (photos,).
        groups: The group of each test photo, (photos,).
    """
    told = as_passport(strangers)
    if strangers is None or scores is None:
        return told
    return {**told, **alarms(scores, told["threshold"], groups)}


def alarms(scores: np.ndarray, threshold: float, groups: np.ndarray | None = None) -> dict[str, Any]:
    """The share of photos that are called strangers, with its 95 % interval.

    Args:
        scores: How strange each photo is, (photos,).
        threshold: Over it a photo is a stranger.
        groups: The group of each photo, (photos,).
    """
    called = scores > threshold
    return _share(int(called.sum()), len(called), effective_number(called, groups))


def false_alarms_in_rounds(told: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What `false_alarms` says of several rounds, pooled over the test photos of all of them."""
    if any(one["threshold"] is None for one in told):
        return dict(told[0])
    effective = sum(one["n_effective"] for one in told)
    pooled = _share(sum(one["false_alarms"] for one in told), sum(one["n_test"] for one in told), effective)
    return {**told[0], "n": round(sum(one["n"] for one in told) / len(told)), **pooled}


def _share(count: int, n: int, effective: float) -> dict[str, Any]:
    low, high = wilson(count / n * effective, effective)
    return {"n_test": n, "n_effective": effective, "false_alarms": count, "share": count / n, "low": low, "high": high}
