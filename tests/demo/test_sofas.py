import numpy as np
import pytest

from tellapart.demo.geometry import join
from tellapart.demo.sofas import draw_sofa


@pytest.mark.parametrize("seed", range(25))
def test_it_stands_on_the_floor_and_has_a_usual_size(seed: int) -> None:
    corners = join([part.mesh for part in draw_sofa(np.random.default_rng(seed))]).corners
    size = np.ptp(corners, axis=(0, 1))

    assert np.isfinite(corners).all()
    assert corners[..., 1].min() == pytest.approx(0.0, abs=0.06)
    assert 0.9 <= size[0] <= 3.0
    assert 0.3 <= size[1] <= 1.3


def test_the_seed_decides() -> None:
    first, again, other = (draw_sofa(np.random.default_rng(seed)) for seed in (3, 3, 4))

    np.testing.assert_array_equal(join([p.mesh for p in first]).corners, join([p.mesh for p in again]).corners)
    assert [p.material for p in first] == [p.material for p in again]
    assert [p.material for p in first] != [p.material for p in other]


def test_shapes_vary() -> None:
    counts = {sum(len(part.mesh.corners) for part in draw_sofa(np.random.default_rng(seed))) for seed in range(20)}

    assert len(counts) > 8
