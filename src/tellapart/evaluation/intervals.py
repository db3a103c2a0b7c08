"""How far a score can be trusted: confidence intervals.

Photos of one group (copies of each other, a burst) succeed and fail together.
So a bootstrap draws groups whole, and Wilson's interval counts fewer photos
than there are; without groups each photo is a group of its own.
"""

import math
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

CONFIDENCE: Final = 0.95
Z: Final = 1.959964  # standard errors on either side of a normal estimate that make its 95 % interval
DRAWS: Final = 2_000
# A p-value from the bootstrap is at least 1 in so many, and is multiplied by the number of tests.
_TEST_DRAWS: Final = 10_000
_KIND_DRAWS: Final = 5_000
_CELLS: Final = 2_000_000  # draws times groups that are held in memory at once
_TAIL: Final = (1 - CONFIDENCE) / 2


@dataclass(frozen=True)
class Mean:
    """A mean with its 95 % interval, and the p-value of the hypothesis that it is 0."""

    value: float
    low: float
    high: float
    p_value: float


def group_numbers(paths: Sequence[str], groups: Mapping[str, str]) -> np.ndarray:
    """Number the groups of photos, (photos,); a photo that `groups` does not name is its own.

    Args:
        paths: Of the photos, in their order.
        groups: The group of each photo that has one, by path.
    """
    places: dict[Hashable, int] = {}
    keys = ((True, groups[path]) if path in groups else (False, path) for path in paths)
    return np.array([places.setdefault(key, len(places)) for key in keys], dtype=int)


def by_group(values: np.ndarray, groups: np.ndarray | None) -> np.ndarray:
    """Add up the rows of each group: (photos, columns) to (groups, columns)."""
    if groups is None:
        return values
    numbers = np.unique(groups, return_inverse=True)[1]
    sums = np.zeros((int(numbers.max()) + 1, values.shape[1]))
    np.add.at(sums, numbers, values)
    return sums


def wilson(correct: float, n: float) -> tuple[float, float]:
    """Wilson's 95 % interval of an accuracy.

    Source: E. B. Wilson, Probable Inference, JASA 22 (1927) 209-212.

    Args:
        correct: Photos that were right.
        n: Photos in all, at least 1; an effective number need not be whole.
    """
    from scipy.special import ndtri

    z2 = float(ndtri(1 - _TAIL)) ** 2
    share = correct / n
    middle = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = math.sqrt(z2 * (share * (1 - share) / n + z2 / (4 * n * n))) / (1 + z2 / n)
    # At the ends the formula gives 0 and 1, but for the rounding.
    return (0.0 if correct == 0 else middle - half), (1.0 if correct == n else middle + half)


def accuracy_interval(correct: np.ndarray, groups: np.ndarray | None = None) -> tuple[float, float]:
    """Wilson's interval of an accuracy, for as many photos as the groups are worth.

    The number of photos is divided by the design effect: the variance of the
    accuracy with whole groups drawn, over that of as many single photos. It
    never counts as less than 1.

    Source: J. N. K. Rao, A. J. Scott, A Simple Method for the Analysis of
    Clustered Binary Data, Biometrics 48 (1992) 577-585.

    Args:
        correct: Which photos were right, (photos,) of booleans.
        groups: The group of each photo, (photos,).
    """
    n = effective_number(correct, groups)
    return wilson(float(correct.mean()) * n, n)


def effective_number(correct: np.ndarray, groups: np.ndarray | None = None) -> float:
    """How many independent photos tell as much of the accuracy; arguments as in `accuracy_interval`."""
    n, share = len(correct), float(correct.mean())
    right, sizes = by_group(np.column_stack([correct, np.ones(n)]), groups).T
    n_groups = len(sizes)
    if n_groups == n:
        return float(n)
    if share in (0.0, 1.0) or n_groups == 1:
        # Groups that are all alike show no variance: then a group is taken to fail or succeed as a whole.
        return float(n**2 / (sizes**2).sum())
    variance = n_groups / (n_groups - 1) * float(((right - share * sizes) ** 2).sum()) / n**2
    return n / max(1.0, variance / (share * (1 - share) / n))


def resampled(sums: np.ndarray, draws: int = DRAWS, seed: int = 0) -> np.ndarray:
    """Draw groups with replacement, again and again, and add up what was drawn.

    Whatever follows from sums over photos follows from the result, draw by draw.

    Args:
        sums: Of each group, (groups, columns).
        draws: How many times as many groups as there are are drawn.
        seed: Fixes the draws.

    Returns:
        Shape (draws, columns).
    """
    return np.concatenate([weights @ sums for weights in _weights(len(sums), draws, seed)])


