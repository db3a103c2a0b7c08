import numpy as np
import pytest

from tellapart.evaluation.strangers import (
    QUANTILE,
    Strangers,
    as_passport,
    false_alarms,
    false_alarms_in_rounds,
    fit_strangers,
)

CHANNELS, CLASSES = 12, 3
MIXING = np.random.default_rng(9).normal(size=(CHANNELS, CHANNELS))


def known(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Features of three classes, their channels correlated and of unlike size; and class numbers."""
    generator = np.random.default_rng(seed)
    labels = np.arange(n) % CLASSES
    centres = 4 * np.random.default_rng(10).normal(size=(CLASSES, CHANNELS))
    spread = generator.normal(size=(n, CHANNELS)) @ MIXING
    return ((centres[labels] + spread) * np.linspace(0.5, 3, CHANNELS)).astype(np.float32), labels


def fitted(n_valid: int = 200, seed: int = 0) -> Strangers:
    train, labels = known(300, seed)
    found = fit_strangers(train, labels, known(n_valid, seed + 1000)[0])
    assert found is not None
    return found


def test_known_photos_are_near_and_strangers_are_far() -> None:
    found = fitted()
    near = found.scores(known(2000, 5)[0])
    assert near.dtype == np.float32
    assert near.shape == (2000,)
    # Not farther from the middle than the classes are, but between them: where the network was never taught.
    strange = known(500, 6)[0].mean(axis=0) + np.random.default_rng(7).permutation(known(500, 6)[0].T).T * 0.05
    assert (found.scores(strange) > 1).mean() > 0.95
    assert np.median(near) < 1


def test_the_threshold_is_the_quantile_of_validation_photos() -> None:
    valid = known(200, 1000)[0]
    found = fitted()
    scores = np.sort(found.scores(valid))
    assert (found.quantile, found.n) == (QUANTILE, 200)
    assert scores[190] == pytest.approx(1)  # the 191st: ceil(201 times 0.95)
    assert (found.scores(valid) > 1 + 1e-6).sum() == 9


def test_false_alarms_are_as_frequent_as_promised_on_average() -> None:
    fresh = known(3000, 4)[0]
    shares = [(fitted(n_valid=60, seed=seed).scores(fresh) > 1).mean() for seed in range(40)]
    assert np.mean(shares) == pytest.approx(1 - 58 / 61, abs=0.012)  # the 58th smallest of 60


def test_of_few_validation_photos_the_farthest_gives_the_threshold() -> None:
    found = fitted(n_valid=10)
    assert found.scores(known(10, 1000)[0]).max() == pytest.approx(1)


def test_the_distance_is_mahalanobis_to_the_nearest_class() -> None:
    train, labels = known(6000, 0)
    found = fit_strangers(train, labels, known(100, 1)[0])
    assert found is not None
    inside = np.concatenate([train[labels == c] - train[labels == c].mean(axis=0) for c in range(CLASSES)])
    precision = np.linalg.inv(np.cov(inside.astype(np.float64), rowvar=False))
    some = known(50, 2)[0]
    steps = [some - train[labels == number].mean(axis=0) for number in range(CLASSES)]
    wanted = np.sqrt(np.min([np.einsum("ni,ij,nj->n", step, precision, step) for step in steps], axis=0))
    # Shrunk, and half as fine: near it, not equal.
    assert found.scores(some) * found.threshold == pytest.approx(wanted, rel=0.06)


def test_a_channel_that_never_spoke_does_not_decide_alone() -> None:
    train, labels = known(300, 0)
    train, valid, some = (
        np.hstack([part, np.zeros((len(part), 1))]) for part in (train, *(known(200, s)[0] for s in (1, 2)))
    )
    found = fit_strangers(train, labels, valid)
    assert found is not None
    before = found.scores(some)
    some[:, -1] = 1e-3 * train.std()
    assert np.abs(found.scores(some) - before).max() < 0.1


def test_features_that_are_all_alike_tell_nothing() -> None:
    assert fit_strangers(np.ones((9, 4)), np.arange(9) % 3, np.ones((5, 4))) is None


def test_more_channels_than_photos_are_no_harm() -> None:
    generator = np.random.default_rng(0)
    labels = np.arange(30) % 3
    centres = 3 * np.eye(3).repeat(67, axis=1)[:, :200]
    train = generator.normal(size=(30, 200)) + centres[labels]
    found = fit_strangers(train, labels, generator.normal(size=(40, 200)) + centres[np.arange(40) % 3])
    assert found is not None
    assert (found.scores(generator.normal(size=(100, 200)) + 10) > 1).all()


def test_what_the_file_and_the_results_say() -> None:
    found = fitted()
    assert as_passport(found) == {"threshold": 1.0, "why": "", "quantile": 0.95, "n": 200}
    assert as_passport(None)["threshold"] is None
    told = false_alarms(found, np.array([0.2] * 18 + [1.0, 1.1]))
    assert (told["n_test"], told["false_alarms"], told["share"]) == (20, 1, 0.05)
    assert told["low"] < 0.05 < told["high"]
    assert false_alarms(None, None) == as_passport(None)


def test_copies_count_as_one_group() -> None:
    found, scores = fitted(), np.repeat([0.2] * 18 + [1.1, 1.2], 2)
    grouped, apart = (false_alarms(found, scores, groups) for groups in (np.repeat(np.arange(20), 2), None))
    assert grouped["share"] == apart["share"]
    assert grouped["high"] > apart["high"]


def test_rounds_are_pooled() -> None:
    found = fitted()
    rounds = [false_alarms(found, np.array([0.5] * (20 - n) + [1.5] * n)) for n in (1, 3)]
    pooled = false_alarms_in_rounds(rounds)
    whole = false_alarms(found, np.array([0.5] * 36 + [1.5] * 4))
    assert pooled == whole
    assert false_alarms_in_rounds([false_alarms(None, None)] * 2) == as_passport(None)
