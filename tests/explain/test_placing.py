"""Where a heat map lies on the photo that it was made of."""

import numpy as np
import pytest

from tellapart.explain.placing import against, enlarged, in_middle, on_photo
from tellapart.photos.pixels import PixelSpec


def corner(size: int) -> np.ndarray:
    heat = np.zeros((size, size), dtype=np.float32)
    heat[: size // 4, size - size // 4 :] = 1
    return heat


@pytest.mark.parametrize("geometry", ["squash", "letterbox", "crop"])
@pytest.mark.parametrize("photo", [(60, 40), (40, 60), (50, 50)])
def test_the_right_upper_corner_stays_there(geometry: str, photo: tuple[int, int]) -> None:
    spec = PixelSpec.from_dict({**PixelSpec(32).as_dict(), "geometry": geometry})
    placed = on_photo(corner(32), spec, photo)
    width, height = photo
    assert placed.shape == (height, width)
    top, right = placed[: height // 2, width // 2 :], placed.sum()
    assert right > 0
    assert top.sum() > 0.9 * right


def test_cells_are_enlarged_about_their_centres() -> None:
    large = enlarged(np.array([[0.0, 0.0], [0.0, 4.0]]), 8)
    assert large.shape == (8, 8)
    assert min(np.unravel_index(int(large.argmax()), large.shape)) >= 6
    assert large[0, 0] == 0


def test_an_even_map_has_half_in_the_middle() -> None:
    assert in_middle(np.ones((30, 50))) == pytest.approx(0.5, abs=1e-6)
    assert in_middle(corner(32)) == pytest.approx(0.0, abs=0.2)
    assert in_middle(-np.ones((4, 4))) is None


def test_what_speaks_against_is_the_negative_share() -> None:
    assert against(np.array([[3.0, -1.0]])) == pytest.approx(0.25)
    assert against(np.zeros((2, 2))) == 0
