import io
import os
import struct
import tracemalloc
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from photo_maker import noise, png_of, quarters, save
from tellapart.errors import UnreadablePhotoError
from tellapart.photos import decode as module
from tellapart.photos.decode import SUFFIXES, decode, read, upright_size

# In use Pillow's warnings are silenced by the decoder; pytest's own filters replace that.
pytestmark = pytest.mark.filterwarnings(r"ignore:::PIL\.")
WHITE = (255, 255, 255)


def as_bytes(picture: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def far(one: Image.Image, other: Image.Image) -> float:
    """Mean distance of two pictures, 0 to 255."""
    assert one.size == other.size
    return float(np.abs(np.asarray(one, dtype=float) - np.asarray(other, dtype=float)).mean())


def with_orientation(upright: Image.Image, orientation: int) -> Image.Image:
    """A picture as a camera stores it, so that applying `orientation` makes it upright."""
    inverse = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    return upright.transpose(inverse[orientation]) if orientation in inverse else upright.copy()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied_once(orientation: int, kind: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = with_orientation(quarters(), orientation)
    found = decode(as_bytes(stored, kind, exif=exif))
    assert far(found, quarters()) < 6
    assert found.getexif().get(0x0112, 1) == 1
    assert decode(as_bytes(found, "PNG")).size == quarters().size


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_an_orientation_that_does_not_exist_is_ignored(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    assert far(decode(as_bytes(quarters(), "JPEG", exif=exif)), quarters()) < 6


def test_damaged_exif_does_not_lose_the_photo() -> None:
    content = as_bytes(quarters(), "JPEG", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff")
    assert far(decode(content), quarters()) < 6


@pytest.mark.parametrize("shape", ["Landscape", "Portrait"])
@pytest.mark.parametrize("orientation", range(9))
def test_real_photos_of_every_orientation_equal_the_upright_one(shared: Path, shape: str, orientation: int) -> None:
    folder = shared / "data" / "odd" / "exif_orientation"
    if not folder.is_dir():
        pytest.skip("the photos of every orientation are not here")
    truth = decode(folder / f"{shape}_1.jpg")
    assert far(decode(folder / f"{shape}_{orientation}.jpg"), truth) < 8


def test_pngsuite_is_decoded_and_its_broken_files_are_refused(shared: Path) -> None:
    files = sorted((shared / "data" / "odd" / "pngsuite").glob("*.png"))
    if not files:
        pytest.skip("the PNG test suite is not here")
    refused = []
    for file in files:
        try:
            assert decode(file).mode == "RGB"
        except UnreadablePhotoError:
            refused.append(file.name)
    assert refused == [file.name for file in files if file.name.startswith("x")]


def test_every_odd_file_decodes_or_is_refused(shared: Path) -> None:
    files = sorted((shared / "data" / "odd" / "pillow").iterdir())
    if not files:
        pytest.skip("Pillow's odd files are not here")
    n_decoded = 0
    for file in files:
        try:
            assert decode(file).mode == "RGB"
            n_decoded += 1
        except UnreadablePhotoError as problem:
            assert "\n" not in str(problem)  # noqa: PT017 - only some files raise
    assert n_decoded > len(files) * 0.9


def test_cmyk() -> None:
    found = decode(as_bytes(quarters().convert("CMYK"), "JPEG", quality=95))
    assert found.mode == "RGB"
    assert far(found, quarters()) < 8


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_16_bit_grey_keeps_its_shades(kind: str) -> None:
    ramp = np.linspace(0, 65535, 64).astype(np.uint16).reshape(8, 8)
    found = np.asarray(decode(as_bytes(Image.fromarray(ramp), kind)))
    assert np.abs(found[..., 0].astype(float) - ramp / 257).max() <= 1
    assert (found[..., 0] == found[..., 2]).all()


def test_dark_16_bit_grey_stays_dark() -> None:
    assert np.asarray(decode(as_bytes(Image.fromarray(np.full((4, 4), 200, np.uint16)), "PNG"))).max() <= 1


@pytest.mark.parametrize("top", [1.0, 255.0])
def test_float_tiff_from_0_to_1_or_to_255(top: float) -> None:
    ramp = np.linspace(0, top, 64, dtype=np.float32).reshape(8, 8)
    found = np.asarray(decode(as_bytes(Image.fromarray(ramp), "TIFF")))[..., 0]
    assert np.abs(found - ramp / top * 255).max() <= 1


def test_float_tiff_with_holes() -> None:
    samples = np.array([[np.nan, np.inf], [-np.inf, 1.0]], dtype=np.float32)
    assert np.asarray(decode(as_bytes(Image.fromarray(samples), "TIFF")))[..., 0].tolist() == [[0, 0], [0, 255]]


def test_32_bit_grey() -> None:
    samples = np.array([[-5, 0], [32768, 65535]], dtype=np.int32)
    assert np.asarray(decode(as_bytes(Image.fromarray(samples), "TIFF")))[..., 0].tolist() == [[0, 0], [128, 255]]


def test_palette() -> None:
    assert far(decode(as_bytes(quarters().quantize(8), "PNG")), quarters()) < 4


def test_transparent_colour_of_a_palette_is_white() -> None:
    picture = quarters().quantize(4)
    index = picture.getpixel((0, 0))
    found = decode(as_bytes(picture, "PNG", transparency=index))
    assert found.getpixel((0, 0)) == WHITE
    assert found.getpixel((47, 31)) != WHITE


@pytest.mark.parametrize(("alpha", "shade"), [(0, 255), (128, 127), (255, 0)])
@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_transparency_lies_on_white(mode: str, alpha: int, shade: int) -> None:
    black = (0, 0, 0, alpha) if mode == "RGBA" else (0, alpha)
    found = decode(as_bytes(Image.new(mode, (3, 2), black), "PNG"))
    assert found.getpixel((1, 1)) == (shade, shade, shade)


def test_1_bit() -> None:
    picture = Image.new("1", (9, 5))
    picture.putpixel((3, 2), 1)
    found = decode(as_bytes(picture, "PNG"))
    assert found.getpixel((3, 2)) == WHITE
    assert found.getpixel((2, 3)) == (0, 0, 0)


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_animations_give_their_first_frame(kind: str) -> None:
    red, blue = (Image.new("RGB", (20, 10), colour) for colour in ((230, 20, 20), (20, 20, 230)))
    content = as_bytes(red, kind, save_all=True, append_images=[blue, blue], duration=50)
    with Image.open(io.BytesIO(content)) as animation:
        assert getattr(animation, "n_frames", 1) > 1
    assert far(decode(content), red) < 8


def test_multi_picture_jpeg_gives_its_first_picture() -> None:
    assert far(decode(as_bytes(quarters(), "MPO", save_all=True, append_images=[noise(1, (48, 32))])), quarters()) < 6


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (b"This is a letter, not a photo.", "not a photo in an accepted format"),
        (b"GIF89a", "accepted format|truncated or damaged"),
        (as_bytes(noise(0, (200, 200)), "JPEG")[:3000], "truncated"),
        (as_bytes(noise(0, (200, 200)), "PNG")[:3000], "truncated"),
        (as_bytes(noise(0), "ICO"), "not a photo in an accepted format"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not a photo in an accepted format"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not a photo in an accepted format"),
    ],
)
def test_what_is_no_photo_is_refused_with_its_reason(content: bytes, reason: str) -> None:
    with pytest.raises(UnreadablePhotoError, match=reason):
        decode(content)


def test_a_png_whose_checksum_is_wrong_is_damaged() -> None:
    content = bytearray(as_bytes(noise(0), "PNG"))
    place = content.index(b"IDAT")
    (length,) = struct.unpack(">I", content[place - 4 : place])
    content[place + 4 + length] ^= 1
    with pytest.raises(UnreadablePhotoError, match="damaged"):
        decode(bytes(content))


def test_over_50_megapixels_is_refused_before_it_is_decoded() -> None:
    bomb = png_of(30_000, 30_000)
    assert len(bomb) < 200_000
    tracemalloc.start()
    try:
        with pytest.raises(UnreadablePhotoError, match="megapixels"):
            decode(bomb)
        assert tracemalloc.get_traced_memory()[1] < 20e6
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("size", [(10_001, 5_000), (9_000, 10_000), (20_000, 20_000)])
def test_megapixels_just_above_and_far_above(size: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    # Pillow's own ceilings, 89 and 179 megapixels, must not change the answer.
    monkeypatch.setattr(Image.Image, "load", lambda _: pytest.fail("it was decoded"))
    with pytest.raises(UnreadablePhotoError, match="megapixels"):
        decode(png_of(*size))


def test_exactly_50_megapixels_are_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MEGAPIXELS", 1)
    assert decode(png_of(1000, 1000)).size == (1000, 1000)
    with pytest.raises(UnreadablePhotoError, match="1 megapixels"):
        decode(png_of(1001, 1000))


def test_missing_file_folder_and_pipe(tmp_path: Path) -> None:
    with pytest.raises(UnreadablePhotoError, match="no such file"):
        decode(tmp_path / "none.jpg")
    with pytest.raises(UnreadablePhotoError, match="is a directory"):
        decode(tmp_path)
    os.mkfifo(tmp_path / "pipe.jpg")
    with pytest.raises(UnreadablePhotoError, match="not a regular file"):
        decode(tmp_path / "pipe.jpg")


def test_a_huge_file_is_not_read(tmp_path: Path) -> None:
    film = tmp_path / "film.mp4"
    with film.open("wb") as file:
        file.truncate(600_000_000)  # takes no room on the disk
    with pytest.raises(UnreadablePhotoError, match="600 MB; at most 500"):
        read(film)


def test_a_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> bytes:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(UnreadablePhotoError, match="permission denied"):
        decode(save(noise(0), tmp_path / "a.png"))


@pytest.mark.parametrize("suffix", sorted(SUFFIXES))
def test_a_file_and_its_bytes_look_the_same(tmp_path: Path, suffix: str) -> None:
    path = save(quarters(), tmp_path / f"a{suffix}", format="PNG")  # whatever its name says
    assert decode(path).tobytes() == decode(path.read_bytes()).tobytes() == quarters().tobytes()


def test_the_picture_does_not_need_its_file(tmp_path: Path) -> None:
    path = save(quarters(), tmp_path / "a.png")
    found = decode(path)
    path.unlink()
    assert far(found, quarters()) == 0


def test_pillow_is_quiet_about_odd_files_in_use() -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.resetwarnings()
        warnings.filterwarnings("ignore", module=r"PIL\.")
        decode(as_bytes(quarters(), "JPEG", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff"))
    assert not caught


@settings(max_examples=40, deadline=None)
@given(st.binary(max_size=300), st.sampled_from(["", "PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF"]))
def test_random_bytes_are_refused_and_nothing_else(tail: bytes, kind: str) -> None:
    head = as_bytes(noise(0), kind)[:60] if kind else b""
    try:
        assert decode(head + tail).mode == "RGB"
    except UnreadablePhotoError as problem:
        assert str(problem)  # noqa: PT017 - it may decode as well


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(["PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF"]), st.data())
def test_a_photo_with_wrong_bytes_decodes_or_is_refused(kind: str, data: st.DataObject) -> None:
    content = bytearray(as_bytes(quarters(), kind))
    for place in data.draw(st.lists(st.integers(0, len(content) - 1), min_size=1, max_size=8)):
        content[place] = data.draw(st.integers(0, 255))
    try:
        assert decode(bytes(content)).mode == "RGB"
    except UnreadablePhotoError as problem:
        assert str(problem)  # noqa: PT017 - it may decode as well


def test_orientation_and_upright_truth_differ_without_the_decoder() -> None:
    """The test above would pass with any decoder if the pictures had a symmetry."""
    for orientation in range(2, 9):
        stored = with_orientation(quarters(), orientation)
        squared = ImageOps.fit(stored, (32, 32))
        assert far(squared, ImageOps.fit(quarters(), (32, 32))) > 20


def large_jpeg(size: tuple[int, int], orientation: int = 1, **how: Any) -> bytes:
    generator = np.random.default_rng(0)
    coarse = Image.fromarray(generator.integers(0, 255, (24, 32, 3), dtype=np.uint8))
    exif = Image.Exif()
    exif[0x0112] = orientation
    buffer = io.BytesIO()
    coarse.resize(size, Image.Resampling.BICUBIC).save(buffer, "JPEG", quality=92, exif=exif, **how)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("size", "needed", "decoded"),
    [
        ((1600, 1200), 100, (400, 300)),
        ((1600, 1200), 300, (800, 600)),
        ((1600, 1200), 301, (1600, 1200)),
        ((1600, 1200), 0, (1600, 1200)),
        ((1600, 320), 100, (1600, 320)),  # the shorter side decides
        ((1600, 1200), 16, (200, 150)),
        ((510, 400), 224, (510, 400)),
    ],
)
def test_only_a_much_larger_jpeg_is_decoded_smaller(
    size: tuple[int, int], needed: int, decoded: tuple[int, int]
) -> None:
    assert decode(large_jpeg(size), at_least=needed).size == decoded


@pytest.mark.parametrize("how", [{}, {"progressive": True}, {"subsampling": 0}])
def test_decoded_smaller_it_resizes_to_nearly_the_same(how: dict[str, Any]) -> None:
    content = large_jpeg((1600, 1200), **how)
    small, whole = (
        np.asarray(decode(content, at_least=needed).resize((100, 100), Image.Resampling.BILINEAR), dtype=float)
        for needed in (100, 0)
    )
    assert 0 < np.abs(small - whole).mean() < 1.0
    assert np.abs(small - whole).max() <= 8


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_other_modes_are_decoded_smaller_too(mode: str) -> None:
    buffer = io.BytesIO()
    Image.open(io.BytesIO(large_jpeg((800, 600)))).convert(mode).save(buffer, "JPEG")
    small, whole = (decode(buffer.getvalue(), at_least=needed) for needed in (50, 0))
    assert (small.size, small.mode, whole.size) == ((200, 150), "RGB", (800, 600))
    near = np.asarray(whole.resize(small.size, Image.Resampling.BOX), dtype=float)
    assert np.abs(np.asarray(small, dtype=float) - near).mean() < 2


def test_turned_and_decoded_smaller_it_stands_upright() -> None:
    content = large_jpeg((1600, 1200), orientation=6)
    assert decode(content, at_least=100).size == (300, 400)
    assert upright_size(content) == decode(content).size == (1200, 1600)
    assert upright_size(large_jpeg((160, 120))) == (160, 120)


def test_a_large_photo_that_breaks_off_is_refused_at_any_size() -> None:
    content = large_jpeg((1600, 1200))
    for needed in (0, 100):
        with pytest.raises(UnreadablePhotoError, match="truncated"):
            decode(content[: len(content) // 2], at_least=needed)
