"""Photos made to take memory or time: each is small, and asks for much."""

import io
import struct
import zlib
from collections.abc import Callable
from functools import partial

from PIL import Image

from photo_maker import noise, png_of


def as_bytes(picture: Image.Image, kind: str, **options: object) -> bytes:
    """The bytes of a picture's file."""
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def chunk(kind: bytes, content: bytes = b"") -> bytes:
    """A chunk of a PNG."""
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def segment(marker: int, content: bytes) -> bytes:
    """A segment of a JPEG."""
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def _jpeg_with(before: bytes) -> bytes:
    whole = as_bytes(noise(0), "JPEG")
    return whole[:2] + before + whole[2:]


def _many_passes(side: int, passes: int) -> bytes:
    """A progressive JPEG whose last pass, over everything and all but empty, comes again and again."""
    whole = as_bytes(Image.new("L", (side, side), 128), "JPEG", progressive=True)
    last = whole.rindex(b"\xff\xda")
    return whole[:last] + whole[last:-2] * passes + whole[-2:]


def _png_with(before: bytes) -> bytes:
    whole = as_bytes(noise(0), "PNG")
    place = whole.index(b"IDAT") - 4
    return whole[:place] + before + whole[place:]


def png(size: tuple[int, int], *, depth: int = 8, colour: int = 2, interlaced: bool = False) -> bytes:
    """A black PNG of any kind, not compressed well, made row by row."""
    samples = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]
    header = struct.pack(">IIBBBBB", *size, depth, colour, 0, 0, int(interlaced))
    compressor = zlib.compressobj(1)
    row = bytes(1 + (size[0] * samples * depth + 7) // 8)
    rows = b"".join(compressor.compress(row) for _ in range(size[1] + 8 * interlaced)) + compressor.flush()
    palette = chunk(b"PLTE", bytes(range(256)) * 3) + chunk(b"tRNS", bytes(range(256))) if colour == 3 else b""
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + palette + chunk(b"IDAT", rows) + chunk(b"IEND")


def _gif_of_blocks(n: int) -> bytes:
    whole = as_bytes(noise(0).quantize(4), "GIF")
    place = whole.index(b"\x2c", 13 + 3 * 4)
    return whole[:place] + b"\x21\xfe" + b"\x01A" * n + b"\x00" + whole[place:]


def _tiff(entries: list[tuple[int, int, int, int]], tail: bytes) -> bytes:
    """A TIFF of one directory; an entry is tag, type, count and value."""
    directory = b"".join(struct.pack("<HHII", *entry) for entry in sorted(entries))
    return b"II*\0" + struct.pack("<IH", 8, len(entries)) + directory + bytes(4) + tail


def tiff_of_equal_tags(n: int, size: int) -> bytes:
    """A TIFF of which many entries say that the same bytes are theirs."""
    sides = [(256, 4, 1, 16), (257, 4, 1, 16), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1), (273, 4, 1, 8)]
    return _tiff([*sides, *((60_000 + place, 7, size, 8) for place in range(n))], bytes(size))


def _tiff_of_strips(n: int) -> bytes:
    place = 8 + 2 + 12 * 7 + 4
    sides = [(256, 4, 1, 16), (257, 4, 1, 16), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1), (278, 3, 1, 1)]
    return _tiff([*sides, (273, 4, n, place)], bytes(4 * n))


def _tiff_of_one_tile(side: int) -> bytes:
    data = zlib.compress(bytes(1 << 20), 9)
    place = 8 + 2 + 12 * 9 + 4
    sides = [(256, 4, 1, 16), (257, 4, 1, 16), (258, 3, 1, 8), (259, 3, 1, 8), (262, 3, 1, 1)]
    tiles = [(322, 4, 1, side), (323, 4, 1, side), (324, 4, 1, place), (325, 4, 1, len(data))]
    return _tiff([*sides, *tiles], data)


def _bmp_of_runs(width: int, height: int, runs: bytes) -> bytes:
    """A run-length coded BMP."""
    place = 14 + 40 + 1024
    head = struct.pack("<2sIHHI", b"BM", place + len(runs), 0, 0, place)
    info = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, 1, len(runs), 0, 0, 256, 256)
    return head + info + bytes(1024) + runs


def _large(kind: str, mode: str, side: int, **options: object) -> bytes:
    return as_bytes(Image.new(mode, (side, side)), kind, **options)


