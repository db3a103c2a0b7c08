import numpy as np
import pytest

from tellapart.models.softmax import Regression


def clouds(n_classes: int, n: int = 240, n_axes: int = 30) -> tuple[np.ndarray, np.ndarray]:
    """Overlapping clouds on axes of very different spread, as those of features are."""
    generator = np.random.default_rng(n_classes)
    labels = np.arange(n) % n_classes
    points = generator.normal(size=(n, n_axes)) + generator.normal(size=(n_classes, n_axes))[labels]
    points = points * np.geomspace(30, 0.03, n_axes)
    return points - points.mean(axis=0), labels


def fitted(n_classes: int, strength: float, counting: np.ndarray | None = None, close: float = 1e-6) -> Regression:
    axes, labels = clouds(n_classes)
    found = Regression(np.zeros((axes.shape[1] + 1, n_classes)))
    found.fit(axes, labels, np.ones(len(labels)) if counting is None else counting, strength, close)
    return found


@pytest.mark.parametrize("n_classes", [2, 3, 8])
@pytest.mark.parametrize("weighted", [False, True])
def test_its_optimum_is_scikit_learns(n_classes: int, weighted: bool) -> None:
    from sklearn.linear_model import LogisticRegression

    axes, labels = clouds(n_classes)
    counting = np.where(labels == 0, 3.0, 1.0) if weighted else np.ones(len(labels))
    theirs = LogisticRegression(C=0.1, max_iter=20_000, tol=1e-9).fit(axes, labels, sample_weight=counting)
    ours = fitted(n_classes, 0.1, counting)
    assert np.exp(ours.logs(axes)) == pytest.approx(theirs.predict_proba(axes), abs=1e-4)


def test_it_needs_far_fewer_steps_than_on_axes_as_they_are() -> None:
    from sklearn.linear_model import LogisticRegression

    axes, labels = clouds(8)
    theirs = LogisticRegression(C=0.1, max_iter=20_000).fit(axes, labels)
    ours = fitted(8, 0.1, close=1e-3)
    assert ours.steps < 0.5 * theirs.n_iter_[0]
    assert _loss(ours.logs(axes), labels) == pytest.approx(_loss(theirs.predict_log_proba(axes), labels), abs=2e-3)


def test_the_next_strength_goes_on_from_the_one_before() -> None:
    axes, labels = clouds(4)
    going = fitted(4, 0.1)
    before = going.steps
    going.fit(axes, labels, np.ones(len(labels)), 0.11, 1e-3)
    assert going.steps - before < fitted(4, 0.11, close=1e-3).steps


def _loss(logs: np.ndarray, labels: np.ndarray) -> float:
    return float(-logs[np.arange(len(labels)), labels].mean())
