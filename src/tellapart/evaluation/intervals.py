"""How far a score can be trusted: confidence intervals."""

from typing import Final

import numpy as np

CONFIDENCE: Final = 0.95
_DRAWS: Final = 5000


def wilson(correct: int, n: int) -> tuple[float, float]:
    """Wilson's 95 % interval of an accuracy.

    Source: E. B. Wilson, Probable Inference, JASA 22 (1927) 209-212.

    Args:
        correct: Photos that were right.
        n: Photos in all, at least 1.
    """
    from scipy.stats import binomtest

    interval = binomtest(correct, n).proportion_ci(CONFIDENCE, method="wilson")
    return float(interval.low), float(interval.high)


def mean_difference(differences: np.ndarray, seed: int = 0) -> tuple[float, float]:
    """Percentile bootstrap interval, 95 %, of a mean of paired differences.

    Args:
        differences: One value a photo: what one method scores less what another does.
        seed: Fixes the draws.
    """
    generator = np.random.default_rng(seed)
    # Photos fall into few kinds (-1, 0, 1), so that one multinomial draw is one resampling.
    values, counts = np.unique(differences, return_counts=True)
    n = len(differences)
    means = generator.multinomial(n, counts / n, size=_DRAWS) @ values / n
    low, high = np.quantile(means, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return float(low), float(high)
