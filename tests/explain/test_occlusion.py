from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from tellapart.explain.network import Network
from tellapart.explain.occlusion import PARTS, occlusion

SIZE = 56


class Bright:
    """Scores class 0 by the light in one corner, class 1 by the lack of it; counts what it was asked."""

    def __init__(self, multiply_adds: float = 1.0) -> None:
        self.classes = ("light", "dark")
        self.multiply_adds = multiply_adds
        self.spec = SimpleNamespace(size=SIZE)
        self.asked = 0

    def scores(self, x: np.ndarray) -> np.ndarray:
        self.asked += len(x)
        light = x[:, :16, 40:].astype(float).mean(axis=(1, 2, 3)) / 255
        return np.stack([light, -light], axis=1)


def photo() -> np.ndarray:
    made = np.full((SIZE, SIZE, 3), 40, dtype=np.uint8)
    made[:16, 40:] = 240
    return made


@pytest.mark.parametrize("fill", ["blur", "mean"])
def test_only_the_part_that_counts_is_marked_and_the_right_way_round(fill: Any) -> None:
    heat = occlusion(cast(Network, Bright()), photo(), 0, fill=fill)
    assert heat.shape == (SIZE, SIZE)
    assert heat[:16, 40:].mean() > 0.02
    assert heat[:16, 40:].sum() > 0.6 * np.maximum(heat, 0).sum()
    assert np.allclose(heat[28:, :28], 0)


def test_what_speaks_against_a_class_is_negative() -> None:
    heat = occlusion(cast(Network, Bright()), photo(), 1)
    assert heat[:16, 40:].mean() < -0.02
    assert heat.max() <= 1e-6


@pytest.mark.parametrize(("cost", "parts"), [(1.0, PARTS[0]), (1.5e10, 6), (1e13, PARTS[-1])])
def test_large_networks_are_asked_less_often(cost: float, parts: int) -> None:
    network = Bright(cost)
    occlusion(cast(Network, network), photo(), 0)
    assert network.asked == (parts + 1) ** 2 + 1


def test_the_photo_is_left_as_it_was() -> None:
    given = photo()
    occlusion(cast(Network, Bright()), given, 0)
    assert np.array_equal(given, photo())
