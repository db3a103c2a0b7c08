import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from photo_maker import quarters
from tellapart.errors import OptionError
from tellapart.photos.decode import decode
from tellapart.photos.pixels import GEOMETRIES, PixelSpec, read_pixels, to_pixels

WIDE = Image.new("RGB", (64, 32), (200, 0, 0))
WIDE.paste((0, 0, 200), (0, 0, 8, 32))  # a blue edge that only a crop loses


@pytest.mark.parametrize("geometry", GEOMETRIES)
@pytest.mark.parametrize("size", [(64, 32), (32, 64), (3000, 1), (1, 3000), (1, 1)])
def test_shape_and_kind(geometry: str, size: tuple[int, int]) -> None:
    pixels = to_pixels(Image.new("RGB", size, (10, 20, 30)), PixelSpec(32, geometry))
    assert pixels.shape == (32, 32, 3)
    assert pixels.dtype == np.uint8
    # In its letterbox a photo of 3000 to 1 is a hundredth of a pixel high: nothing of it shows.
    assert pixels[16, 16].tolist() == [10, 20, 30] or (geometry == "letterbox" and 3000 in size)


def test_squash_keeps_the_whole_photo() -> None:
    pixels = to_pixels(WIDE, PixelSpec(32))
    assert pixels[16, 0, 2] > 150
    assert pixels[16, 31, 0] > 150


def test_letterbox_keeps_the_whole_photo_and_its_proportions() -> None:
    pixels = to_pixels(WIDE, PixelSpec(32, "letterbox"))
    assert (pixels[:8] == 128).all()
    assert (pixels[24:] == 128).all()
    assert pixels[16, 0, 2] > 150


def test_crop_keeps_the_central_square() -> None:
    assert (to_pixels(WIDE, PixelSpec(32, "crop"))[..., 2] < 50).all()


def test_directions_are_kept() -> None:
    pixels = to_pixels(quarters(), PixelSpec(32))
    assert pixels[4, 4].argmax() == 0
    assert pixels[4, 28].argmax() == 1
    assert pixels[28, 4].argmax() == 2


def test_fields_survive_json() -> None:
    spec = PixelSpec(224, "letterbox", "caffe")
    fields = json.loads(json.dumps(spec.as_dict()))
    assert PixelSpec.from_dict(fields) == spec
    assert PixelSpec.from_dict({**fields, "of a later version": 1}) == spec


@pytest.mark.parametrize("size", [15, 1025, 0, -1])
def test_a_size_out_of_range_is_told(size: int) -> None:
    with pytest.raises(OptionError, match=r"16 to 1024.*--image-size"):
        PixelSpec(size)


def test_an_unknown_geometry_is_told() -> None:
    with pytest.raises(OptionError, match="squash, letterbox, crop"):
        PixelSpec(32, "stretch")


def test_a_file_is_read_as_large_as_it_is_needed(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    coarse = Image.fromarray(generator.integers(0, 255, (24, 32, 3), dtype=np.uint8))
    coarse.resize((1600, 1200)).save(tmp_path / "large.jpg", quality=92)
    coarse.save(tmp_path / "small.png")
    spec = PixelSpec(64)
    large, small = (read_pixels(tmp_path / name, spec) for name in ("large.jpg", "small.png"))
    assert np.array_equal(small, to_pixels(decode(tmp_path / "small.png"), spec))
    assert np.array_equal(large, read_pixels((tmp_path / "large.jpg").read_bytes(), spec))
    whole = to_pixels(decode(tmp_path / "large.jpg"), spec).astype(float)
    assert np.abs(large - whole).mean() < 1
