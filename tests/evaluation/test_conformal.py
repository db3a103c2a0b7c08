import numpy as np
import pytest
from simulated import answers

from tellapart.evaluation.conformal import Conformal, conformal, fit_conformal


def test_the_quantile_is_the_one_of_the_source() -> None:
    right = np.linspace(0.95, 0.05, 19)  # 1 less these: 0.05, 0.10, ... 0.95
    shares = np.column_stack([right, 1 - right])
    found = fit_conformal(np.zeros(19, int), shares)
    assert (found.level, found.n) == (0.9, 19)
    assert found.quantile == pytest.approx(0.9)  # the 18th of 19
    assert fit_conformal(np.zeros(19, int), shares, level=0.5).quantile == pytest.approx(0.5)  # the 10th


def test_too_few_photos_put_every_class_into_every_set() -> None:
    labels, shares = answers(np.random.default_rng(0), 8)
    found = fit_conformal(labels, shares)
    assert found.quantile == 1
    assert found.sets(np.eye(4)).all()
    assert fit_conformal(*answers(np.random.default_rng(0), 9)).quantile < 1


def test_a_set_holds_what_is_probable_enough_and_never_nothing() -> None:
    shares = np.array([[0.7, 0.2, 0.1], [0.45, 0.45, 0.1], [0.34, 0.33, 0.33]])
    assert Conformal(0.9, 0.56, 50).sets(shares).tolist() == [
        [True, False, False],
        [True, True, False],
        [True, False, False],
    ]


@pytest.mark.parametrize(("n", "gap", "sure"), [(20, 2.5, 1.0), (150, 0.5, 1.0), (150, 2.5, 4.0)])
def test_the_promise_is_kept_by_good_and_by_bad_models(n: int, gap: float, sure: float) -> None:
    generator = np.random.default_rng(n)
    fresh = answers(generator, 10_000, gap=gap, sure=sure)
    held, sizes = [], []
    for _ in range(500):
        sets = fit_conformal(*answers(generator, n, gap=gap, sure=sure)).sets(fresh[1])
        held.append(sets[np.arange(10_000), fresh[0]].mean())
        sizes.append(sets.sum(axis=1).mean())
    assert np.mean(held) >= 0.895
    # The top class that fills an empty set adds to it where the model is right more often than 9 times in 10.
    assert np.mean(held) <= 0.9 + 1 / (n + 1) + (0.04 if gap > 1 else 0.01)
    assert (np.mean(sizes) > 1.5) == (gap < 1)


def test_what_is_told_is_measured_on_test() -> None:
    valid, test = (answers(np.random.default_rng(seed), n, gap=1.0) for seed, n in ((1, 100), (2, 250)))
    told, found = conformal(valid, test), fit_conformal(*valid)
    sets = found.sets(test[1])
    assert (told["level"], told["quantile"], told["n"]) == (0.9, found.quantile, 100)
    assert told["coverage"] == sets[np.arange(250), test[0]].mean()
    assert told["coverage_low"] < told["coverage"] < told["coverage_high"]
    assert told["mean_size"] == sets.sum() / 250
    assert len(told["sizes"]) == 4
    assert sum(told["sizes"]) == 250
    assert sum(size * n for size, n in enumerate(told["sizes"], 1)) == sets.sum()


def test_copies_widen_the_interval() -> None:
    valid, test = (answers(np.random.default_rng(seed), 100, gap=1.0) for seed in (3, 4))
    twice = np.repeat(test[0], 2), np.repeat(test[1], 2, axis=0)
    grouped, apart = (conformal(valid, twice, groups) for groups in (np.repeat(np.arange(100), 2), None))
    assert grouped["coverage"] == apart["coverage"]
    assert grouped["coverage_low"] < apart["coverage_low"]
