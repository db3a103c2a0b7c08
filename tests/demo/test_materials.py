from dataclasses import replace

import numpy as np
import pytest

from tellapart.demo.materials import (
    PATTERNS,
    Material,
    any_colour,
    hard_material,
    linear,
    noise,
    paint,
    shade,
    soft_material,
)

SPOTS = np.random.default_rng(0).uniform(-2, 2, (500, 3)).astype(np.float32)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_pattern_mixes_its_two_colours(pattern: str) -> None:
    colours = paint(Material((0.0, 0.0, 0.0), (1.0, 1.0, 1.0), pattern, 3.0), SPOTS)

    assert colours.shape == (500, 3)
    assert colours.min() >= 0
    assert colours.max() <= 1.2
    assert np.ptp(colours) > 0.1


def test_one_colour_twice_shows_no_pattern() -> None:
    colours = paint(Material((0.3, 0.2, 0.1), (0.3, 0.2, 0.1), "checks", 3.0), SPOTS)

    np.testing.assert_allclose(colours, np.tile((0.3, 0.2, 0.1), (500, 1)), rtol=1e-6)


def test_noise_is_even_and_repeats() -> None:
    values = noise(SPOTS[:, 0] * 50, SPOTS[:, 1] * 50)

    assert 0.4 < values.mean() < 0.6
    np.testing.assert_array_equal(noise(np.array([0.25]), np.array([0.5])), noise(np.array([1.25]), np.array([-0.5])))


def test_materials_are_drawn_with_the_seed() -> None:
    for draw in (hard_material, soft_material):
        assert draw(np.random.default_rng(1)) == draw(np.random.default_rng(1))
        assert draw(np.random.default_rng(1)) != draw(np.random.default_rng(2))


def test_colours_stay_in_range() -> None:
    rng = np.random.default_rng(0)
    colours = [shade(any_colour(rng), 1.8) for _ in range(50)]

    assert 0 < np.min(colours) < np.max(colours) <= 0.95
    assert linear((0.0, 0.5, 1.0)) == pytest.approx((0.0, 0.2176, 1.0), abs=1e-3)


def test_the_scale_sets_the_width_of_stripes() -> None:
    stripes = Material((0.0, 0.0, 0.0), (1.0, 1.0, 1.0), "stripes", 2.0)
    line = np.zeros((1000, 3))
    line[:, 0] = np.linspace(0, 1, 1000, endpoint=False)

    assert (np.diff(paint(stripes, line)[:, 0]) > 0).sum() == 1
    assert (np.diff(paint(replace(stripes, scale=5.0), line)[:, 0]) > 0).sum() == 4
