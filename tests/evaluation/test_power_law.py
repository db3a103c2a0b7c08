import numpy as np
import pytest

from tellapart.evaluation.power_law import PowerLaws, as_dict, estimate, fit_power_laws

SIZES = np.array([50.0, 100, 140, 200, 280, 400])


def fitted(floor: float, scale: float, exponent: float, error: float = 1e-3, seed: int | None = None) -> PowerLaws:
    errors = floor + scale * (SIZES / 400) ** -exponent
    if seed is not None:
        errors = errors + np.random.default_rng(seed).normal(scale=error, size=len(SIZES))
    return fit_power_laws(SIZES, errors, np.eye(len(SIZES)) * error**2)


def test_a_known_law_is_recovered() -> None:
    laws = fitted(0.05, 0.1, 0.5)
    for name, truth, near in (("floor", 0.05, 0.02), ("scale", 0.1, 0.02), ("exponent", 0.5, 0.1)):
        told = estimate(getattr(laws, name))
        assert told.value == pytest.approx(truth, abs=near)
        assert told.low <= truth <= told.high
    assert estimate(laws.errors(1600)).value == pytest.approx(0.10, abs=0.003)
    assert estimate(laws.gains(400, 1600)).value == pytest.approx(0.05, abs=0.003)


def test_the_interval_holds_the_law() -> None:
    held = []
    for seed in range(40):
        told = estimate(fitted(0.08, 0.12, 0.4, error=0.006, seed=seed).errors(1600))
        held.append(told.low <= 0.08 + 0.12 * 4**-0.4 <= told.high)
    assert sum(held) >= 35


def test_a_flat_curve_promises_nothing() -> None:
    gain = estimate(fitted(0.1, 0.0, 0.5).gains(400, 1600))
    assert 0 <= gain.low <= gain.value <= gain.high < 0.005


def test_no_law_makes_more_photos_worse_or_errors_negative() -> None:
    laws = fit_power_laws(SIZES, np.array([0.05, 0.06, 0.05, 0.07, 0.06, 0.07]), np.eye(6) * 1e-4)
    for size in (400.0, 800.0, 1600.0):
        assert laws.errors(size).min() >= 0
        assert laws.gains(size, 2 * size).min() >= 0


def test_what_the_sizes_share_widens_the_forecast_but_not_the_gain() -> None:
    errors = 0.1 + 0.1 * (SIZES / 400) ** -0.5
    alone = np.eye(6) * 1e-5
    narrow, wide = (fit_power_laws(SIZES, errors, alone + shared) for shared in (0.0, 4e-4))

    def width(values: np.ndarray) -> float:
        told = estimate(values)
        return told.high - told.low

    assert width(wide.errors(800)) > 3 * width(narrow.errors(800))
    assert width(wide.gains(400, 800)) < 1.5 * width(narrow.gains(400, 800))


def test_sizes_too_small_for_the_law_are_left_out() -> None:
    errors = 0.1 + 0.1 * (SIZES / 400) ** -0.5
    whole, bent = (fit_power_laws(SIZES, errors + first, np.eye(6) * 1e-5) for first in (0.0, 0.1 * (SIZES == 50)))
    assert (whole.least, bent.least) == (50, 100)
    assert estimate(bent.errors(800)).value == pytest.approx(estimate(whole.errors(800)).value, abs=0.005)


def test_it_draws_nothing_by_chance() -> None:
    assert (fitted(0.05, 0.1, 0.5).floor == fitted(0.05, 0.1, 0.5).floor).all()


def test_results_json_says_each_number_with_its_interval() -> None:
    told = as_dict(fitted(0.05, 0.1, 0.5))
    assert (told["at"], told["from"]) == (400, 50)
    for name in ("floor", "scale", "exponent"):
        assert told[f"{name}_low"] <= told[name] <= told[f"{name}_high"]