def _turned(side: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    return _large("JPEG", "RGB", side, exif=exif)


_EXIF = segment(0xE1, b"Exif\0\0" + b"MM\0*" + bytes(500))
# By name: what makes it. Each takes little to make and is under 10 MB.
HOSTILE: dict[str, Callable[[], bytes]] = {
    "JPEG of a million segments": lambda: _jpeg_with(segment(0xE5, b"") * 1_000_000),
    "JPEG of much EXIF": lambda: _jpeg_with(_EXIF * 18_000),
    "JPEG of padding": lambda: _jpeg_with(b"\xff" * 9_000_000),
    "JPEG of junk": lambda: _jpeg_with(bytes(9_000_000)),
    "JPEG of a thousand passes": partial(_many_passes, 3000, 1000),
    "JPEG turned, 49 megapixels": partial(_turned, 7000),
    "JPEG in CMYK, 49 megapixels": partial(_large, "JPEG", "CMYK", 7000),
    "JPEG in passes, 49 megapixels": partial(_large, "JPEG", "RGB", 7000, progressive=True),
    "JPEG in passes, all colours whole": partial(_large, "JPEG", "RGB", 7000, progressive=True, subsampling=0),
    "PNG of a million chunks": lambda: _png_with(chunk(b"teSt") * 700_000),
    "PNG of empty data": lambda: _png_with(chunk(b"IDAT") * 700_000),
    "PNG of 1 bit, 50 megapixels": partial(png_of, 10_000, 5_000),
    "PNG, a strip of 1 bit": partial(png_of, 1_000_000, 50),
    "PNG, a strip of one row": partial(png, (1_000_000, 1)),
    "PNG, a strip of one column": partial(png, (1, 1_000_000)),
    "PNG in colour, 49 megapixels": partial(png, (7_000, 7_000)),
    "PNG in colour, 25 megapixels": partial(png, (5_000, 5_000)),
    "PNG, interlaced, 25 megapixels": partial(png, (5_000, 5_000), interlaced=True),
    "PNG with transparency, 25 megapixels": partial(png, (5_000, 5_000), colour=6),
    "PNG with transparency, 49 megapixels": partial(png, (7_000, 7_000), colour=6),
    "PNG of a palette, 49 megapixels": partial(png, (7_000, 7_000), colour=3),
    "PNG of 16 bits, 49 megapixels": partial(png, (7_000, 7_000), depth=16, colour=0),
    "PNG of 16 bits in colour, 25 megapixels": partial(png, (5_000, 5_000), depth=16),
    "GIF of five million blocks": partial(_gif_of_blocks, 4_900_000),
    "GIF of 49 megapixels": partial(_large, "GIF", "P", 7000),
    "WebP of 12 megapixels": partial(_large, "WEBP", "RGB", 3500, quality=50, method=0),
    "WebP of 49 megapixels": partial(_large, "WEBP", "RGB", 7000, quality=50, method=0),
    "WebP, lossless, 9 megapixels": partial(_large, "WEBP", "RGBA", 3000, lossless=True, quality=0, method=0),
    "TIFF whose tags say the same": partial(tiff_of_equal_tags, 5_000, 5_000_000),
    "TIFF of a million strips": partial(_tiff_of_strips, 1_000_000),
    "TIFF of one tile of 400 megapixels": partial(_tiff_of_one_tile, 20_000),
    "TIFF in colour, 25 megapixels": partial(_large, "TIFF", "RGB", 5000, compression="tiff_adobe_deflate"),
    "TIFF in CMYK, 49 megapixels": partial(_large, "TIFF", "CMYK", 7000, compression="tiff_lzw"),
    "TIFF of floats, 25 megapixels": partial(_large, "TIFF", "F", 5000, compression="tiff_adobe_deflate"),
    "TIFF of whole numbers, 49 megapixels": partial(_large, "TIFF", "I", 7000, compression="tiff_adobe_deflate"),
    "TIFF of 1 bit, 49 megapixels": partial(_large, "TIFF", "1", 7000, compression="group4"),
    "BMP of row ends": lambda: _bmp_of_runs(50_000, 1_000, b"\0\0" * 1_000),
    "BMP of long steps": lambda: _bmp_of_runs(1_000_000, 50, b"\0\x02\xff\xff" * 100),
    "BMP of short runs": lambda: _bmp_of_runs(2_000, 2_000, b"\x01\x05" * 4_000_000),
    "BMP of a thousand megapixels": lambda: _bmp_of_runs(1_000_000_000, 1, b"\0\0"),
}
