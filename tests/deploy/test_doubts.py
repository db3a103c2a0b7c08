from typing import Any

import numpy as np
import pytest

from tellapart.deploy.doubts import NONE, UNSURE, Doubts, doubts_of
from tellapart.errors import OptionError
from tellapart.evaluation.conformal import fit_conformal
from tellapart.evaluation.selective import fit_thresholds

LABELS = np.array([0] * 30 + [1] * 10)
SHARES = np.column_stack([np.linspace(0.99, 0.55, 40), 1 - np.linspace(0.99, 0.55, 40)])


@pytest.fixture
def passport() -> dict[str, Any]:
    return doubts_of((LABELS, SHARES), None)


def test_what_is_written_is_read(passport: dict[str, Any]) -> None:
    doubts = Doubts.from_passport(passport)
    assert doubts.thresholds == fit_thresholds(LABELS, SHARES)
    assert doubts.conformal == fit_conformal(LABELS, SHARES)
    assert doubts.stranger is None
    assert Doubts.from_passport({**passport, "stranger": {"threshold": 1.0}}).stranger == 1


def test_a_file_of_an_early_version_has_no_doubts() -> None:
    doubts = Doubts.from_passport({})
    assert doubts == Doubts(None, None, None)
    assert doubts.sets(SHARES) is None
    with pytest.raises(OptionError, match=r"no thresholds: an early version made it\. Next: tellapart fit"):
        doubts.threshold(0.05)


@pytest.mark.parametrize("wished", [0.0, 1.0, -0.1, 5.0, float("nan")])
def test_rates_out_of_range_are_told(passport: dict[str, Any], wished: float) -> None:
    with pytest.raises(OptionError, match=r"Accepted: over 0 and under 1\. Next: --reject 0\.05"):
        Doubts.from_passport(passport).threshold(wished)


def test_a_rate_that_cannot_be_promised_is_told_with_one_that_can(passport: dict[str, Any]) -> None:
    doubts = Doubts.from_passport(passport)
    with pytest.raises(
        OptionError, match=r"0\.01 cannot be promised by 40 validation photos.*0\.033 or more"
    ) as caught:
        doubts.threshold(0.01)
    least = float(str(caught.value).split()[-1])
    assert doubts.threshold(least).accepted == 30


def test_what_a_rate_means_is_told_in_words(passport: dict[str, Any]) -> None:
    doubts = Doubts.from_passport(passport)
    assert doubts.told(0.04) == (
        "--reject 0.04: it answers where it is at least 65.7% sure. "
        "Of the 40 validation photos those are 30 (75%), 0 of them wrong."
    )
    assert doubts.told(0.5) == "--reject 0.5: it answers all photos. Of the 40 validation photos 10 were wrong."


@pytest.mark.parametrize(
    ("confidence", "stranger", "answer"),
    [(0.9, 0.4, "cat"), (0.6, 0.4, UNSURE), (0.9, 1.4, NONE), (0.6, 1.4, NONE), (0.7, 1.0, "cat"), (0.9, None, "cat")],
)
def test_strange_comes_before_unsure(confidence: float, stranger: float | None, answer: str) -> None:
    assert Doubts(None, None, 1.0).answer("cat", confidence, stranger, 0.7) == answer


def test_without_a_threshold_nothing_is_strange() -> None:
    assert Doubts(None, None, None).answer("cat", 0.9, 7.0, 0.0) == "cat"
