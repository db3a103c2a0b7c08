"""The linear probe: the plainest head by which frozen features are judged.

It takes seconds where a recipe takes minutes, so that it can be trained again and
again: to choose a backbone, to find labels that look wrong, to draw a learning curve.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import numpy as np

FOLDS: Final = 5


def linear_head() -> Any:
    """Logistic regression on standardised features."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=500))


def cross_validated(features: np.ndarray, labels: np.ndarray) -> float:
    """Accuracy of a linear head in stratified cross-validation, each photo predicted once.

    Args:
        features: (photos, channels).
        labels: Class numbers, (photos,).
    """
    return float((out_of_fold(features, labels).argmax(axis=1) == labels).mean())


def out_of_fold(
    features: np.ndarray, labels: np.ndarray, groups: Sequence[int] | np.ndarray | None = None, *, folds: int = FOLDS
) -> np.ndarray:
    """What a linear head says of each photo that it did not learn from.

    Args:
        features: (photos, channels).
        labels: Class numbers from 0 without a gap, (photos,).
        groups: The group of each photo; a group is never learned from and predicted at once.
        folds: At most so many; fewer where a class has fewer photos.

    Returns:
        Probabilities, (photos, classes).
    """
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold, cross_val_predict

    n_folds = max(2, min(folds, int(np.bincount(labels).min())))
    kind = StratifiedKFold if groups is None else StratifiedGroupKFold
    parts = kind(n_folds, shuffle=True, random_state=0)
    with one_thread():
        told = cross_val_predict(linear_head(), features, labels, groups=groups, cv=parts, method="predict_proba")
    return np.asarray(told)


@contextmanager
def one_thread() -> Iterator[None]:
    """Keep the arithmetic of a linear head on one core.

    Its products are small: on a busy machine two threads wait for each other, 30 to 50 seconds instead of 0.6.
    """
    from threadpoolctl import threadpool_limits  # scikit-learn's own

    with threadpool_limits(1):
        yield
