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

Photo = npt.NDArray[np.uint8]
Levels = npt.NDArray[np.float32]
Packed = npt.NDArray[np.uint64]
Sums = npt.NDArray[np.floating]

# Counts up where the same draw gives other pixels, so that what is kept of it is made anew.
VARIED = "augmentation 2"
ROTATION_DEGREES = 15.0  # Each way, at strength 1.
ZOOM = 0.20  # Log of the enlargement, each way: 0.82 to 1.22.
SHIFT = 0.10  # Share of the width and of the height, each way.
BRIGHTNESS = 0.20  # Share of the photo's own brightness, each way.
CONTRAST = 0.20
SATURATION = 0.30

_LUMA = np.array([0.299, 0.587, 0.114])
_EACH = np.eye(3)
_ONE = 256  # a level, in the units of a warped photo
_FINE = 1 << 16  # a pixel, in the units in which places are added up
_SIXTEEN = np.uint64(16)


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
    return _whole(_levels(_warped(photo, variation))[..., :3] / np.float32(_ONE))


def recolour(photo: Photo, variation: Variation) -> Photo:
    """Change brightness, contrast and saturation."""
    return _whole(_recoloured(_levels(_packed(photo) * _ONE), variation))


def augment(photo: Photo, rng: np.random.Generator, strength: float = 1.0) -> Photo:
    """Give a varied copy of a photo, of the same shape."""
    return _whole(_varied(photo, draw(rng, strength)))


def augment_batch(photos: npt.NDArray[np.uint8], rng: np.random.Generator, strength: float = 1.0) -> Levels:
    """Give a varied copy of each of some photos of one size, as a network takes them.

    Args:
        photos: Shape (photos, height, width, 3).
        rng: The source of chance; photo after photo draws from it.
        strength: The scale of all ranges; 0 for none.

    Returns:
        Of the same shape, float32, 0 to 255, not rounded to whole levels.
    """
    varied = np.empty(photos.shape, dtype=np.float32)
    for photo, place in zip(photos, varied, strict=True):
        _varied(photo, draw(rng, strength), place)
    return varied


def _varied(photo: Photo, variation: Variation, out: Levels | None = None) -> Levels:
    return _recoloured(_levels(_warped(photo, variation)), variation, out)


def _packed(photo: Photo) -> Packed:
    """A photo with one number a pixel: red, green, blue and a 1, 16 bits each."""
    pixels = np.empty((*photo.shape[:2], 4), dtype=np.uint16)
    for channel in range(3):  # three times faster than all at once
        pixels[..., channel] = photo[..., channel]
    pixels[..., 3] = 1
    return pixels.view(np.uint64)[..., 0]


def _levels(packed: Packed) -> Levels:
    """Unpack into four channels, float32."""
    height, width = packed.shape
    return packed.view(np.uint16).reshape(height, width, 4).astype(np.float32)


def _whole(levels: Levels) -> Photo:
    """Rounded to whole levels, halves upwards."""
    return (levels + np.float32(0.5)).astype(np.uint8)


def _warped(photo: Photo, variation: Variation) -> Packed:
    """A photo flipped, rotated, zoomed and shifted, its channels in units of 1/256.

    Bilinear, from the four neighbours of a place that is rounded to 1/16 of a pixel: their weights then add up to
    256, so that a sum of 8-bit channels fits into 16 bits and one multiplication serves all channels of a pixel.
    """
    (height, width), (matrix, pad_x, pad_y) = photo.shape[:2], _geometry(photo.shape, variation)
    padded = _mirrored(_packed(photo), pad_x, pad_y)
    columns, rows = (np.arange(side, dtype=np.float64) + 0.5 for side in (width, height))
    across, down = (_places(columns * row[0], rows * row[1] + row[2] - 0.5) for row in (matrix[:3], matrix[3:]))
    corner = (down >> 4) * padded.shape[1] + (across >> 4)
    right, below = ((places & 15).view(np.uint64) for places in (across, down))
    left, above = _SIXTEEN - right, _SIXTEEN - below
    pixels = padded.ravel()
    upper = _between(pixels, corner, left, right)
    lower = _between(pixels[padded.shape[1] :], corner, left, right)
    upper *= above
    lower *= below
    upper += lower
    return upper


