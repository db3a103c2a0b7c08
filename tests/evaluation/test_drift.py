import numpy as np
import pytest
from scipy.stats import ks_2samp, mannwhitneyu

from tellapart.evaluation.drift import Counts, Mix, Sample, Shift, chance_interval, find_drift, places_of
from tellapart.evaluation.reference import LEVELS, quantiles


def sample(new: np.ndarray, old: np.ndarray, **change: float) -> Sample:
    return Sample(new, change.get("effective", len(new)), quantiles(old), len(old), change.get("least", 0.0))


def shift(new: np.ndarray, old: np.ndarray, **change: float) -> Shift:
    (found,), _ = find_drift({"brightness": sample(new, old, **change)}, {})
    return found


def normal(seed: int, n: int, mean: float = 0.0, deviation: float = 1.0) -> np.ndarray:
    return np.asarray(np.random.default_rng(seed).normal(mean, deviation, n))


@pytest.mark.parametrize("mean", [0.0, 0.3, -0.8])
def test_the_chance_is_mann_and_whitney_s(mean: float) -> None:
    old, new = normal(1, 700), normal(2, 150, mean)
    found = shift(new, old)
    exact = mannwhitneyu(new, old)
    assert found.chance == pytest.approx(exact.statistic / (700 * 150), abs=0.01)
    assert found.p_value == pytest.approx(min(1.0, 2 * exact.pvalue), rel=0.3, abs=1e-6), "twice: Holm over two tests"
    assert found.low < found.chance < found.high
    distance = ks_2samp(new, old).statistic
    assert distance - 0.06 <= found.distance <= distance + 1e-9, "never larger than it is"


def test_ties_count_half() -> None:
    old = np.repeat([1.0, 2.0], [50, 50])
    assert places_of(np.array([0.5, 1.0, 1.5, 2.0, 2.5]), quantiles(old)).tolist() == pytest.approx(
        [0.0, 0.25, 0.5, 0.75, 1.0], abs=0.02
    )
    assert shift(np.full(50, 7.0), np.full(50, 7.0)).chance == 0.5


def test_places_rise_with_values() -> None:
    found = places_of(np.sort(normal(3, 200)), quantiles(normal(4, 300)))
    assert (np.diff(found) >= 0).all()
    assert ((found >= 0) & (found <= 1)).all()


@pytest.mark.parametrize(("mean", "direction"), [(2.0, 1), (-2.0, -1), (0.0, 0), (0.2, 0)])
def test_directions(mean: float, direction: int) -> None:
    found = shift(normal(5, 400, mean), normal(6, 2000))
    assert found.direction == direction
    assert found.drifts == bool(direction)


def test_a_real_difference_that_is_small_is_none() -> None:
    found = shift(normal(7, 20_000, 0.2), normal(8, 20_000))
    assert found.real
    assert not found.drifts


def test_a_difference_below_what_can_be_seen_is_none() -> None:
    old, new = 0.5 + 1e-3 * normal(9, 500), 0.51 + 1e-3 * normal(10, 500)
    assert shift(new, old).direction == 1
    found = shift(new, old, least=0.03)
    assert (found.real, found.direction, found.spread, found.drifts) == (True, 0, False, False)


def test_another_spread_is_told() -> None:
    found = shift(normal(11, 500, deviation=4.0), normal(12, 500))
    assert (found.direction, found.spread, found.drifts) == (0, True, True)


def test_copies_prove_little() -> None:
    new = np.repeat(normal(13, 4, 1.0), 25)
    assert shift(new, normal(14, 500)).drifts
    assert not shift(new, normal(14, 500), effective=4.0).drifts


def test_few_photos_are_left_out() -> None:
    assert find_drift({"brightness": sample(normal(1, 4), normal(2, 100))}, {}) == ([], [])
    assert find_drift({}, {}) == ([], [])


def test_false_alarms_are_rare() -> None:
    generator = np.random.default_rng(15)
    alarms = 0
    for _ in range(400):
        samples = {name: sample(generator.normal(size=60), generator.normal(size=300)) for name in ("a", "b", "c", "d")}
        shifts, _ = find_drift(samples, {})
        alarms += any(found.real for found in shifts)
    assert alarms <= 30, "5 % of 400 would be 20; more than 30 come with less than 2 %"


@pytest.mark.parametrize("chance", [0.0, 0.02, 0.5, 0.9, 1.0])
def test_intervals_hold_the_chance_and_shrink(chance: float) -> None:
    low, high = chance_interval(chance, 20, 40)
    assert 0 <= low <= chance <= high <= 1
    assert high - low > 0.02, "also where all lie on one side"
    narrow = chance_interval(chance, 2000, 4000)
    assert narrow[1] - narrow[0] < high - low


def test_intervals_cover() -> None:
    generator, held = np.random.default_rng(16), 0
    truth = 0.7602  # of one normal value, 1 higher than another, to lie above it
    for _ in range(300):
        found = shift(generator.normal(1.0, 1.0, 40), generator.normal(size=120))
        held += found.low <= truth <= found.high
    assert held >= 274, "95 % of 300 would be 285; fewer than 274 come with less than 0.5 %"


def mix(now: dict[str, int], before: dict[str, int]) -> Mix:
    counts = Counts(now, sum(now.values()), before, sum(before.values()))
    _, (found,) = find_drift({}, {"formats": counts})
    return found


def test_mixes() -> None:
    assert mix({"JPEG": 40}, {"JPEG": 90}).p_value == 1.0
    alike = mix({"JPEG": 40, "PNG": 12}, {"JPEG": 90, "PNG": 30})
    assert not alike.drifts
    other = mix({"WEBP": 30, "JPEG": 10}, {"JPEG": 90, "PNG": 30})
    assert other.drifts
    assert other.moved == pytest.approx(0.75)


def test_levels_are_even() -> None:
    assert np.diff(LEVELS) == pytest.approx(0.025)
