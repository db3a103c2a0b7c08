"""Small photos and folders of photos, drawn from a seed."""

import hashlib
import struct
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tellapart.photos.listing import LeftOut
from tellapart.photos.scan import Photo, Photos


def noise(seed: int, size: tuple[int, int] = (24, 16)) -> Image.Image:
    """An RGB picture of width and height `size`; another seed gives another picture."""
    generator = np.random.default_rng(seed)
    return Image.fromarray(generator.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8))


def quarters(size: tuple[int, int] = (48, 32)) -> Image.Image:
    """Red, green, blue and yellow quarters (from the top left, row by row): no symmetry at all."""
    width, height = size
    picture = Image.new("RGB", size, (220, 30, 30))
    picture.paste((30, 200, 30), (width // 2, 0, width, height // 2))
    picture.paste((30, 30, 220), (0, height // 2, width // 2, height))
    picture.paste((230, 220, 40), (width // 2, height // 2, width, height))
    return picture


def save(picture: Image.Image, path: Path, **options: Any) -> Path:
    """Save a picture below folders that need not be there yet."""
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.save(path, **options)
    return path


def class_folders(root: Path, counts: dict[str, int], seed: int = 0) -> Path:
    """A folder of class folders with so many distinct photos of each class."""
    for place, (label, count) in enumerate(counts.items()):
        for number in range(count):
            save(noise(seed + 1000 * place + number), root / label / f"{number:03}.png")
    return root


def png_of(width: int, height: int) -> bytes:
    """A black, 1-bit PNG of any size: 50 megapixels take 6 kB."""
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    compressor = zlib.compressobj(9)
    row = bytes(1 + (width + 7) // 8)
    data = b"".join(compressor.compress(row) for _ in range(height)) + compressor.flush()
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        for kind, content in ((b"IHDR", header), (b"IDAT", data), (b"IEND", b""))
    )


def photo(number: int, label: str, *, path: str = "", part: str = "", pixels: str = "") -> Photo:
    """What `scan` would say of a photo, without a file."""
    return Photo(
        path=path or f"{label}/{number:04}.png",
        label=label,
        content=f"content {label} {number}",
        pixels=pixels or pixels_of(label, number),
        width=24,
        height=16,
        part=part,
    )


def saved(number: int, label: str, folder: Path) -> Photo:
    """A photo of noise in a file, with the digest of its bytes."""
    file = save(noise(number), folder / f"{number}.png")
    return replace(photo(number, label, path=file.name), content=hashlib.sha256(file.read_bytes()).hexdigest())


def pixels_of(label: str, number: int) -> str:
    """What stands for the digest of the pixels of `photo(number, label)`."""
    return hashlib.sha256(f"{label} {number}".encode()).hexdigest()


def photos_of(*items: Photo, excluded: tuple[LeftOut, ...] = ()) -> Photos:
    """What `scan` would give, without files."""
    return Photos(Path("nowhere"), tuple(sorted(items, key=lambda item: item.path)), excluded, ())
