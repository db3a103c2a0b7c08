"""Varied views of photos: what teacher and student both look at.

A photo of the pool has six views: the whole photo, three crops with mild
changes of colour, one strong variation, and one with a piece of another photo
pasted in. View `v` of photo `p` depends on the seed, `v` and `p` alone.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance, ImageFile, ImageOps

VIEWS = 6
TEACHER_SIZE = 256  # MobileNetV2's maps are then 8 x 8, as the student's are at 128
STUDENT_SIZE = 128
_STRONG, _PASTED = 4, 5
ImageFile.LOAD_TRUNCATED_IMAGES = True  # one photo of the pool lacks its last bytes


def photo_files(folders: Sequence[Path]) -> list[Path]:
    """All photos below some folders, in a fixed order."""
    suffixes = {".jpg", ".jpeg", ".png"}
    return [path for folder in folders for path in sorted(folder.rglob("*")) if path.suffix.lower() in suffixes]


def views(files: Sequence[Path], number: int, seed: int, start: int = 0) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """View `number` of each photo from `start` on, at the teacher's and at the student's size, uint8 RGB."""

    def make(position: int) -> tuple[np.ndarray, np.ndarray]:
        generator = np.random.default_rng([seed, number, position])
        picture = _view(_open(files[position]), number, generator)
        if number == _PASTED:
            other = _view(_open(files[int(generator.integers(len(files)))]), 1, generator)
            picture = _paste(picture, other, generator)
        sizes = (TEACHER_SIZE, STUDENT_SIZE)
        large, small = (picture.resize((size, size), Image.Resampling.BILINEAR) for size in sizes)
        return np.asarray(large), np.asarray(small)

    with ThreadPoolExecutor(2) as pool:
        for first in range(start, len(files), 256):  # a bounded queue: photos are not all held at once
            yield from pool.map(make, range(first, min(first + 256, len(files))))


def _open(path: Path) -> Image.Image:
    with Image.open(path) as image:
        return ImageOps.exif_transpose(image).convert("RGB")


def _view(photo: Image.Image, number: int, generator: np.random.Generator) -> Image.Image:
    if number == 0:
        return photo
    strong = number == _STRONG
    photo = _crop(photo, generator, 0.3 if strong else 0.5)
    if strong:
        photo = photo.rotate(float(generator.uniform(-25, 25)), Image.Resampling.BILINEAR, fillcolor=(128, 128, 128))
    reach = 0.6 if strong else 0.3
    for change in (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color):
        photo = change(photo).enhance(float(generator.uniform(1 - reach, 1 + reach)))
    if strong and generator.random() < 0.2:
        photo = ImageOps.grayscale(photo).convert("RGB")
    return photo


def _crop(photo: Image.Image, generator: np.random.Generator, smallest: float) -> Image.Image:
    area = photo.width * photo.height * generator.uniform(smallest, 1.0)
    ratio = photo.width / photo.height * np.exp(generator.uniform(-0.3, 0.3))
    width = min(photo.width, max(8, round(np.sqrt(area * ratio))))
    height = min(photo.height, max(8, round(np.sqrt(area / ratio))))
    left = int(generator.integers(photo.width - width + 1))
    top = int(generator.integers(photo.height - height + 1))
    return photo.crop((left, top, left + width, top + height))


def _paste(under: Image.Image, over: Image.Image, generator: np.random.Generator) -> Image.Image:
    width, height = under.size
    share = np.sqrt(generator.uniform(0.2, 0.5))
    piece = over.resize((max(1, round(width * share)), max(1, round(height * share))), Image.Resampling.BILINEAR)
    corner = int(generator.integers(width - piece.width + 1)), int(generator.integers(height - piece.height + 1))
    result = under.copy()
    result.paste(piece, corner)
    return result
