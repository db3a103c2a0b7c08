from dataclasses import asdict
from typing import Any

import numpy as np
import pytest

from tellapart.evaluation.metrics import TestScore
from tellapart.evaluation.metrics import test_score as scored
from tellapart.evaluation.promise import hold_to


def score(right: int, n: int) -> TestScore:
    labels = np.arange(n) % 2
    shares = np.full((n, 2), 0.1)
    shares[np.arange(n), np.where(np.arange(n) < right, labels, 1 - labels)] = 0.9
    return scored(labels, shares)


def promised(right: int, n: int) -> dict[str, Any]:
    return asdict(score(right, n))


def test_newcombe_s_own_example() -> None:
    # Newcombe (1998), table II, example (a), 56/70 less 48/80, method 10: 0.0524 to 0.3339.
    told = hold_to(promised(48, 80), score(56, 70))
    assert told.difference == pytest.approx(0.2)
    assert (told.low, told.high) == pytest.approx((0.0524, 0.3339), abs=5e-5)
    assert told.differs
    assert "better here than was promised (+20.0 points" in told.sentence


def test_worse_and_no_difference() -> None:
    worse = hold_to(promised(95, 100), score(70, 100))
    assert worse.differs
    assert "worse here" in worse.sentence
    alike = hold_to(promised(95, 100), score(92, 100))
    assert not alike.differs
    assert "by no more than chance (-3.0 points" in alike.sentence
    assert "92.0 % of these 100 photos" in alike.sentence


def test_a_promise_without_its_interval_is_none() -> None:
    with pytest.raises(KeyError):
        hold_to({"n": 3, "accuracy": 1.0}, score(9, 10))
