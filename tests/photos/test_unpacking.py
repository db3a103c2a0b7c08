import io

import pytest
from PIL import Image

from hostile_photos import HOSTILE, as_bytes, segment
from photo_maker import noise
from tellapart.errors import UnreadablePhotoError
from tellapart.photos.unpacking import check_parts, check_room

OF_PARTS = (
    "JPEG of a million segments", "JPEG of padding", "JPEG of much EXIF", "PNG of a million chunks",
    "TIFF of a million strips", "TIFF whose tags say the same",
)  # fmt: skip
UNPACKED = {
    "TIFF of one tile of 400 megapixels": "unpacks to",
    "JPEG in passes, all colours whole": "unpacks to",
    "JPEG of a thousand passes": "passes over its pixels",
    "BMP of long steps": "run-length coded",
}


@pytest.mark.parametrize("name", OF_PARTS)
def test_a_file_of_very_many_parts_is_refused(name: str) -> None:
    with pytest.raises(UnreadablePhotoError, match=r"over [\d,]+ parts; no photo has so many"):
        check_parts(HOSTILE[name]())


@pytest.mark.parametrize(
    ("kind", "options"), [("JPEG", {"exif": b"Exif\0\0MM\0*"}), ("PNG", {}), ("GIF", {}), ("TIFF", {})]
)
def test_an_ordinary_photo_passes_both(kind: str, options: dict[str, object]) -> None:
    content = as_bytes(noise(0), kind, **options)
    check_parts(content)
    with Image.open(io.BytesIO(content)) as image:
        check_room(image, content)


def test_a_photo_with_a_segment_or_two_more_passes() -> None:
    whole = as_bytes(noise(0), "JPEG")
    check_parts(whole[:2] + segment(0xE5, b"x") * 1_000 + whole[2:])


@pytest.mark.parametrize("kind", [b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF8", b"II*\0", b"MM\0*", b"", b"BM"])
def test_what_breaks_off_is_left_to_the_decoder(kind: bytes) -> None:
    check_parts(kind)
    check_parts(kind + b"\0")


@pytest.mark.filterwarnings(r"ignore:::PIL\.")
@pytest.mark.parametrize(("name", "reason"), UNPACKED.items())
def test_a_small_file_that_unpacks_to_much_is_refused_before_it_is_unpacked(name: str, reason: str) -> None:
    content = HOSTILE[name]()
    with Image.open(io.BytesIO(content)) as image, pytest.raises(UnreadablePhotoError, match=reason):
        check_room(image, content)
