import numpy as np

from tellapart.demo.geometry import Array
from tellapart.demo.raster import rasterise

# Right-angled, anticlockwise to the eye with y downwards: the lower left half of a 4 by 4 image.
HALF = np.array([[[0.0, 0.0], [0.0, 4.0], [4.0, 4.0]]])


def covered(corners: Array, width: int, height: int) -> Array:
    mask = np.zeros(width * height, dtype=int)
    seen = rasterise(corners, np.ones(corners.shape[:2]), width, height)
    mask[seen.pixel] = 1
    return mask.reshape(height, width)


def test_a_known_triangle_covers_known_pixels() -> None:
    # Centres on the diagonal are on the right edge, which belongs to the neighbour.
    np.testing.assert_array_equal(covered(HALF, 4, 4), np.tril(np.ones((4, 4), dtype=int), k=-1))


def test_neighbours_leave_no_gap() -> None:
    other = np.array([[[0.0, 0.0], [4.0, 4.0], [4.0, 0.0]]])

    assert covered(np.concatenate([HALF, other]), 4, 4).all()
    assert (covered(HALF, 4, 4) + covered(other, 4, 4) == 1).all()


def test_a_triangle_that_turns_its_back_is_left_out() -> None:
    assert not covered(HALF[:, ::-1], 4, 4).any()


def test_the_nearer_surface_hides_the_farther_one() -> None:
    corners = np.concatenate([HALF, HALF, HALF])
    seen = rasterise(corners, np.array([[1.0] * 3, [3.0] * 3, [2.0] * 3]), 4, 4)

    assert set(seen.triangle.tolist()) == {1}
    np.testing.assert_allclose(seen.nearness, 3.0)


def test_surfaces_that_cross_are_split_where_they_meet() -> None:
    big = np.array([[[-10.0, -10.0], [-10.0, 30.0], [30.0, -10.0]]])
    tilted = 1.0 + (big[..., 0] - 5.0) * 0.1
    seen = rasterise(np.concatenate([big, big]), np.concatenate([np.ones((1, 3)), tilted]), 10, 10)
    winner = np.full(100, -1)
    winner[seen.pixel] = seen.triangle

    np.testing.assert_array_equal(winner.reshape(10, 10)[0], [0] * 5 + [1] * 5)


def test_weights_give_back_the_position() -> None:
    corners = np.array([[[1.0, 2.0], [3.0, 17.0], [19.0, 6.0]]])
    seen = rasterise(corners, np.ones((1, 3)), 20, 20)
    spots = np.stack([seen.pixel % 20 + 0.5, seen.pixel // 20 + 0.5], axis=1)

    np.testing.assert_allclose(seen.weights @ corners[0], spots)
    assert seen.weights.min() >= -1e-9


def test_what_lies_outside_is_cut_off() -> None:
    around = np.array([[[-90.0, -90.0], [-90.0, 300.0], [300.0, -90.0]]])

    assert covered(around, 5, 3).all()
    assert not covered(HALF + 50, 4, 4).any()
    assert not covered(np.zeros((0, 3, 2)), 4, 4).any()
