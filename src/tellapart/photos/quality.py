"""What is wrong with single photos: the file, its size, its light, its sharpness.

Nothing is left out for it: a finding names the photos and says what to do.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final

import numpy as np

from tellapart.photos.look import Look
from tellapart.photos.scan import Photo

TINY: Final = 48  # Pixels of the shorter side: half of the smallest network's input, and little is left to see.
ODD_ASPECT: Final = 3.0  # A network sees a square; beyond this the thing is squashed to a third.
BLANK: Final = 0.015  # Contrast: four grey values of 255, the noise of a lens cap.
# Where nine tenths of a photo are this light or this dark, too little is left to tell things by. White paper behind
# a product passes, as the product covers more than a tenth.
OVER_EXPOSED: Final = 0.86
UNDER_EXPOSED: Final = 0.14
# Variance of the Laplacian. A sharp photo has hundreds; under 100 is the usual rule, but a plain thing on a plain
# ground stays under it too, so that a photo must also be far below its own set.
BLURRED: Final = 100.0
BLURRED_OF_MEDIAN: Final = 0.1

_SUFFIXES: Final = {
    "JPEG": {".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"},
    "PNG": {".png"},
    "WEBP": {".webp"},
    "BMP": {".bmp", ".dib"},
    "GIF": {".gif"},
    "TIFF": {".tif", ".tiff"},
}


@dataclass(frozen=True)
class Quality:
    """One kind of fault, and the photos that have it.

    Attributes:
        kind: A short name, such as `blurred`.
        severity: `warning` where the photo may teach the wrong thing, `note` where it does no harm.
        what: What it is, for "12 photos ...".
        advice: What to do.
        photos: Positions of the photos, the worst first.
    """

    kind: str
    severity: str
    what: str
    advice: str
    photos: tuple[int, ...]


@dataclass(frozen=True)
class _Rule:
    """How a fault is told: `badness` is above 0 where a photo has it, the more the worse."""

    kind: str
    severity: str
    what: str
    advice: str
    badness: Callable[[Photo, Look], float]


def find_faults(photos: Sequence[Photo]) -> list[Quality]:
    """Judge every photo that was measured, each by itself and its sharpness by the set as well."""
    measured = [(place, photo, photo.look) for place, photo in enumerate(photos) if photo.look is not None]
    if not measured:
        return []
    usual = float(np.median([look.sharpness for _, _, look in measured]))
    found = []
    for rule in (*_RULES, _blurred(usual)):
        bad = [(rule.badness(photo, look), place) for place, photo, look in measured]
        places = tuple(place for amount, place in sorted(bad, key=lambda pair: (-pair[0], pair[1])) if amount > 0)
        if places:
            found.append(Quality(rule.kind, rule.severity, rule.what, rule.advice, places))
    return found


def is_blank(look: Look) -> bool:
    """Whether a photo is nearly of one colour."""
    return look.contrast < BLANK


def _blurred(usual: float) -> _Rule:
    least = min(BLURRED, BLURRED_OF_MEDIAN * usual)
    return _Rule(
        "blurred",
        "warning",
        "blurred: far less sharp than the others",
        "Look at them; leave out those in which you cannot tell the class yourself.",
        lambda _, look: 0.0 if is_blank(look) else least - look.sharpness,
    )


def _wrong_suffix(photo: Photo, look: Look) -> float:
    suffix = PurePosixPath(photo.path).suffix.lower()
    return float(bool(suffix) and suffix not in _SUFFIXES.get(look.format, {suffix}))


_RULES: Final = (
    _Rule(
        "wrong-extension",
        "note",
        "of another format than the name says",
        "They are read by their content; rename them before other programs meet them.",
        _wrong_suffix,
    ),
    _Rule(
        "turned",
        "note",
        "stored sideways or upside down, with an EXIF tag that says so",
        "Tellapart turns them upright; programs that ignore the tag will not.",
        lambda _, look: float(look.orientation != 1),
    ),
    _Rule(
        "tiny",
        "warning",
        f"under {TINY} pixels on the shorter side",
        "Get the originals if there are any; thumbnails show too little.",
        lambda photo, _: TINY - min(photo.width, photo.height),
    ),
    _Rule(
        "odd-aspect",
        "note",
        f"over {ODD_ASPECT:.0f} times as long as wide",
        "Cut them to the thing they show; a network sees every photo as a square.",
        lambda photo, _: abs(math.log(photo.width / photo.height)) - math.log(ODD_ASPECT),
    ),
    _Rule(
        "blank",
        "warning",
        "nearly of one colour",
        "Leave them out; they show nothing.",
        lambda _, look: BLANK - look.contrast,
    ),
    _Rule(
        "over-exposed",
        "warning",
        "over-exposed: nearly all of it is white",
        "Look at them; leave out those in which you cannot tell the class yourself.",
        lambda _, look: 0.0 if is_blank(look) else look.darkest - OVER_EXPOSED,
    ),
    _Rule(
        "under-exposed",
        "warning",
        "under-exposed: nearly all of it is black",
        "Look at them; leave out those in which you cannot tell the class yourself.",
        lambda _, look: 0.0 if is_blank(look) else UNDER_EXPOSED - look.brightest,
    ),
)
