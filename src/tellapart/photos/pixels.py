"""How a photo becomes a network's pixels: one definition of size and geometry.

It is stored in the model file, and used by training, evaluation, prediction
and the server alike. The scaling of the numbers (such as VGG16's BGR with the
mean subtracted) is the first layer of the exported network; its name is kept
here so that a reader of the model file knows.
"""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
from PIL import Image, ImageOps

from tellapart.errors import OptionError
from tellapart.photos.decode import decode

GEOMETRIES: Final = ("squash", "letterbox", "crop")
SMALLEST: Final = 16
LARGEST: Final = 1024


@dataclass(frozen=True)
class PixelSpec:
    """Size in pixels, geometry and the name of the scaling inside the network.

    `squash` and `letterbox` keep the whole photo; `crop` keeps its central square.
    """

    size: int
    geometry: str = "squash"
    scaling: str = "0 to 1"

    def __post_init__(self) -> None:
        if not SMALLEST <= self.size <= LARGEST:
            raise OptionError(
                f"An image size of {self.size} pixels. Accepted: {SMALLEST} to {LARGEST}. Next: --image-size 224"
            )
        if self.geometry not in GEOMETRIES:
            raise OptionError(f"Geometry '{self.geometry}'. Accepted: {', '.join(GEOMETRIES)}.")

    def as_dict(self) -> dict[str, Any]:
        """The fields, for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> Self:
        """The inverse of `as_dict`; further fields of later versions are ignored."""
        return cls(int(fields["size"]), str(fields["geometry"]), str(fields["scaling"]))


def read_pixels(source: Path | bytes, spec: PixelSpec) -> np.ndarray:
    """Decode a photo and bring it to a network's size; what is learned from, predicted and served goes through here.

    Args:
        source: A file, or the bytes of one.
        spec: Size and geometry.

    Returns:
        Shape (size, size, 3), uint8, RGB, 0 to 255.

    Raises:
        UnreadablePhotoError: As `decode` raises it.
    """
    return to_pixels(decode(source, at_least=spec.size), spec)


def to_pixels(photo: Image.Image, spec: PixelSpec) -> np.ndarray:
    """Bring an upright RGB photo to a network's size.

    Returns:
        Shape (size, size, 3), uint8, RGB, 0 to 255.
    """
    square = (spec.size, spec.size)
    if spec.geometry == "squash":
        fitted = photo.resize(square, Image.Resampling.BILINEAR)
    elif spec.geometry == "letterbox":
        fitted = ImageOps.pad(photo, square, Image.Resampling.BILINEAR, color=(128, 128, 128))
    else:
        fitted = ImageOps.fit(photo, square, Image.Resampling.BILINEAR)
    return np.asarray(fitted, dtype=np.uint8)
