import numpy as np
import pytest
from PIL import Image

from tellapart.explain.placing import against, enlarged, in_middle, on_photo
from tellapart.photos.pixels import GEOMETRIES, PixelSpec, to_pixels

SIZES = [(120, 60), (60, 120), (80, 80), (121, 77)]


@pytest.mark.parametrize("geometry", GEOMETRIES)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("corner", ["top left", "top right", "bottom left"])
def test_a_map_lies_where_the_thing_lies_in_the_photo(geometry: str, size: tuple[int, int], corner: str) -> None:
    """The map is the photo's own light, so that it must come back to where the light was."""
    width, height = size
    photo = Image.new("RGB", size)
    side = 20
    # Within the central square, which is all that `crop` leaves.
    short = min(size)
    left, top = (width - short) // 2, (height - short) // 2
    x = left if corner.endswith("left") else left + short - side
    y = top if corner.startswith("top") else top + short - side
    photo.paste((255, 255, 255), (x, y, x + side, y + side))
    spec = PixelSpec(64, geometry)
    light = to_pixels(photo, spec)[..., 0].astype(np.float32)
    if geometry == "letterbox":
        light[light == 128] = 0  # the border that was added
    heat = on_photo(light, spec, size)
    assert heat.shape == (height, width)
    inside = heat[y : y + side, x : x + side].sum() / heat.sum()
    assert inside > 0.75, inside


def test_what_crop_does_not_see_is_empty() -> None:
    heat = on_photo(np.ones((32, 32), np.float32), PixelSpec(32, "crop"), (90, 30))
    assert not heat[:, :30].any()
    assert (heat[:, 30:60] == 1).all()
    assert not heat[:, 60:].any()


def test_cells_keep_their_places_when_they_are_enlarged() -> None:
    cells = np.zeros((4, 4), np.float32)
    cells[0, 3] = 1
    large = enlarged(cells, 40)
    assert large.shape == (40, 40)
    row, column = np.unravel_index(large.argmax(), large.shape)
    assert row < 10
    assert column >= 30
    assert large[:10, 30:].sum() > 0.5 * large.sum()
    assert large[20:].sum() == 0


@pytest.mark.parametrize("shape", [(64, 64), (30, 77), (5, 5)])
def test_an_even_map_has_half_of_it_in_the_middle(shape: tuple[int, int]) -> None:
    assert in_middle(np.ones(shape)) == pytest.approx(0.5, abs=1e-6)


def test_the_middle_is_told_from_the_edges() -> None:
    heat = np.zeros((50, 80))
    heat[25, 40] = 3
    heat[0, 0] = -7
    assert in_middle(heat) == 1
    heat[49, 79] = 1
    assert in_middle(heat) == pytest.approx(0.75)
    assert in_middle(np.zeros((4, 4))) is None
    assert in_middle(-np.ones((4, 4))) is None


def test_what_speaks_against_is_a_share_of_the_whole() -> None:
    assert against(np.array([[3.0, -1.0]])) == 0.25
    assert against(np.array([[3.0, 1.0]])) == 0
    assert against(np.zeros((2, 2))) == 0
