import numpy as np
import onnx
import pytest

from tellapart.models.forward import Forward
from tellapart.models.ranges import best_range, ranges_of
from tiny_backbone import tiny_backbone

PHOTOS = np.random.default_rng(0).integers(0, 256, (6, 24, 24, 3), dtype=np.uint8)


def rounded(values: np.ndarray, low: float, high: float) -> np.ndarray:
    step = (high - low) / 255
    zero = round(-low / step)
    return (np.clip(np.round(values / step) + zero, 0, 255) - zero) * step


def test_a_range_without_outliers_is_kept() -> None:
    values = np.random.default_rng(0).uniform(-1, 2, 5000)
    low, high = best_range(values, -1.0, 2.0)
    assert -1.0 <= low < -0.85
    assert 1.85 < high <= 2.0


def test_an_outlier_does_not_make_every_step_coarser() -> None:
    values = np.abs(np.random.default_rng(0).normal(0, 1, 20_000))
    low, high = best_range(values, 0.0, 12.0)
    assert low == 0
    assert high < 6
    assert (
        np.square(rounded(values, low, high) - values).mean() < 0.5 * np.square(rounded(values, 0, 12) - values).mean()
    )


def test_what_is_always_zero_has_a_range() -> None:
    low, high = best_range(np.zeros(10), 0.0, 0.0)
    assert low == 0 < high


def test_every_activation_of_some_operators_has_its_range() -> None:
    found = ranges_of(onnx.load_from_string(tiny_backbone()), PHOTOS, ("Conv", "Relu"))
    assert list(found) == ["planes", "c1", "r1", "c2", "r2"]
    low, high = found["r2"]
    most = float(Forward(tiny_backbone())(PHOTOS).max())
    assert low == 0
    assert 0.25 * most < high <= most
    assert found["c2"][0] < 0
    assert found["planes"] == pytest.approx((0, 2), abs=0.7)
    assert found == ranges_of(onnx.load_from_string(tiny_backbone()), PHOTOS, ("Conv", "Relu"))
