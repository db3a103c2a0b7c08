import json
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from planted import planted, with_copies

from tellapart.evaluation import learning_curve as module
from tellapart.evaluation.draws import Frozen
from tellapart.evaluation.learning_curve import SHARES, learning_curve, measure
from tellapart.progress import Silent


def told(frozen: Frozen, seed: int = 0) -> dict[str, Any]:
    return learning_curve(frozen, seed=seed, progress=Silent())


@pytest.fixture(scope="module")
def rising() -> dict[str, Any]:
    return told(planted(100, apart=1.6, channels=120))


def test_the_curve_is_told_whole(rising: dict[str, Any]) -> None:
    assert (rising["features"], rising["photos"]) == ("pocket", 300)
    assert rising["sizes"] == [30, 60, 85, 120, 170, 240]
    assert [len(errors) for errors in rising["errors"]] == [20] * 6
    assert [row["factor"] for row in rising["forecast"]] == [1, 2, 4]
    assert [row["photos"] for row in rising["forecast"]] == [300, 600, 1200]
    for row in (*rising["forecast"], *rising["curve"]):
        assert 0 <= row["low"] <= row["accuracy"] <= row["high"] <= 1
    assert (rising["curve"][0]["photos"], rising["curve"][-1]["photos"]) == (30, 1200)
    assert [row["name"] for row in rising["classes"]] == ["bed", "chair", "sofa"]
    json.dumps(rising, allow_nan=False)


def test_a_rising_curve_says_what_more_photos_bring(rising: dict[str, Any]) -> None:
    twice = rising["forecast"][1]
    assert rising["verdict"] == "rising"
    assert rising["sentence"].startswith(
        f"More photos would help: twice as many of each class should bring about {100 * twice['gain']:.1f} points"
    )
    one = rising["one_point"]
    assert 1 < one["low"] <= one["factor"] <= 4
    assert one["photos"] == pytest.approx(300 * one["factor"], rel=0.01)


def test_the_forecast_comes_true(rising: dict[str, Any]) -> None:
    many = planted(500, apart=1.6, channels=120, seed=1)  # 1,200 of them outside the fold: four times as many
    right = measure(many, (1.0,), seed=0, progress=Silent())
    accuracy = float((right.predicted == many.labels).mean())
    last = rising["forecast"][-1]
    assert last["low"] <= accuracy <= last["high"]
    assert accuracy > rising["forecast"][0]["accuracy"] + 0.02


def test_a_flat_curve_says_so() -> None:
    flat = told(planted(60, apart=12.0))
    assert np.mean(flat["errors"], axis=1)[-1] < 0.01
    assert flat["verdict"] == "flat"
    assert flat["sentence"].startswith("More photos of the same kind would hardly help: even four times as many")
    assert flat["one_point"] is None


def test_a_curve_that_fell_to_nothing_promises_nothing() -> None:
    solved = told(planted(60, apart=20.0))
    assert np.mean(solved["errors"], axis=1)[[0, -1]] == pytest.approx([0.2, 0.0], abs=0.05)
    assert solved["fit"]["from"] > solved["sizes"][0], "no power law falls like that"
    assert solved["forecast"][2]["gain_high"] < 0.01


def test_a_curve_of_noise_promises_nothing_for_sure() -> None:
    noise = told(planted(40, apart=0.0))
    assert noise["verdict"] in {"unsure", "little", "flat"}
    assert "More photos would help:" not in noise["sentence"]


def test_too_few_photos_give_no_curve_and_say_so() -> None:
    few = told(planted(5))
    assert (few["sizes"], few["errors"], few["fit"], few["verdict"]) == ([], [], None, "too few")
    assert "takes 8 different photos of each class" in few["sentence"]
    assert "“bed” has 5" in few["sentence"]
    assert told(planted(8))["sizes"]


def test_copies_do_not_make_a_small_class_large() -> None:
    assert told(with_copies(planted(5), np.arange(15), 4))["verdict"] == "too few"


def test_no_head_answers_for_a_photo_whose_group_it_saw(monkeypatch: pytest.MonkeyPatch) -> None:
    asked_of: list[int] = []

    def watch(frozen: Frozen, learned: np.ndarray, asked: np.ndarray) -> np.ndarray:
        assert not set(frozen.groups[learned]) & set(frozen.groups[asked])
        asked_of.append(len(learned))
        return np.zeros(int(asked.sum()))

    monkeypatch.setattr(module, "answers", watch)
    measured = measure(with_copies(planted(20), np.arange(0, 60, 7), 4), SHARES, seed=0, progress=Silent())
    assert len(asked_of) == 4 * 5 * len(SHARES)
    assert list(measured.sizes) == sorted(measured.sizes)


def test_smaller_draws_lie_within_larger_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[set[int]] = []

    def watch(_: Frozen, learned: np.ndarray, asked: np.ndarray) -> np.ndarray:
        drawn.append(set(learned))
        return np.zeros(int(asked.sum()))

    monkeypatch.setattr(module, "answers", watch)
    measure(planted(20), SHARES, seed=0, progress=Silent())
    for first in range(0, len(drawn), len(SHARES)):
        draws = drawn[first : first + len(SHARES)]
        assert all(small < large for small, large in pairwise(draws))


def test_the_same_seed_gives_the_same_curve(rising: dict[str, Any]) -> None:
    frozen = planted(100, apart=1.6, channels=120)
    assert told(frozen) == rising
    assert told(frozen, seed=1)["errors"] != rising["errors"]


def forecast(*gains: tuple[float, float, float]) -> list[dict[str, Any]]:
    keys = ("gain", "gain_low", "gain_high")
    return [{}, *(dict(zip(keys, gain, strict=True)) for gain in gains)]


@pytest.mark.parametrize(
    ("twice", "four_times", "verdict", "said"),
    [
        ((0.02, 0.01, 0.03), (0.04, 0.02, 0.06), "rising", "about 2.0 points of accuracy (1.0 to 3.0), four times"),
        ((0.001, 0, 0.002), (0.002, 0, 0.004), "flat", "hardly help: even four times as many would bring less"),
        (
            (0.007, 0.003, 0.012),
            (0.01, 0.005, 0.02),
            "little",
            "help but little: twice as many of each class should bring",
        ),
        ((0.01, 0.002, 0.03), (0.02, 0.003, 0.06), "unsure", "may bring 0.2 points of accuracy, or 3.0."),
    ],
)
def test_each_verdict_has_its_words(
    twice: tuple[float, float, float], four_times: tuple[float, float, float], verdict: str, said: str
) -> None:
    found, words = module._verdict(forecast(twice, four_times))
    assert found == verdict
    assert said in words
