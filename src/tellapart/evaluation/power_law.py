"""The law of a learning curve: error = floor + scale * photos^-exponent, and how surely it is known.

Not one best law but all laws in the likelihood that the measured errors give them:
a floor far below what was measured cannot be told from one close by, and the best
law alone would hide that. Errors at several sizes are on the same photos, so they
are weighed with their covariance. Before the errors are seen, every exponent from
0.1 to 1 is held equally likely (learning from examples gets no faster than 1/n, and
slower than n^-0.1 is flat within the factor of 4 that is ever asked for), and a floor
the less, the nearer it is to the error that is left: with all floors alike, gains
were forecast too low everywhere. Measured against a bootstrap of the best law
(docs/LOG.md), the misses are less than half as large, and the intervals hold more often.

With very few photos curves often follow no such law: the smallest sizes are left out
until one fits.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from tellapart.evaluation.intervals import CONFIDENCE

_TAIL: Final = (1 - CONFIDENCE) / 2
_EXPONENTS: Final = np.linspace(0.1, 1.0, 19)
# Shares of the error at the largest size, the denser the more likely: density 2 - 2 * share.
_FLOORS: Final = 1 - np.sqrt(1 - np.linspace(0.0, 1.0, 41))
_LEVELS: Final = np.linspace(-5.0, 5.0, 61)  # standard errors about the error measured there
_LAWS: Final = 4_000
_FEWEST_SIZES: Final = 3
_MISFIT: Final = 0.05  # chance of a misfit as large as this, below which a size is left out


@dataclass(frozen=True)
class Estimate:
    """The median of what the laws say, and its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class PowerLaws:
    """Equally likely laws, (laws,) each.

    Attributes:
        floor: The error that no number of photos takes away.
        scale: What is above the floor at `at` photos.
        exponent: How fast that falls.
        at: Photos: the largest size measured.
        least: The smallest size that the laws hold for.
    """

    floor: np.ndarray
    scale: np.ndarray
    exponent: np.ndarray
    at: float
    least: float

    def errors(self, photos: float) -> np.ndarray:
        """The error that each law gives for so many photos, (laws,)."""
        return np.asarray(self.floor + self.scale * (photos / self.at) ** -self.exponent)

    def gains(self, photos: float, more: float) -> np.ndarray:
        """By how much the error falls from `photos` to `more`, (laws,)."""
        return np.asarray(self.errors(photos) - self.errors(more))


def estimate(values: np.ndarray) -> Estimate:
    """Median and 95 % interval of what equally likely laws say, (laws,)."""
    low, median, high = np.quantile(values, [_TAIL, 0.5, 1 - _TAIL])
    return Estimate(float(median), float(low), float(high))


def fit_power_laws(sizes: np.ndarray, errors: np.ndarray, covariance: np.ndarray) -> PowerLaws:
    """The laws that fit the errors measured at some sizes, as often as they are likely.

    Args:
        sizes: Photos learned from, (sizes,), rising.
        errors: Shares of 1, (sizes,).
        covariance: Of the errors, (sizes, sizes), positive definite.

    Returns:
        4,000 laws, always the same ones for the same errors.
    """
    from scipy.special import chdtrc

    at, last = float(sizes[-1]), float(errors[-1])
    levels = np.clip(last + _LEVELS * float(covariance[-1, -1]) ** 0.5, 0.0, 1.0)
    level, share, exponent = (grid.ravel() for grid in np.meshgrid(levels, _FLOORS, _EXPONENTS, indexing="ij"))
    floor = share * level
    scale = level - floor
    away = errors - (floor[:, np.newaxis] + scale[:, np.newaxis] * (sizes / at) ** -exponent[:, np.newaxis])
    misfit = np.einsum("li,ij,lj->l", away, np.linalg.inv(covariance), away, optimize=True)
    too_bad = chdtrc(max(1, len(sizes) - 3), float(misfit.min())) < _MISFIT
    if too_bad and len(sizes) > _FEWEST_SIZES:
        return fit_power_laws(sizes[1:], errors[1:], covariance[1:, 1:])
    weights = np.cumsum(np.exp((misfit.min() - misfit) / 2))
    # Every 4,000th of the whole weight: no chance is needed.
    drawn = np.searchsorted(weights, (np.arange(_LAWS) + 0.5) / _LAWS * weights[-1])
    return PowerLaws(floor[drawn], scale[drawn], exponent[drawn], at, float(sizes[0]))


def as_dict(laws: PowerLaws) -> dict[str, Any]:
    """What results.json says of the laws; `scale` is what more photos can take away at `at` photos."""
    told: dict[str, Any] = {"at": round(laws.at), "from": round(laws.least)}
    for name in ("floor", "scale", "exponent"):
        found = estimate(getattr(laws, name))
        told |= {name: found.value, f"{name}_low": found.low, f"{name}_high": found.high}
    return told
