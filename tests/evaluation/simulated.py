"""Answers of made-up models whose true scores are known, for tests that count how often an interval is right."""

import numpy as np

from tellapart.evaluation.comparison import Marks, marks

N_CLASSES = 4


def answers(
    generator: np.random.Generator, n: int, *, gap: float = 2.5, sure: float = 1.0
) -> tuple[np.ndarray, np.ndarray]:
    """Labels (n,) and probabilities (n, 4): right for 9 of 10 photos, too sure where `sure` is over `gap`.

    Args:
        generator: The source of chance.
        n: Photos.
        gap: By how much the logit of the true class is higher, of noise of 1.
        sure: Multiplies the logits.
    """
    labels = generator.integers(0, N_CLASSES, n)
    logits = generator.normal(size=(n, N_CLASSES))
    logits[np.arange(n), labels] += gap
    return labels, softmax(sure * logits)


def equally_good(generator: np.random.Generator, n: int, n_recipes: int) -> dict[str, Marks]:
    """Marks of recipes none of which is better than another; what is hard for one is mostly hard for all."""
    labels = generator.integers(0, N_CLASSES, n)
    shared = generator.normal(size=(n, N_CLASSES))
    shared[np.arange(n), labels] += 2.2
    marked = {}
    for name in "abcdefgh"[:n_recipes]:
        own = generator.normal(size=(n, N_CLASSES))
        marked[name] = marks(labels, softmax(1.5 * (shared + own)))
    return marked


def softmax(logits: np.ndarray) -> np.ndarray:
    """Shares of 1 along the last axis."""
    shares = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(shares / shares.sum(axis=-1, keepdims=True))
