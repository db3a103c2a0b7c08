"""The dense head: a small fully connected network on the features of a frozen backbone, in NumPy alone.

On features its steps are so short that what a training framework does around each takes longer than the step itself,
and its import longer than the whole training (docs/LOG.md). The arithmetic is that of Keras' Dense, Dropout,
categorical cross-entropy and Adam.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

# Keras' own, of Adam.
_BETAS: Final = (0.9, 0.999)
_EPSILON: Final = 1e-7


@dataclass(frozen=True)
class DenseHead:
    """Weights of one hidden layer with rectified units, and of the outputs.

    Attributes:
        arrays: In Keras' order, float32: (channels, units), (units,), (units, classes), (classes,).
    """

    arrays: tuple[np.ndarray, ...]

    @cached_property
    def layers(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """Weights and bias of each layer."""
        return list(zip(self.arrays[::2], self.arrays[1::2], strict=True))

    @property
    def size(self) -> int:
        """How many numbers it holds."""
        return sum(array.size for array in self.arrays)

    def behind(self, scales: np.ndarray) -> "DenseHead":
        """The head that gives of features what this one gives of features times `scales`, (channels,)."""
        return DenseHead((self.arrays[0] * scales[:, np.newaxis], *self.arrays[1:]))

    def probabilities(self, features: np.ndarray) -> np.ndarray:
        """Probabilities (photos, classes), float32, of features (photos, channels)."""
        return np.asarray(np.exp(self.logs(features)))

    def logs(self, features: np.ndarray) -> np.ndarray:
        """Their logarithms."""
        hidden, hidden_bias, weights, bias = self.arrays
        units = np.maximum(np.asarray(features, np.float32) @ hidden + hidden_bias, 0)
        return _logs(units @ weights + bias)


def _logs(logits: np.ndarray) -> np.ndarray:
    from scipy.special import log_softmax

    return np.asarray(log_softmax(logits, axis=1))


def fresh_head(channels: int, units: int, n_classes: int, generator: np.random.Generator) -> DenseHead:
    """A head before training, drawn as Keras draws it: Glorot's uniform weights, biases of 0."""

    def drawn(rows: int, columns: int) -> np.ndarray:
        limit = np.sqrt(6 / (rows + columns))
        return generator.uniform(-limit, limit, (rows, columns)).astype(np.float32)

    nothing = [np.zeros(number, np.float32) for number in (units, n_classes)]
    return DenseHead((drawn(channels, units), nothing[0], drawn(units, n_classes), nothing[1]))


def slopes(
    head: DenseHead, inputs: np.ndarray, labels: np.ndarray, counting: np.ndarray, kept: np.ndarray | None
) -> tuple[np.ndarray, list[np.ndarray]]:
    """A step forward and back.

    Args:
        head: The weights.
        inputs: Features of a batch, (photos, channels), float32.
        labels: Class numbers, (photos,).
        counting: How much each photo counts, (photos,), float32.
        kept: What dropout multiplies each hidden unit by, (photos, units); None for no dropout.

    Returns:
        Logarithms of the probabilities (photos, classes), and the slope of the mean loss for each array of the head.
    """
    hidden, hidden_bias, weights, bias = head.arrays
    units = inputs @ hidden
    units += hidden_bias
    np.maximum(units, 0, out=units)
    passed = units if kept is None else units * kept
    logs = _logs(passed @ weights + bias)
    wrong = np.exp(logs)
    wrong[np.arange(len(labels)), labels] -= 1
    wrong *= (counting / len(labels))[:, np.newaxis]
    back = wrong @ weights.T
    back *= units > 0
    if kept is not None:
        back *= kept
    return logs, [inputs.T @ back, back.sum(axis=0), passed.T @ wrong, wrong.sum(axis=0)]


class Adam:
    """Adam, in place: the moments of some arrays.

    Attributes:
        arrays: The means of the slopes, then those of their squares, in the order of the arrays.
        steps: So far.
    """

    def __init__(self, arrays: tuple[np.ndarray, ...]) -> None:
        self.arrays = [np.zeros_like(array) for _ in range(2) for array in arrays]
        self.steps = 0

    def step(self, head: DenseHead, found: list[np.ndarray], rate: float) -> None:
        """Move the head's arrays against their slopes; the slopes are used up."""
        self.steps += 1
        first, second = _BETAS
        size = np.float32(rate * np.sqrt(1 - second**self.steps) / (1 - first**self.steps))
        n_arrays = len(head.arrays)
        means, squares = self.arrays[:n_arrays], self.arrays[n_arrays:]
        for part in zip(head.arrays, found, means, squares, strict=True):
            _move(*part, size)


def _move(array: np.ndarray, slope: np.ndarray, mean: np.ndarray, square: np.ndarray, size: np.float32) -> None:
    """Adam's step of one array, without a further array as large."""
    first, second = _BETAS
    mean *= np.float32(first)
    mean += np.float32(1 - first) * slope
    np.square(slope, out=slope)
    slope *= np.float32(1 - second)
    square *= np.float32(second)
    square += slope
    np.sqrt(square, out=slope)
    slope += np.float32(_EPSILON)
    np.divide(mean, slope, out=slope)
    slope *= size
    array -= slope
