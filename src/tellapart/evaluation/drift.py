"""Where new photos differ from those that a model was made with.

Of each measure two questions are asked: whether new photos lie higher or lower
(Mann and Whitney's statistic: the chance that a new photo lies above one of the
reference), and whether they are spread otherwise (Kolmogorov and Smirnov's). All
tests of one call share 5 % by Holm's correction. Drift is what is both real and
large, also in the measure's own unit; copies count as one photo.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from tellapart.evaluation.comparison import LEVEL, holm
from tellapart.evaluation.intervals import Z
from tellapart.evaluation.reference import LEVELS, rounded

# A chance outside 0.4 to 0.6, or a distance over 0.2, is a difference that can be seen; smaller ones are real in any
# large set of photos, and of no account.
HIGHER: Final = 0.6
APART: Final = 0.2
_FEWEST: Final = 5  # photos of which anything is said
_TINY: Final = 1e-12
# Where the quartiles of new photos lie, and the tenths.
PLACES: Final = (0.1, 0.25, 0.5, 0.75, 0.9)


@dataclass(frozen=True)
class Shift:
    """How one measure of new photos lies to that of the reference.

    Attributes:
        name: Of the measure.
        n: The new photos that have it.
        median: Of the new photos.
        reference: The median of the reference.
        chance: That a new photo lies above one of the reference, equal values counting half; 0.5 is no shift.
        low: The lower end of its 95 % interval.
        high: The upper end.
        distance: Kolmogorov and Smirnov's, at least: the largest difference of the two distribution functions.
        places: Which shares of the reference lie below the 10, 25, 50, 75 and 90 % points of the new photos.
        p_value: Of the chance, corrected for all tests of the call.
        p_spread: Of the distance, likewise.
        gap: The largest difference of the 10, 25, 50, 75 and 90 % points, in the measure's unit.
        least: Below this a gap is of no account.
    """

    name: str
    n: int
    median: float
    reference: float
    chance: float
    low: float
    high: float
    distance: float
    places: tuple[float, ...]
    p_value: float
    p_spread: float
    gap: float
    least: float

    @property
    def direction(self) -> int:
        """1 where new photos lie higher, -1 where lower, 0 where neither is both real and large."""
        if self.p_value >= LEVEL or 1 - HIGHER <= self.chance <= HIGHER or self.gap < self.least:
            return 0
        return 1 if self.chance > 0.5 else -1

    @property
    def spread(self) -> bool:
        """Whether they lie neither higher nor lower but are spread otherwise."""
        large = self.distance >= APART and self.gap >= self.least
        return self.direction == 0 and self.p_spread < LEVEL and large

    @property
    def real(self) -> bool:
        """Whether either test tells the photos apart, be the difference large or not."""
        return min(self.p_value, self.p_spread) < LEVEL

    @property
    def drifts(self) -> bool:
        """Whether the difference is both real and large."""
        return self.direction != 0 or self.spread


@dataclass(frozen=True)
class Mix:
    """Shares of kinds (classes, file formats) among new photos and in the reference.

    Attributes:
        name: Of what.
        now: New photos of each kind.
        reference: Photos of each kind in the reference.
        moved: The share of photos that would have to be of another kind for both to be alike, 0 to 1.
        p_value: Of a chi-squared test, corrected for all tests of the call.
    """

    name: str
    now: dict[str, int]
    reference: dict[str, int]
    moved: float
    p_value: float

    @property
    def drifts(self) -> bool:
        """Whether the difference is both real and large."""
        return self.p_value < LEVEL and self.moved >= APART


@dataclass(frozen=True)
class Sample:
    """One measure of new photos, and what to hold it against.

    Attributes:
        values: Of the new photos, (photos,).
        effective: For how many independent photos they stand.
        quantiles: Of the reference, at `reference.LEVELS`.
        effective_reference: For how many independent photos the reference stands.
        least: Differences below this are of no account.
    """

    values: np.ndarray
    effective: float
    quantiles: np.ndarray
    effective_reference: float
    least: float = 0.0


@dataclass(frozen=True)
class Counts:
    """How many new photos of each kind there are, and how many the reference has; as in `Sample`."""

    now: Mapping[str, int]
    effective: float
    reference: Mapping[str, int]
    effective_reference: float


def find_drift(samples: Mapping[str, Sample], counts: Mapping[str, Counts]) -> tuple[list[Shift], list[Mix]]:
    """Hold new photos against the reference, measure by measure.

    Args:
        samples: By name; measures that fewer than 5 new photos have are left out.
        counts: By name.
    """
    kept = {name: sample for name, sample in samples.items() if len(sample.values) >= _FEWEST}
    raw = [(name, sample, *_tested(sample)) for name, sample in kept.items()]
    mixes = [(name, count, _moved(count), _mix_p(count)) for name, count in counts.items()]
    p_values = [p for *_, first, second in raw for p in (first, second)] + [p for *_, p in mixes]
    corrected = holm(p_values) if p_values else []
    shifts = [
        _shift(name, sample, corrected[2 * place], corrected[2 * place + 1])
        for place, (name, sample, *_) in enumerate(raw)
    ]
    told = zip(mixes, corrected[2 * len(raw) :], strict=True)
    return shifts, [Mix(name, dict(count.now), dict(count.reference), moved, p) for (name, count, moved, _), p in told]


def places_of(values: np.ndarray, quantiles: np.ndarray) -> np.ndarray:
    """The share of the reference that lies below each value, equal ones counting half, (photos,).

    Args:
        values: Shape (photos,).
        quantiles: Of the reference, at `LEVELS`; a value that it has many times is there several times.
    """
    values = rounded(values)
    left, right = (np.searchsorted(quantiles, values, side) for side in ("left", "right"))
    last = len(LEVELS) - 1
    low, high = np.clip(left - 1, 0, last), np.clip(left, 0, last)
    with np.errstate(invalid="ignore", divide="ignore"):
        part = (values - quantiles[low]) / (quantiles[high] - quantiles[low])
    between = LEVELS[low] + np.nan_to_num(part) * (LEVELS[high] - LEVELS[low])
    between = np.where(left == 0, 0.0, np.where(left > last, 1.0, between))
    on = (LEVELS[np.clip(left, 0, last)] + LEVELS[np.clip(right - 1, 0, last)]) / 2
    return np.asarray(np.where(right > left, on, between))


def chance_interval(chance: float, n: float, n_reference: float) -> tuple[float, float]:
    """The 95 % interval of the chance that one of `n` lies above one of `n_reference`.

    It is Newcombe's fifth method: the ends are the chances from which the one seen
    is as far away as 1.96 of their own standard errors, so that there is an
    interval even where all lie above.

    Source: R. G. Newcombe, Confidence Intervals for an Effect Size Measure Based on
    the Mann-Whitney Statistic, Part 2, Statistics in Medicine 25 (2006) 559-573.
    """
    from scipy.optimize import brentq

    more = (n + n_reference) / 2 - 1

    def too_far(end: float) -> float:
        error = end * (1 - end) * (1 + more * ((1 - end) / (2 - end) + end / (1 + end))) / (n * n_reference)
        return abs(end - chance) - Z * float(np.sqrt(max(error, 0.0)))

    # At 0 and 1 the error is none, and the chance itself would be found.
    low = 0.0 if chance <= 0 else float(brentq(too_far, 0.0, min(chance, 1 - _TINY)))
    high = 1.0 if chance >= 1 else float(brentq(too_far, max(chance, _TINY), 1.0))
    return low, high


def _tested(sample: Sample) -> tuple[float, float]:
    """The p-values of both questions, not corrected."""
    from scipy.special import kolmogorov, ndtr

    n, m = sample.effective, sample.effective_reference
    chance = float(places_of(sample.values, sample.quantiles).mean())
    # The variance where nothing differs; that ties make it smaller is left out, on the safe side.
    away = abs(chance - 0.5) / float(np.sqrt((n + m + 1) / (12 * n * m)))
    distance = _distance(sample.values, sample.quantiles)
    return 2 * float(ndtr(-away)), float(kolmogorov(distance * np.sqrt(n * m / (n + m))))


def _distance(values: np.ndarray, quantiles: np.ndarray) -> float:
    """The largest difference of the distribution functions, less what lies between two quantiles."""
    ordered, n = np.sort(rounded(values)), len(values)
    seen = np.unique(quantiles)
    below = np.searchsorted(ordered, seen, "left") / n - LEVELS[np.searchsorted(quantiles, seen, "left")]
    up_to = np.searchsorted(ordered, seen, "right") / n - LEVELS[np.searchsorted(quantiles, seen, "right") - 1]
    return max(0.0, float(np.abs([below, up_to]).max()) - float(LEVELS[1]))


def _shift(name: str, sample: Sample, p_value: float, p_spread: float) -> Shift:
    placed = places_of(sample.values, sample.quantiles)
    chance = float(placed.mean())
    low, high = chance_interval(chance, sample.effective, sample.effective_reference)
    return Shift(
        name,
        len(sample.values),
        float(np.median(sample.values)),
        float(sample.quantiles[len(LEVELS) // 2]),
        chance,
        low,
        high,
        _distance(sample.values, sample.quantiles),
        tuple(float(place) for place in np.quantile(placed, PLACES)),
        p_value,
        p_spread,
        float(np.abs(np.quantile(sample.values, PLACES) - np.interp(PLACES, LEVELS, sample.quantiles)).max()),
        sample.least,
    )


def _moved(count: Counts) -> float:
    now, before = (np.array([kind.get(name, 0) for name in _kinds(count)]) for kind in (count.now, count.reference))
    return float(np.abs(now / now.sum() - before / before.sum()).sum() / 2)


def _mix_p(count: Counts) -> float:
    """The p-value of a chi-squared test on as many photos as they stand for."""
    from scipy.stats import chi2_contingency

    kinds = _kinds(count)
    if len(kinds) < 2:
        return 1.0
    rows = [
        np.array([kind.get(name, 0) for name in kinds]) * worth / sum(kind.values())
        for kind, worth in ((count.now, count.effective), (count.reference, count.effective_reference))
    ]
    return float(chi2_contingency(np.array(rows), correction=False).pvalue)


def _kinds(count: Counts) -> list[str]:
    return sorted(name for name in {*count.now, *count.reference} if count.now.get(name) or count.reference.get(name))
