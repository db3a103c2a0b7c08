import numpy as np
import pytest

from tellapart.demo.clutter import floor_thing, height_at, move_parts, small_thing
from tellapart.demo.geometry import box, join
from tellapart.demo.materials import Material, Part


@pytest.mark.parametrize("seed", range(20))
def test_things_stand_on_the_floor(seed: int) -> None:
    rng = np.random.default_rng(seed)
    for draw, widest in ((floor_thing, 1.6), (small_thing, 0.6)):
        corners = join([part.mesh for part in draw(rng)]).corners
        assert corners[..., 1].min() == pytest.approx(0.0, abs=0.06)
        assert np.ptp(corners[..., [0, 2]], axis=(0, 1)).max() < widest


def test_height_at_finds_the_top() -> None:
    corners = join([box(1.0, 0.4, 1.0), box(0.2, 0.9, 0.2)]).corners

    assert height_at(corners, 0.01, 0.02) == pytest.approx(0.9)
    assert height_at(corners, 0.31, 0.3) == pytest.approx(0.4)
    assert height_at(corners, 2.0, 0.0) == 0.0


def test_move_parts_turns_first() -> None:
    grey = Material((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
    moved = move_parts([Part(box(2.0, 1.0, 0.5), grey)], 3.0, 0.0, 0.0, np.pi / 2)

    np.testing.assert_allclose(np.ptp(moved[0].mesh.corners, axis=(0, 1)), (0.5, 1.0, 2.0))
    assert moved[0].mesh.corners[..., 0].mean() == pytest.approx(3.0)
