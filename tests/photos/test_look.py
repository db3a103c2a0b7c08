from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

from photo_maker import noise, quarters, save
from tellapart.photos.decode import decode
from tellapart.photos.look import SIDE, Look, measure


def look_of(path: Path) -> Look:
    content = path.read_bytes()
    return measure(content, decode(content))


def test_header_and_light_are_measured(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x010F], exif[0x0110] = 6, "Maker\0", "One"
    look = look_of(save(quarters(), tmp_path / "a.png", format="JPEG", exif=exif, quality=40))
    assert (look.format, look.orientation, look.camera) == ("JPEG", 6, "Maker One")
    assert look.file_bytes == (tmp_path / "a.png").stat().st_size
    assert look.tables
    grey = np.asarray(quarters().convert("L"), dtype=float) / 255
    assert look.brightness == pytest.approx(grey.mean(), abs=0.02)
    assert look.contrast == pytest.approx(grey.std(), abs=0.02)
    assert look.darkest == pytest.approx(np.quantile(grey, 0.1), abs=0.05)
    assert look.brightest == pytest.approx(np.quantile(grey, 0.9), abs=0.05)


def test_thumbnail_is_the_whole_upright_photo(tmp_path: Path) -> None:
    look = look_of(save(quarters((300, 100)), tmp_path / "a.png"))
    thumbnail = np.asarray(look.thumbnail)
    assert thumbnail.shape == (SIDE, SIDE)
    assert thumbnail.dtype == np.uint8
    grey = np.asarray(quarters().convert("L"))
    for row, column in ((0, 0), (0, -1), (-1, 0), (-1, -1)):
        assert thumbnail[row, column] == grey[row, column]


def test_stronger_compression_has_coarser_tables(tmp_path: Path) -> None:
    fine, coarse = (look_of(save(noise(1), tmp_path / f"{q}.jpg", quality=q)) for q in (95, 30))
    assert coarse.coarseness > 3 * fine.coarseness
    assert fine.tables != coarse.tables
    assert look_of(save(noise(1), tmp_path / "a.png")).coarseness == 0


def test_blur_lowers_sharpness_and_size_does_not_decide(tmp_path: Path) -> None:
    scene = noise(3, (64, 48)).resize((640, 480), Image.Resampling.NEAREST)
    sharp = look_of(save(scene, tmp_path / "sharp.png")).sharpness
    blurred = look_of(save(scene.filter(ImageFilter.GaussianBlur(12)), tmp_path / "blurred.png")).sharpness
    large = look_of(save(scene.resize((1280, 960), Image.Resampling.NEAREST), tmp_path / "large.png")).sharpness
    assert blurred < sharp / 50
    assert large == pytest.approx(sharp, rel=0.2)


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow tells of the damage; decode.py says why it is passed over
def test_a_photo_of_one_pixel_and_a_damaged_exif_are_measured(tmp_path: Path) -> None:
    assert look_of(save(noise(0, (1, 1)), tmp_path / "a.png")).sharpness == 0
    damaged = look_of(save(noise(0), tmp_path / "b.jpg", exif=b"Exif\0\0II*\0\xff\xff\xff\xff" + b"\xff" * 9))
    assert (damaged.orientation, damaged.camera) == (1, "")


def test_colours(tmp_path: Path) -> None:
    red, blue, grey = (
        look_of(save(Image.new("RGB", (40, 30), colour), tmp_path / f"{number}.png"))
        for number, colour in enumerate(((255, 0, 0), (0, 51, 102), (90, 90, 90)))
    )
    assert (red.colour, red.warmth) == pytest.approx((1.0, 1.0))
    assert (blue.colour, blue.warmth) == pytest.approx((0.4, -0.4))
    assert (grey.colour, grey.warmth) == (0.0, 0.0)
