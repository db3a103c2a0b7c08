"""Which of two recipes is better, tested on the same photos."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Final

import numpy as np

from tellapart.evaluation.intervals import mean_difference

LEVEL: Final = 0.05


@dataclass(frozen=True)
class Comparison:
    """The accuracy of `b` less that of `a`, paired by photo.

    Attributes:
        a: The earlier recipe.
        b: The later one.
        difference: In shares of 1, with its 95 % bootstrap interval `low` to `high`.
        p_value: McNemar's exact test.
        p_adjusted: After Holm's correction for all comparisons of the run.
        verdict: In words.
    """

    a: str
    b: str
    difference: float
    low: float
    high: float
    p_value: float
    p_adjusted: float = 1.0
    verdict: str = ""

    @property
    def told_apart(self) -> bool:
        """Whether the test tells the two apart at 5 %."""
        return self.p_adjusted < LEVEL


def compare_all(correct: dict[str, np.ndarray]) -> list[Comparison]:
    """Compare every recipe with every later one, corrected for how many pairs there are.

    Args:
        correct: By recipe, which of the same photos it got right: (photos,), booleans.
    """
    pairs = [compare(a, b, correct[a], correct[b]) for a, b in combinations(correct, 2)]
    adjusted = holm([pair.p_value for pair in pairs])
    n = len(next(iter(correct.values()))) if correct else 0
    pairs = [replace(pair, p_adjusted=p) for pair, p in zip(pairs, adjusted, strict=True)]
    return [replace(pair, verdict=_verdict(pair, n)) for pair in pairs]


def compare(a: str, b: str, a_correct: np.ndarray, b_correct: np.ndarray) -> Comparison:
    """Compare two recipes by which photos each gets right, (photos,) of booleans each."""
    differences = b_correct.astype(int) - a_correct.astype(int)
    low, high = mean_difference(differences)
    return Comparison(a, b, float(differences.mean()), low, high, mcnemar(a_correct, b_correct))


def mcnemar(a_correct: np.ndarray, b_correct: np.ndarray) -> float:
    """Two-sided p-value of McNemar's exact test.

    Source: Q. McNemar, Psychometrika 12 (1947) 153-157; exact by the binomial distribution.
    """
    from scipy.stats import binomtest

    only_a = int((a_correct & ~b_correct).sum())
    only_b = int((b_correct & ~a_correct).sum())
    return float(binomtest(only_b, only_a + only_b).pvalue) if only_a + only_b else 1.0


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down correction.

    Source: S. Holm, Scandinavian Journal of Statistics 6 (1979) 65-70.
    """
    order = np.argsort(p_values)
    scaled = np.asarray(p_values, dtype=float)[order] * np.arange(len(p_values), 0, -1)
    adjusted = np.empty(len(p_values))
    adjusted[order] = np.minimum(np.maximum.accumulate(scaled), 1.0)
    return [float(p) for p in adjusted]


def points(share: float) -> str:
    """A difference of shares as signed points, such as "+3.4 points"."""
    return f"{100 * share:+.1f} points"


def percent(share: float) -> str:
    """A share in percent, such as "96.6 %"."""
    return f"{100 * share:.1f} %"


def _verdict(pair: Comparison, n: int) -> str:
    span = f"{points(pair.difference)}, 95 % interval {100 * pair.low:+.1f} to {100 * pair.high:+.1f}"
    if not pair.told_apart:
        return f"{pair.b} and {pair.a} cannot be told apart with {n} photos ({span})"
    better, worse = (pair.b, pair.a) if pair.difference > 0 else (pair.a, pair.b)
    return f"{better} is better than {worse} ({span}; p = {pair.p_adjusted:.2g} after correction)"
