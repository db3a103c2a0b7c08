"""Random variation of training photos, outside the model graph.

A photo is an array of shape (height, width, 3), dtype uint8. Everything random is
drawn from the generator that is handed in; no function keeps a state, so that
threads may call them at once, each with its own generator. `strength` scales
every range: 0 leaves photos as they are, 1 is the default, 2 is the most.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

Photo = npt.NDArray[np.uint8]

ROTATION_DEGREES = 15.0  # Each way, at strength 1.
ZOOM = 0.20  # Log of the enlargement, each way: 0.82 to 1.22.
SHIFT = 0.10  # Share of the width and of the height, each way.
BRIGHTNESS = 0.20  # Share of the photo's own brightness, each way.
CONTRAST = 0.20
SATURATION = 0.30

_LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)


@dataclass(frozen=True)
class Variation:
    """What is done to one photo; the defaults do nothing."""

    flip: bool = False
    degrees: float = 0.0
    zoom: float = 1.0
    shift_x: float = 0.0
    shift_y: float = 0.0
    brightness: float = 1.0
    contrast: float = 1.0
    saturation: float = 1.0


def draw(rng: np.random.Generator, strength: float = 1.0) -> Variation:
    """Draw one variation.

    Args:
        rng: The source of chance.
        strength: The scale of all ranges; 0 for none.
    """
    coin, *rest = rng.uniform(-1.0, 1.0, size=8).tolist()
    turn, zoom, x, y, bright, contrast, saturation = (strength * value for value in rest)
    return Variation(
        flip=strength > 0 and coin < 0,
        degrees=ROTATION_DEGREES * turn,
        zoom=math.exp(ZOOM * zoom),
        shift_x=SHIFT * x,
        shift_y=SHIFT * y,
        brightness=math.exp(BRIGHTNESS * bright),
        contrast=math.exp(CONTRAST * contrast),
        saturation=math.exp(SATURATION * saturation),
    )


def warp(photo: Photo, variation: Variation) -> Photo:
    """Flip, rotate, zoom and shift in one resampling; the outside mirrors the inside."""
    height, width = photo.shape[:2]
    moved = (variation.degrees, variation.zoom, variation.shift_x, variation.shift_y)
    if moved == (0.0, 1.0, 0.0, 0.0):
        return photo[:, ::-1].copy() if variation.flip else photo.copy()
    cosine = math.cos(math.radians(variation.degrees)) / variation.zoom
    sine = math.sin(math.radians(variation.degrees)) / variation.zoom
    mirror = -1.0 if variation.flip else 1.0
    centre_x, centre_y = width * (0.5 + variation.shift_x), height * (0.5 + variation.shift_y)
    # The corner that is farthest from the centre shows what lies farthest outside.
    far_x, far_y = width * (0.5 + abs(variation.shift_x)), height * (0.5 + abs(variation.shift_y))
    pad_x = max(1, math.ceil(abs(cosine) * far_x + abs(sine) * far_y - width / 2) + 1)
    pad_y = max(1, math.ceil(abs(sine) * far_x + abs(cosine) * far_y - height / 2) + 1)
    # From a place in the result to the place in the padded photo that it shows.
    matrix = (
        mirror * cosine,
        mirror * sine,
        pad_x + width / 2 - mirror * (cosine * centre_x + sine * centre_y),
        -sine,
        cosine,
        pad_y + height / 2 + sine * centre_x - cosine * centre_y,
    )
    warped = _mirrored(photo, pad_x, pad_y).transform(
        (width, height), Image.Transform.AFFINE, matrix, resample=Image.Resampling.BILINEAR
    )
    return np.asarray(warped, dtype=np.uint8)[..., :3]


def _mirrored(photo: Photo, pad_x: int, pad_y: int) -> Image.Image:
    """A photo with a border in which it is mirrored, as Pillow holds it: four bytes a pixel, moved as one number."""
    height, width = photo.shape[:2]
    pixels = np.empty((height, width, 4), dtype=np.uint8)
    pixels[..., :3] = photo
    pixels[..., 3] = 255
    rows, columns = (_there_and_back(side, pad) for side, pad in ((height, pad_y), (width, pad_x)))
    padded = pixels.view(np.uint32)[..., 0].take(rows, axis=0).take(columns, axis=1)
    return Image.frombuffer("RGBX", (padded.shape[1], padded.shape[0]), padded, "raw", "RGBX", 0, 1)


def _there_and_back(side: int, pad: int) -> npt.NDArray[np.intp]:
    """Places along a side that goes on mirrored at both of its ends, as often as it takes."""
    places = np.arange(-pad, side + pad) % (2 * side)
    return np.where(places < side, places, 2 * side - 1 - places)


def recolour(photo: Photo, variation: Variation) -> Photo:
    """Change brightness, contrast and saturation."""
    if (variation.brightness, variation.contrast, variation.saturation) == (1.0, 1.0, 1.0):
        return photo
    pixels = photo.astype(np.float32)
    grey = (pixels @ _LUMA)[..., np.newaxis]
    # Saturation about each pixel's grey, contrast about the mean grey, then brightness.
    own, middle = variation.saturation, float(grey.mean())
    scale = variation.brightness * variation.contrast
    pixels *= scale * own
    pixels += grey * (scale * (1.0 - own)) + middle * (variation.brightness - scale) + 0.5
    return np.clip(pixels, 0, 255, out=pixels).astype(np.uint8)


def augment(photo: Photo, rng: np.random.Generator, strength: float = 1.0) -> Photo:
    """Give a varied copy of a photo, of the same shape."""
    variation = draw(rng, strength)
    return recolour(warp(photo, variation), variation)


def examples(photo: Photo, strength: float = 1.0, seed: int = 0) -> list[tuple[str, Photo]]:
    """Show a photo at the end of each augmentation's range, and three draws of all together, titled."""
    ends = {
        "flip": Variation(flip=True),
        "rotation": Variation(degrees=ROTATION_DEGREES * strength),
        "zoom": Variation(zoom=math.exp(ZOOM * strength)),
        "shift": Variation(shift_x=SHIFT * strength, shift_y=SHIFT * strength),
        "colour": Variation(brightness=math.exp(BRIGHTNESS * strength / 2), saturation=math.exp(SATURATION * strength)),
    }
    shown = [(name, recolour(warp(photo, variation), variation)) for name, variation in ends.items()]
    generators = np.random.default_rng(seed).spawn(3)
    together = [(f"all together, {n}", augment(photo, own, strength)) for n, own in enumerate(generators, start=1)]
    return [("as it is", photo), *shown, *together]
