"""The golden photos of a model file: a few photos with the answers that they must get."""

import base64
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from PIL import Image

from tellapart.deploy.names import PROBABILITIES, STRANGER

# Kernels differ from processor to processor in the last digits; a wrong model differs by far more.
TOLERANCE: Final = 2e-3
_STRANGER_TOLERANCE: Final = 2e-2  # of a distance in hundreds of directions
_MOST: Final = 16  # a file holds three
_ROOM: Final = 1 << 16  # bytes, beside the pixels, that a small PNG may take

Outputs = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Golden:
    """One of them.

    Attributes:
        picture: Shape (size, size, 3), uint8.
        probabilities: That it must get, (classes,).
        stranger: Likewise; None where the file does not tell.
    """

    picture: np.ndarray
    probabilities: np.ndarray
    stranger: float | None


def as_golden(picture: np.ndarray, outputs: Outputs, classes: Sequence[str]) -> dict[str, Any]:
    """A golden photo as the passport holds it.

    Args:
        picture: Shape (size, size, 3), uint8.
        outputs: What the network answers to it, by the outputs' names, without the axis of photos.
        classes: Their names; the one that is predicted stands beside the numbers, so that classes that change
            places are seen.
    """
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "PNG")
    shares = [round(float(share), 6) for share in outputs[PROBABILITIES]]
    told = {STRANGER: round(float(outputs[STRANGER]), 6)} if STRANGER in outputs else {}
    return {
        "png": base64.b64encode(buffer.getvalue()).decode(),
        "probabilities": shares,
        "predicted": classes[int(np.argmax(shares))],
        **told,
    }


def read_golden(passport: dict[str, Any], size: int, *, tells_strangers: bool) -> list[Golden]:
    """Read the golden photos of a passport.

    Args:
        passport: Of `passport.read_passport`.
        size: Of the network's photos, in pixels.
        tells_strangers: Whether the network does; then each photo must say how strange it is.

    Raises:
        ValueError: There are none or too many, or one is not what it should be; the message says why.
    """
    entries = passport["golden"]
    if not isinstance(entries, list) or not 0 < len(entries) <= _MOST:
        raise ValueError(f"it holds no golden photos to prove itself on, or more than {_MOST}")
    return [_read(entry, passport["classes"], size, tells_strangers) for entry in entries]


def prove(run: Callable[[np.ndarray], Outputs], golden: Sequence[Golden]) -> bool:
    """Whether a network answers golden photos as it must.

    Args:
        run: From one batch of photos to its outputs by name.
        golden: Of `read_golden`.
    """
    for one in golden:
        found = {name: output[0] for name, output in run(one.picture[np.newaxis]).items()}
        differences = [np.abs(found[PROBABILITIES] - one.probabilities).max() / TOLERANCE]
        if one.stranger is not None:
            differences.append(abs(float(found[STRANGER]) - one.stranger) / _STRANGER_TOLERANCE)
        if not max(differences) <= 1 or np.isnan(differences).any():
            return False
    return True


def _read(entry: dict[str, Any], classes: Sequence[str], size: int, tells_strangers: bool) -> Golden:
    shares = np.array(entry["probabilities"], dtype=np.float64)
    if shares.shape != (len(classes),) or not np.isfinite(shares).all():
        raise ValueError("a golden photo has not one probability for each class")
    if "predicted" in entry and entry["predicted"] != classes[int(shares.argmax())]:
        raise ValueError("its classes are not in the order in which they were written")
    if (STRANGER in entry) != tells_strangers:
        raise ValueError("its golden photos and its outputs do not fit")
    return Golden(picture_of(entry["png"], size), shares, float(entry[STRANGER]) if tells_strangers else None)


def picture_of(png: str, size: int) -> np.ndarray:
    """A golden photo's pixels, (size, size, 3), uint8.

    Raises:
        ValueError: It is no PNG of that size.
    """
    if len(png) > 4 * size * size + _ROOM:
        raise ValueError("a golden photo is larger than its pixels")
    with Image.open(io.BytesIO(base64.b64decode(png, validate=True)), formats=("PNG",)) as image:
        if image.size != (size, size):  # told by its header, before anything is decoded
            raise ValueError(f"a golden photo is of {image.width}×{image.height} pixels and not of {size}")
        return np.asarray(image.convert("RGB"))