def _between(pixels: Packed, corner: npt.NDArray[np.int64], left: Packed, right: Packed) -> Packed:
    """Pixels and their neighbours to the right, weighed."""
    mixed = pixels.take(corner)
    mixed *= left
    neighbour = pixels[1:].take(corner)
    neighbour *= right
    mixed += neighbour
    return mixed


def _places(columns: Sums, rows: Sums) -> npt.NDArray[np.int64]:
    """Sums of what a column and a row add to a place, in sixteenths of a pixel, rounded."""
    across, down = (np.rint(part * _FINE).astype(np.int64) for part in (columns, rows))
    return (across + (down + _FINE // 32)[:, np.newaxis]) >> 12


def _geometry(shape: tuple[int, ...], variation: Variation) -> tuple[tuple[float, ...], int, int]:
    """From a place in the result to the place in the padded photo that it shows, and how much is padded."""
    height, width = shape[:2]
    cosine = math.cos(math.radians(variation.degrees)) / variation.zoom
    sine = math.sin(math.radians(variation.degrees)) / variation.zoom
    mirror = -1.0 if variation.flip else 1.0
    centre_x, centre_y = width * (0.5 + variation.shift_x), height * (0.5 + variation.shift_y)
    # The corner that is farthest from the centre shows what lies farthest outside.
    far_x, far_y = width * (0.5 + abs(variation.shift_x)), height * (0.5 + abs(variation.shift_y))
    pad_x = max(1, math.ceil(abs(cosine) * far_x + abs(sine) * far_y - width / 2) + 1)
    pad_y = max(1, math.ceil(abs(sine) * far_x + abs(cosine) * far_y - height / 2) + 1)
    matrix = (
        mirror * cosine,
        mirror * sine,
        pad_x + width / 2 - mirror * (cosine * centre_x + sine * centre_y),
        -sine,
        cosine,
        pad_y + height / 2 + sine * centre_x - cosine * centre_y,
    )
    return matrix, pad_x, pad_y


def _mirrored(packed: Packed, pad_x: int, pad_y: int) -> Packed:
    """A photo with a border in which it is mirrored."""
    rows, columns = (_there_and_back(side, pad) for side, pad in zip(packed.shape, (pad_y, pad_x), strict=True))
    return packed.take(columns, axis=1).take(rows, axis=0)


def _there_and_back(side: int, pad: int) -> npt.NDArray[np.intp]:
    """Places along a side that goes on mirrored at both of its ends, as often as it takes."""
    places = np.arange(-pad, side + pad) % (2 * side)
    return np.where(places < side, places, 2 * side - 1 - places)


def _recoloured(levels: Levels, variation: Variation, out: Levels | None = None) -> Levels:
    """Brightness, contrast and saturation changed, as one multiplication by a matrix.

    Args:
        levels: Red, green, blue and a 1, in units of 1/256.
        variation: What is done.
        out: Where the result goes; new memory without.

    Returns:
        Red, green and blue, 0 to 255.
    """
    height, width = levels.shape[:2]
    # Row by row first, in an order that no number of threads changes.
    mean = levels.reshape(height, -1).sum(axis=0).reshape(width, 4).sum(axis=0, dtype=np.float64)[:3] / (height * width)
    # Saturation about each pixel's grey, contrast about the mean grey, then brightness.
    own, scale = variation.saturation, variation.brightness * variation.contrast
    greys, bias = scale * (1.0 - own) * _LUMA, float(mean @ _LUMA) * (variation.brightness - scale) / _ONE
    matrix = np.vstack((greys[:, np.newaxis] + scale * own * _EACH, np.full(3, bias))) / _ONE
    recoloured = np.matmul(levels, matrix.astype(np.float32), out=out)
    return np.clip(recoloured, 0.0, 255.0, out=recoloured)


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
