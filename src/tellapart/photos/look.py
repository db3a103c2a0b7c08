"""What a photo looks like, measured once while it is open: the ground of every finding about it.

`scan` decodes each photo anyway; measuring it then costs about a millisecond
more, and no photo is decoded a second time for the audit.
"""

import hashlib
import io
from dataclasses import dataclass
from typing import Final

import numpy as np
from PIL import Image

from tellapart.photos.decode import FORMATS
from tellapart.photos.shelf import Shelved

SIDE: Final = 64  # Pixels of the thumbnail: fine enough to tell a copy from a like scene, 4 kB a photo.
# Sharpness is judged at one size, or a large photo would always look softer than a small one.
_SHARPNESS_SIDE: Final = 256
_ORIENTATION, _MAKE, _MODEL = 0x0112, 0x010F, 0x0110


@dataclass(frozen=True, eq=False)
class Look:
    """What the audit knows of a photo.

    Attributes:
        format: What the file is, whatever its name says: JPEG, PNG, ...
        orientation: The EXIF orientation, 1 to 8; 1 is upright, also where none is written.
        camera: Make and model of EXIF, or "".
        file_bytes: The size of the file.
        tables: The first digits of a digest of the JPEG quantisation tables, or "".
        coarseness: Their mean, the higher the stronger the compression; 0 where there are none.
        brightness: Mean of the grey values, 0 to 1.
        contrast: Their standard deviation, 0 to 0.5.
        darkest: Their 10th percentile, 0 to 1.
        brightest: Their 90th percentile, 0 to 1.
        sharpness: Variance of the Laplacian, grey values 0 to 255, longest side at most 256 pixels.
        thumbnail: Shape (64, 64), uint8, grey, the whole photo squashed; of a scan it waits in a file.
        colour: Mean distance between the strongest and the weakest of red, green and blue, 0 (grey) to 1.
        warmth: Mean of red less blue, -1 (blue) to 1 (red).
    """

    format: str
    orientation: int
    camera: str
    file_bytes: int
    tables: str
    coarseness: float
    brightness: float
    contrast: float
    darkest: float
    brightest: float
    sharpness: float
    thumbnail: np.ndarray | Shelved
    colour: float = 0.0
    warmth: float = 0.0


def measure(content: bytes, picture: Image.Image) -> Look:
    """Measure a photo.

    Args:
        content: The bytes of its file; only the header is read here.
        picture: What `decode` made of it: upright, RGB.
    """
    grey = picture.convert("L")
    small = grey.copy()
    small.thumbnail((_SHARPNESS_SIDE, _SHARPNESS_SIDE), Image.Resampling.BOX)
    values = np.asarray(small, dtype=np.float32)
    darkest, brightest = np.percentile(values, (10, 90)) / 255.0
    kind, orientation, camera, tables = _header(content)
    colours = np.asarray(picture.resize((SIDE, SIDE), Image.Resampling.BOX), dtype=np.float32) / 255.0
    return Look(
        format=kind,
        orientation=orientation,
        camera=camera,
        file_bytes=len(content),
        tables=hashlib.sha256(str(tables).encode()).hexdigest()[:8] if tables else "",
        coarseness=float(np.mean(tables[0])) if tables else 0.0,
        brightness=float(values.mean()) / 255.0,
        contrast=float(values.std()) / 255.0,
        darkest=float(darkest),
        brightest=float(brightest),
        sharpness=_sharpness(values),
        thumbnail=np.asarray(grey.resize((SIDE, SIDE), Image.Resampling.BOX, reducing_gap=None), dtype=np.uint8),
        colour=float((colours.max(axis=2) - colours.min(axis=2)).mean()),
        warmth=float((colours[..., 0] - colours[..., 2]).mean()),
    )


def _header(content: bytes) -> tuple[str, int, str, list[list[int]]]:
    """Format, EXIF orientation, camera and quantisation tables; nothing is decoded."""
    with Image.open(io.BytesIO(content), formats=FORMATS) as image:
        kind = "JPEG" if image.format == "MPO" else str(image.format)
        tables = [list(table) for _, table in sorted(getattr(image, "quantization", {}).items())]
        try:
            exif = image.getexif()
            orientation = exif.get(_ORIENTATION, 1)
            camera = " ".join(str(exif.get(tag, "")).strip(" \0") for tag in (_MAKE, _MODEL)).strip()
        except Exception:  # a damaged EXIF block, which the decoder passes over as well
            orientation, camera = 1, ""
    return kind, orientation if orientation in range(1, 9) else 1, camera, tables


def _sharpness(values: np.ndarray) -> float:
    """Variance of the Laplacian; 0 for a picture too small to have one.

    Source: J. L. Pech-Pacheco et al., Diatom autofocusing in brightfield
    microscopy: a comparative study, ICPR 2000, 314-317.
    """
    if min(values.shape) < 3:
        return 0.0
    inner = values[1:-1, 1:-1]
    laplacian = values[:-2, 1:-1] + values[2:, 1:-1] + values[1:-1, :-2] + values[1:-1, 2:] - 4 * inner
    return float(laplacian.var())
