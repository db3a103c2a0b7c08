"""Softmax regression with a penalty of squares, on axes that are scaled to be alike.

It has the optimum of scikit-learn's `LogisticRegression`. That one searches in the features as they are, where the axes
of widest and of least spread differ a thousandfold: its steps grow with the classes and with the strength. Here each
weight is counted in the step that its own curvature asks for, which saves half of them and more (docs/LOG.md).
"""

from typing import Any, Final

import numpy as np

_MOST: Final = 500  # steps
# Of the largest slope, as a share of the square root of the loss. The loss is about slope squared over its optimum.
CLOSE: Final = 1e-3


class Regression:
    """The weights of one regression, from which the next strength goes on.

    Attributes:
        weights: (axes and one more for the bias, classes); zeros at first.
    """

    def __init__(self, weights: np.ndarray) -> None:
        self.weights = weights
        self.steps = 0  # evaluations of the loss, of all fits together

    def fit(
        self, axes: np.ndarray, labels: np.ndarray, counting: np.ndarray, strength: float, close: float = CLOSE
    ) -> None:
        """Find the optimum, from the weights that are there.

        Args:
            axes: (photos, axes), each about a mean of 0.
            labels: Class numbers, (photos,).
            counting: How much each photo counts, (photos,).
            strength: The inverse of the penalty, as scikit-learn counts it.
            close: When to stop; less is closer to the optimum.
        """
        from scipy.optimize import minimize

        of_photos = counting / counting.sum()
        # Of two classes scikit-learn keeps the difference of the two columns alone, and so half the penalty's squares.
        penalty = (2 if self.weights.shape[1] == 2 else 1) / (strength * counting.sum())
        shares, _ = self._shares(axes, self.weights)
        curved = of_photos @ (shares * (1 - shares))
        scale = 1 / np.sqrt(np.append(np.outer(_spread(axes), curved) + penalty, curved[np.newaxis], axis=0))

        def told(flat: np.ndarray) -> tuple[float, np.ndarray]:
            self.steps += 1
            weights = flat.reshape(scale.shape) * scale
            shares, logs = self._shares(axes, weights)
            loss = -of_photos @ logs[np.arange(len(labels)), labels] + penalty / 2 * np.square(weights[:-1]).sum()
            shares[np.arange(len(labels)), labels] -= 1
            shares *= of_photos[:, np.newaxis]
            slope = np.empty_like(weights)
            np.matmul(axes.T, shares, out=slope[:-1])
            slope[:-1] += penalty * weights[:-1]
            slope[-1] = shares.sum(axis=0)
            return float(loss), (slope * scale).ravel()

        start = (self.weights / scale).ravel()
        limits = {"maxiter": _MOST, "gtol": close * float(np.sqrt(told(start)[0])), "ftol": 1e-15}
        found: Any = minimize(told, start, jac=True, method="L-BFGS-B", options=limits)
        self.weights = found.x.reshape(scale.shape) * scale

    def logs(self, axes: np.ndarray) -> np.ndarray:
        """Logarithms of the probabilities, (photos, classes)."""
        return self._shares(axes, self.weights)[1]

    @staticmethod
    def _shares(axes: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Probabilities, and their logarithms, (photos, classes)."""
        logs = axes @ weights[:-1] + weights[-1]
        logs -= logs.max(axis=1, keepdims=True)
        shares = np.exp(logs)
        total = shares.sum(axis=1, keepdims=True)
        logs -= np.log(total)
        shares /= total
        return shares, logs


def _spread(axes: np.ndarray) -> np.ndarray:
    """The mean square of each axis, without an array as large as all of them."""
    return np.asarray(np.einsum("na,na->a", axes, axes)) / len(axes)
