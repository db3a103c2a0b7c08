"""What unpacking a photo takes, told by its bytes before it is unpacked.

A file of some kilobytes can ask for gigabytes, or for minutes: a million empty chunks, a thousand passes over a large
picture, one picture that is decoded in Python. What a file may ask for grows with its size, so that no photo of a
camera is refused, and no small file takes more than 300 MB or a second.
"""

import struct
from collections.abc import Iterator
from typing import Any, Final

from PIL import Image

from tellapart.errors import UnreadablePhotoError

LARGE: Final = 25_000_000  # pixels: what is larger is handed over at half its size
ROOM: Final = 220_000_000  # bytes that any file may unpack to
TIMES: Final = 32  # as many as the file has, where that is more: 50 megapixels of a camera are over 7 MB
_PARTS: Final = 20_000  # segments, chunks, blocks and strips of a file under 20 MB, which Pillow walks in Python
_EXIF_PARTS: Final = 100  # what one EXIF segment counts for: Pillow copies all that were before it
_PASSES: Final = 1_000  # passes over a JPEG times its megapixels; a camera's photo has 10 passes
_RUN_PIXELS, _RUN_BYTES = 4_000_000, 1_000_000  # of a run-length coded BMP, which Pillow decodes in Python
_TILE: Final = 4  # a TIFF's tile is at most so many times the picture, or a megapixel
_SOS: Final = 0xDA
_BARE: Final = frozenset({0x01, *range(0xD0, 0xDA)})  # JPEG markers without a length
_BLOCK_BYTES: Final = frozenset({1, 2, 6, 7})  # TIFF types that Pillow keeps as bytes
_WIDTHS: Final = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_SAMPLE_BYTES: Final = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16B": 2, "I;16L": 2, "I;16N": 2, "I": 8, "F": 8}


def check_parts(content: bytes) -> None:
    """Refuse a file of so many parts that finding its first picture takes long.

    Raises:
        UnreadablePhotoError: It has more than 20,000, and more than one a kilobyte.
    """
    walk = next((found for sign, found in _WALKS.items() if content.startswith(sign)), None)
    if walk is None:
        return
    most, parts = max(_PARTS, len(content) >> 10), 0
    try:
        for part in walk(content):
            parts += part
            if parts > most:
                raise UnreadablePhotoError(f"over {most:,} parts; no photo has so many")
    except (struct.error, IndexError):
        return  # it breaks off, which the decoder tells in its own words


def check_room(image: Image.Image, content: bytes) -> None:
    """Refuse a file that unpacks to much more than its size lets expect; nothing of it is unpacked yet.

    Args:
        image: The opened file.
        content: Its bytes.

    Raises:
        UnreadablePhotoError: It takes over 220 MB and over 32 times its size, or too many steps.
    """
    pixels = image.width * image.height
    if image.format in {"JPEG", "MPO"}:
        passes = content.count(b"\xff\xda")
        if passes > 1 and passes * pixels > _PASSES * 1_000_000:
            raise UnreadablePhotoError(f"{passes} passes over its pixels; no photo has so many")
    if image.format == "BMP" and image.info.get("compression") in {1, 2} and _is_long(pixels, content):
        raise UnreadablePhotoError("a run-length coded BMP of over 4 megapixels or 1 MB. Next: save it as PNG")
    needed, most = pixels * _bytes_a_pixel(image, content), max(ROOM, TIMES * len(content))
    if needed > most or _tile_pixels(image) > max(_TILE * pixels, 1_000_000):
        raise UnreadablePhotoError(
            f"unpacks to {max(needed, most) / 1e6:.0f} MB; {most / 1e6:.0f} MB are accepted of a file of its size. "
            "Next: save it smaller, or as an ordinary JPEG"
        )
    exif = image.info.get("exif")
    if isinstance(exif, bytes):
        check_parts(exif.removeprefix(b"Exif\0\0"))


def _is_long(pixels: int, content: bytes) -> bool:
    return pixels > _RUN_PIXELS or len(content) > _RUN_BYTES


def _bytes_a_pixel(image: Image.Image, content: bytes) -> float:
    """Memory for each pixel of the file, at the peak: as it is kept, unpacked, converted and turned."""
    large = image.width * image.height > LARGE
    result = 1.0 if large else 4.0  # 4 bytes of each pixel, or of each four
    if image.format in {"JPEG", "MPO"}:
        return _coefficients(image, content) + 2 * result
    if image.format == "WEBP":  # two canvases, their copy and the picture; a lossless one is unpacked beside them
        return (20.0 if b"VP8L" in content[:64] else 16.0) + (result if large else 0.0)
    kept = float(_SAMPLE_BYTES.get(image.mode, 4))
    if image.format == "TIFF":
        bits = _tag(image, 258, (1,))
        kept *= 1 if _tag(image, 274, 1) == 1 else 2  # Pillow turns it while it loads it
        kept += sum(bits) / 8 if isinstance(bits, tuple) else 0
    return max(kept + result, 2 * result)


