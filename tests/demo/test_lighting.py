import numpy as np
import pytest

from tellapart.demo.geometry import box
from tellapart.demo.lighting import Light, Surface, light_up, lit_share, shelter

NOON = Light((0.0, 1.0, 0.001), (1.0, 1.0, 1.0), (0.2, 0.2, 0.2), 0.0)
SLANT = Light((1.0, 1.0, 0.0), (1.0, 1.0, 1.0), (0.2, 0.2, 0.2), 0.0)
ROOF = box(1.0, 0.1, 1.0).moved(y=0.9).corners
UP = np.array((0.0, 1.0, 0.0), np.float32)


def test_a_roof_throws_a_shadow_where_the_light_says() -> None:
    spots = np.array([(0, 0, 0), (-1, 0, 0), (2, 0, 0), (0, 1.02, 0)], np.float32)
    rng = np.random.default_rng(0)

    assert lit_share(spots, ROOF, NOON, rng).tolist() == [0, 1, 1, 1]
    assert lit_share(spots, ROOF, SLANT, rng).tolist() == [1, 0, 1, 1]


def test_a_soft_light_blurs_the_edge() -> None:
    edge = np.tile(np.array((0.5, 0.0, 0.0), np.float32), (500, 1))
    soft = Light(NOON.towards, NOON.colour, NOON.ambient, 0.1)

    assert 0.3 < lit_share(edge, ROOF, soft, np.random.default_rng(0)).mean() < 0.7


def test_it_is_darker_under_and_close_to_things() -> None:
    crate = box(0.5, 0.5, 0.5).corners
    spots = np.array([(0.0, 0, 0), (0.27, 0, 0), (0.36, 0, 0), (0.8, 0, 0), (0, 0.51, 0)], np.float32)
    dark = shelter(spots, crate)

    assert dark[0] > 0.6
    assert dark[1] > dark[2] > dark[3]
    assert dark[3] == pytest.approx(0, abs=0.02)
    assert dark[4] < 0.1


def test_light_falls_on_what_faces_it_and_metal_shines() -> None:
    points = np.array([(3.0, 0, 0)] * 3, np.float32)
    normals = np.array([UP, -UP, UP], np.float32)
    surface = Surface(points, normals, np.full((3, 3), 0.5, np.float32), np.array((0, 0, 0.9), np.float32))
    light = light_up(surface, ROOF, (3.0, 2.0, 0.001), NOON, np.random.default_rng(0))

    assert light[0, 0] == pytest.approx(0.5 * 1.2, rel=0.01)
    assert light[1, 0] < 0.1
    assert light[2, 0] > light[0, 0] + 0.3
