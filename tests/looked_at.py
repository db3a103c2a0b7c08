"""Photos without files whose looks a test chooses."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from photo_maker import photo
from tellapart.photos.look import SIDE, Look
from tellapart.photos.scan import Photo

LOOK = Look(
    format="JPEG",
    orientation=1,
    camera="",
    file_bytes=50_000,
    tables="0a",
    coarseness=10.0,
    brightness=0.5,
    contrast=0.2,
    darkest=0.2,
    brightest=0.8,
    sharpness=800.0,
    thumbnail=np.zeros((SIDE, SIDE), np.uint8),
    colour=0.1,
    warmth=0.0,
)


def looked_at(number: int, label: str = "chair", *, width: int = 400, height: int = 300, **look: Any) -> Photo:
    """A photo of which `look` was measured."""
    return replace(photo(number, label), width=width, height=height, look=replace(LOOK, **look))


def like(values: Sequence[float] | np.ndarray, start: int = 0) -> list[Photo]:
    """Photos that differ in brightness alone."""
    return [looked_at(start + number, brightness=float(value)) for number, value in enumerate(values)]