def _weights(n_groups: int, draws: int, seed: int) -> Iterator[np.ndarray]:
    """How often each group is drawn, (some draws, groups) at a time."""
    generator = np.random.default_rng(seed)
    some = max(1, _CELLS // n_groups)
    for start in range(0, draws, some):
        rows = min(some, draws - start)
        drawn = generator.integers(0, n_groups, (rows, n_groups)) + np.arange(rows)[:, np.newaxis] * n_groups
        counts = np.bincount(drawn.ravel(), minlength=rows * n_groups)
        yield counts.reshape(rows, n_groups).astype(np.float64)


def bca(drawn: np.ndarray, estimate: float, left_out: np.ndarray) -> tuple[float, float]:
    """Bias-corrected and accelerated bootstrap interval, 95 %.

    Source: B. Efron, Better Bootstrap Confidence Intervals, JASA 82 (1987) 171-185.

    Args:
        drawn: The score of each draw, (draws,).
        estimate: The score itself.
        left_out: The score without each of the groups, (groups,).
    """
    from scipy.special import ndtr, ndtri

    n = len(drawn)
    below = float((drawn < estimate).mean() + (drawn == estimate).mean() / 2)
    bias = float(ndtri(min(max(below, 1 / (n + 1)), n / (n + 1))))
    away = left_out.mean() - left_out
    spread = float((away**2).sum())
    acceleration = float((away**3).sum()) / (6 * spread**1.5) if spread > 0 else 0.0
    moved = bias + ndtri([_TAIL, 1 - _TAIL])
    low, high = np.quantile(drawn, ndtr(bias + moved / (1 - acceleration * moved)))
    return float(low), float(high)


def basic(drawn: np.ndarray, estimate: float) -> tuple[float, float]:
    """Basic bootstrap interval, 95 %: the percentiles, mirrored at the estimate.

    For a score that comes out too high on few photos, as a calibration error does:
    the draws are too high once more by about as much, which the mirror takes off.

    Source: A. C. Davison, D. V. Hinkley, Bootstrap Methods and Their Application (1997), 5.2.1.
    """
    low, high = np.quantile(drawn, [_TAIL, 1 - _TAIL])
    return float(2 * estimate - high), float(2 * estimate - low)


def mean_difference(differences: np.ndarray, groups: np.ndarray | None = None, seed: int = 0) -> tuple[float, float]:
    """Percentile bootstrap interval, 95 %, of a mean of paired differences of few values.

    Args:
        differences: One value a photo: what one method scores less what another does.
        groups: The group of each photo.
        seed: Fixes the draws.
    """
    generator = np.random.default_rng(seed)
    # Photos fall into few kinds (-1, 0, 1), so that one multinomial draw is one resampling.
    sums = by_group(np.column_stack([differences, np.ones(len(differences))]), groups)
    kinds, counts = np.unique(sums, axis=0, return_counts=True)
    drawn = generator.multinomial(len(sums), counts / len(sums), size=_KIND_DRAWS) @ kinds
    low, high = np.quantile(drawn[:, 0] / drawn[:, 1], [_TAIL, 1 - _TAIL])
    return float(low), float(high)


def studentised(
    values: np.ndarray, groups: np.ndarray | None = None, *, draws: int = _TEST_DRAWS, seed: int = 0
) -> list[Mean]:
    """Means with symmetric studentised bootstrap intervals, 95 %, and the tests that belong to them.

    Log losses are skewed: a few photos cost much. Measured in standard errors of
    its own, a draw without those photos counts as the uncertain one that it is.

    Source: P. Hall, On Symmetric Bootstrap Confidence Intervals, J. R. Statist.
    Soc. B 50 (1988) 35-45; p-values: Davison and Hinkley (1997), 4.4.

    Args:
        values: One column a mean, (photos, means).
        groups: The group of each photo.
        draws: How many resamplings; all columns share them.
        seed: Fixes the draws.
    """
    n_means = values.shape[1]
    sums = by_group(np.column_stack([np.ones(len(values)), values]), groups)
    sizes, totals = sums[:, :1], sums[:, 1:]
    columns = np.hstack([sizes, sizes**2, totals, totals * sizes, totals**2])
    means, errors = _means(columns.sum(axis=0), n_means)
    drawn, errors_drawn = _means(resampled(columns, draws, seed), n_means)
    return [
        _studentised(means[k], errors[k], np.abs(drawn[:, k] - means[k]), errors_drawn[:, k], len(sums))
        for k in range(n_means)
    ]


def _means(totals: np.ndarray, n_means: int) -> tuple[np.ndarray, np.ndarray]:
    """Means and their standard errors, as ratios of sums over groups, from the columns of `studentised`."""
    n, squares = totals[..., :1], totals[..., 1:2]
    sums, crossed, squared = (totals[..., 2 + k * n_means : 2 + (k + 1) * n_means] for k in range(3))
    means = sums / n
    variances = squared - 2 * means * crossed + means**2 * squares
    # What is left of a variance of 0 is the rounding of its terms.
    return means, np.sqrt(np.where(variances > 1e-12 * squared, variances, 0.0)) / n


def _studentised(mean: float, error: float, away: np.ndarray, errors: np.ndarray, n_groups: int) -> Mean:
    mean, error = float(mean), float(error)
    if not error:
        # All groups say the same: the p-value is that of so many equal signs.
        return Mean(mean, mean, mean, min(1.0, 2.0 ** (1 - n_groups)) if mean else 1.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        distances = np.where(away > 0, away / errors, 0.0)
    p_value = (1 + int((distances >= abs(mean) / error).sum())) / (1 + len(distances))
    finite = distances[np.isfinite(distances)]
    # Draws of one group alone have no error; they matter with fewer than five groups only.
    reach = float(np.quantile(np.where(np.isfinite(distances), distances, finite.max()), CONFIDENCE))
    return Mean(mean, mean - reach * error, mean + reach * error, p_value)
