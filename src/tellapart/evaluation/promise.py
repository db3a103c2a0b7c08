"""Whether a model is as right on new photos as it was on its own test photos."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import hypot
from typing import Any

from tellapart.evaluation.comparison import percent, points
from tellapart.evaluation.metrics import TestScore


@dataclass(frozen=True)
class Promise:
    """The accuracy on new photos against the one on the model's own test photos.

    Attributes:
        n: Its own test photos.
        accuracy: On those, with its 95 % interval.
        accuracy_low: Its lower end.
        accuracy_high: Its upper end.
        difference: The accuracy on the new photos less that, in shares of 1.
        low: The lower end of the 95 % interval of the difference.
        high: The upper end.
        sentence: In words.
    """

    n: int
    accuracy: float
    accuracy_low: float
    accuracy_high: float
    difference: float
    low: float
    high: float
    sentence: str

    @property
    def differs(self) -> bool:
        """Whether the interval of the difference leaves out 0."""
        return self.low > 0 or self.high < 0


def hold_to(promised: Mapping[str, Any], now: TestScore) -> Promise:
    """Hold the accuracy on new photos against the promised one.

    The two are of different photos, so the interval of the difference is put
    together from the intervals of both, which count copies as what they are.

    Source: R. G. Newcombe, Interval Estimation for the Difference Between
    Independent Proportions, Statistics in Medicine 17 (1998) 873-890, method 10.

    Args:
        promised: The test scores of the model file.
        now: The scores on the new photos.

    Raises:
        KeyError: A promised score is missing.
    """
    n, value, low, high = (promised[name] for name in ("n", "accuracy", "accuracy_low", "accuracy_high"))
    difference = now.accuracy - value
    least = difference - hypot(now.accuracy - now.accuracy_low, high - value)
    most = difference + hypot(now.accuracy_high - now.accuracy, value - low)
    plain = Promise(n, value, low, high, difference, max(least, -1.0), min(most, 1.0), "")
    return replace(plain, sentence=_sentence(plain, now))


def _sentence(promise: Promise, now: TestScore) -> str:
    span = _span(now.accuracy_low, now.accuracy_high)
    here = f"{percent(now.accuracy)} of these {now.n} photos are named right ({span})"
    span = _span(promise.accuracy_low, promise.accuracy_high)
    there = f"{percent(promise.accuracy)} of its own {promise.n} test photos were ({span})"
    difference = f"{points(promise.difference)}, 95 % interval {100 * promise.low:+.1f} to {100 * promise.high:+.1f}"
    if promise.differs:
        word = "worse" if promise.difference < 0 else "better"
        return f"{here}; {there}. The model is {word} here than was promised ({difference})."
    return f"{here}; {there}. The accuracy differs from the promised one by no more than chance ({difference})."


def _span(low: float, high: float) -> str:
    return f"95 % interval {100 * low:.1f} to {100 * high:.1f}"