def _coefficients(image: Image.Image, content: bytes) -> float:
    """Bytes a pixel that a JPEG of several passes keeps until the last."""
    layers = getattr(image, "layer", [])
    start = content.find(b"\xff\xda")
    in_scan = content[start + 4] if 0 <= start < len(content) - 4 else 0
    if not layers or (not image.info.get("progressive") and in_scan >= len(layers)):
        return 0.0
    areas = [across * down for _, across, down, *_ in layers]
    largest = max(across for _, across, *_ in layers) * max(down for _, _, down, *_ in layers)
    return float(2 * sum(areas) / max(largest, 1))


def _tile_pixels(image: Image.Image) -> int:
    sides = _tag(image, 322, 0), _tag(image, 323, 0)
    return int(sides[0] * sides[1]) if all(isinstance(side, int) for side in sides) else 0


def _tag(image: Image.Image, number: int, default: Any) -> Any:
    tags = getattr(image, "tag_v2", {})
    try:
        return tags.get(number, default)
    except Exception:  # a damaged value, which the decoder will meet again
        return default


def _jpeg_parts(content: bytes) -> Iterator[int]:
    """Segments up to the first scan; what lies between them counts by the byte, as Pillow passes over it."""
    at, end, exif = 2, len(content), bytearray()
    while at < end:
        mark = content.find(b"\xff", at)
        if mark < 0:
            yield end - at
            return
        kind = content[mark + 1]
        yield 1 + mark - at
        at = mark + (1 if kind == 0xFF else 2)
        if kind in {0, 0xFF} or kind in _BARE:
            continue
        if kind == _SOS:
            break
        (length,) = struct.unpack_from(">H", content, at)
        if kind == 0xE1 and content.startswith(b"Exif\0", at + 2):
            exif += content[at + 8 : at + length]
            yield _EXIF_PARTS
        at += max(length, 2)
    if exif.startswith((b"II", b"MM")):
        yield from _tiff_parts(bytes(exif))


def _png_parts(content: bytes) -> Iterator[int]:
    at = 8
    while at < len(content):
        (length,) = struct.unpack_from(">I", content, at)
        at += length + 12
        yield 1


def _gif_parts(content: bytes) -> Iterator[int]:
    """Blocks up to the first picture; what lies between them counts by the byte."""
    at = 13 + _colours(content[10])
    while content[at] not in b",;":
        yield 1
        if content[at] != 0x21:
            at += 1
            continue
        at += 2
        while content[at]:
            at += content[at] + 1
            yield 1
        at += 1


def _colours(flags: int) -> int:
    return 3 * 2 << (flags & 7) if flags & 0x80 else 0


def _tiff_parts(content: bytes) -> Iterator[int]:
    """Entries of the first directory and their numbers; those that say the same bytes again count by the kilobyte."""
    order = "<" if content[:2] == b"II" else ">"
    (version,) = struct.unpack_from(f"{order}H", content, 2)
    big = version == 43
    start = struct.unpack_from(f"{order}Q" if big else f"{order}I", content, 8 if big else 4)[0]
    entries = struct.unpack_from(f"{order}Q" if big else f"{order}H", content, start)[0]
    entry, size, at, room = (f"{order}HHQ", 20, start + 8, 2) if big else (f"{order}HHI", 12, start + 2, 1)
    total = 0
    for place in range(entries):
        _, kind, count = struct.unpack_from(entry, content, at + place * size)
        n_bytes = count * _WIDTHS.get(kind, 0)
        if n_bytes > len(content):  # a damaged entry, which Pillow passes over
            yield 1
            continue
        total += n_bytes if n_bytes > 4 * room else 0
        numbers = 0 if kind in _BLOCK_BYTES else count
        yield 1 + numbers + (n_bytes >> 10 if total > len(content) else 0)


_WALKS: Final = {
    b"\xff\xd8\xff": _jpeg_parts,
    b"\x89PNG\r\n\x1a\n": _png_parts,
    b"GIF8": _gif_parts,
    b"II": _tiff_parts,
    b"MM": _tiff_parts,
}
