import numpy as np
import pytest

from tellapart.evaluation.intervals import mean_difference, wilson


@pytest.mark.parametrize(
    ("correct", "n", "low", "high"),
    [
        # R. G. Newcombe, Statistics in Medicine 17 (1998) 857-872, table I, method 3.
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0000, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_gives_the_published_intervals(correct: int, n: int, low: float, high: float) -> None:
    assert wilson(correct, n) == pytest.approx((low, high), abs=5e-5)


def test_wilson_is_symmetric_and_stays_inside() -> None:
    for n in (1, 5, 40):
        for correct in range(n + 1):
            low, high = wilson(correct, n)
            assert 0 <= low <= correct / n <= high <= 1
            assert wilson(n - correct, n) == pytest.approx((1 - high, 1 - low))


@pytest.mark.parametrize(("share", "n"), [(0.5, 40), (0.8, 60), (0.95, 200)])
def test_wilson_covers_the_truth_in_95_of_100_samples(share: float, n: int) -> None:
    counts = np.random.default_rng(1).binomial(n, share, 4000)
    bounds = {int(count): wilson(int(count), n) for count in np.unique(counts)}
    covered = np.mean([bounds[int(count)][0] <= share <= bounds[int(count)][1] for count in counts])
    assert 0.93 <= covered <= 0.97


def test_bootstrap_covers_the_truth() -> None:
    generator = np.random.default_rng(2)
    shares = (0.1, 0.7, 0.2)  # photos that only the one, both or neither, only the other gets right
    samples = generator.choice([-1, 0, 1], p=shares, size=(300, 120))
    covered = [low <= 0.1 <= high for low, high in map(mean_difference, samples)]
    assert 0.91 <= np.mean(covered) <= 0.98


def test_bootstrap_is_near_the_normal_interval() -> None:
    differences = np.random.default_rng(3).choice([-1, 0, 1], size=1000)
    half = 1.96 * differences.std() / np.sqrt(1000)
    low, high = mean_difference(differences)
    assert low == pytest.approx(differences.mean() - half, abs=0.004)
    assert high == pytest.approx(differences.mean() + half, abs=0.004)


def test_bootstrap_is_fixed_by_its_seed_and_ignores_order() -> None:
    differences = np.array([1, 0, 0, -1, 1, 0, 1, 0])
    assert mean_difference(differences) == mean_difference(differences[::-1])
    assert mean_difference(differences) == mean_difference(differences, seed=0)


def test_no_difference_has_no_width() -> None:
    assert mean_difference(np.zeros(10, dtype=int)) == (0.0, 0.0)
