"""What a model file remembers of the photos that it was made with, so that new photos can be held against them.

Quantiles of what was measured of each photo, counts, and the first digits of each
photo's SHA-256: no photo can be made of them.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from tellapart.evaluation.intervals import group_numbers
from tellapart.photos.scan import Photo
from tellapart.photos.split import Split

# From the smallest value to the largest, each 2.5 % of the photos further.
LEVELS: Final = np.linspace(0.0, 1.0, 41)
CONFIDENCE: Final = "confidence"
STRANGER: Final = "stranger"
# With so many digits two of 100,000 photos are alike by chance in one set of 50,000.
_DIGITS: Final = 12


@dataclass(frozen=True)
class Reference:
    """The photos that a model was made with, as its file remembers them.

    Attributes:
        n: How many photos it learned from, and how many validated it: keys `train` and `valid`.
        effective: For how many independent photos these stand; copies count as one.
        quantiles: By measure, its values at `LEVELS`; confidence and stranger of the validation photos, all
            others of the training photos.
        classes: Training photos of each class.
        formats: Training photos of each file format.
        learned: The first digits of the SHA-256 of each training and validation photo.
        tested: The same of the test photos.
    """

    n: Mapping[str, int]
    effective: Mapping[str, float]
    quantiles: Mapping[str, np.ndarray]
    classes: Mapping[str, int]
    formats: Mapping[str, int]
    learned: frozenset[str] = frozenset()
    tested: frozenset[str] = frozenset()

    @classmethod
    def from_passport(cls, passport: Mapping[str, Any]) -> "Reference | None":
        """Read what a model file says; None where it is of a version that remembered nothing.

        Raises:
            KeyError: Something is missing; ValueError or TypeError where it is of another kind.
        """
        told = passport.get("reference")
        if told is None:
            return None
        quantiles = {str(name): np.asarray(values, dtype=np.float64) for name, values in told["quantiles"].items()}
        if any(values.shape != LEVELS.shape or not np.isfinite(values).all() for values in quantiles.values()):
            raise ValueError("quantiles of another number")
        return cls(
            {part: int(told[part]["n"]) for part in ("train", "valid")},
            {part: float(told[part]["effective"]) for part in ("train", "valid")},
            quantiles,
            {str(name): int(count) for name, count in told["classes"].items()},
            {str(name): int(count) for name, count in told["formats"].items()},
            _cut(told["learned"]),
            _cut(told["tested"]),
        )


def reference_of(split: Split, probabilities: np.ndarray, strangers: np.ndarray | None) -> dict[str, Any]:
    """What the model file is to remember; `Reference.from_passport` reads it.

    Args:
        split: Its test photos are remembered by their digests alone.
        probabilities: Of the validation photos, calibrated, (photos, classes).
        strangers: How strange each validation photo is, (photos,); None where the model does not tell.
    """
    values = {**looks(split.train), CONFIDENCE: probabilities.max(axis=1)}
    if strangers is not None:
        values[STRANGER] = strangers
    return {
        **{
            part: {"n": len(photos), "effective": round(effective(group_of(photos, split.groups)), 1)}
            for part, photos in (("train", split.train), ("valid", split.valid))
        },
        "quantiles": {name: quantiles(column).tolist() for name, column in values.items() if len(column)},
        "classes": dict(sorted(Counter(photo.label for photo in split.train).items())),
        "formats": dict(sorted(Counter(photo.look.format for photo in split.train if photo.look).items())),
        "learned": _digests([photo.content for photo in (*split.train, *split.valid)]),
        "tested": _digests(split.test.contents()),
    }


def looks(photos: Sequence[Photo]) -> dict[str, np.ndarray]:
    """What was measured of photos, by name; each (photos,), but `coarseness` of those with JPEG tables alone."""
    seen = [(photo, photo.look) for photo in photos if photo.look is not None]
    names = ("brightness", "contrast", "sharpness", "colour", "warmth")
    found = {name: np.array([getattr(look, name) for _, look in seen]) for name in names}
    found["side"] = np.array([min(photo.width, photo.height) for photo, _ in seen], dtype=np.float64)
    found["shape"] = np.array([photo.width / photo.height for photo, _ in seen])
    found["coarseness"] = np.array([look.coarseness for _, look in seen if look.tables])
    return found


def quantiles(values: np.ndarray) -> np.ndarray:
    """The values at `LEVELS`, each one that occurs, so that values of many photos stay the same; six digits."""
    return rounded(np.quantile(values.astype(np.float64), LEVELS, method="inverted_cdf"))


def rounded(values: np.ndarray) -> np.ndarray:
    """Values with six digits, as the model file has them."""
    return np.array([float(f"{value:.6g}") for value in values])


def group_of(photos: Sequence[Photo], groups: Mapping[str, str]) -> np.ndarray:
    """The number of the group of each photo, (photos,)."""
    return group_numbers([photo.path for photo in photos], groups)


def effective(groups: np.ndarray) -> float:
    """For how many independent photos some stand whose copies are alike, (photos,) of group numbers."""
    sizes = np.bincount(groups)
    return float(len(groups) ** 2 / (sizes.astype(np.float64) ** 2).sum()) if len(groups) else 0.0


def short(content: str) -> str:
    """The digits of a SHA-256 that are kept."""
    return content[:_DIGITS]


def _digests(contents: Sequence[str]) -> str:
    return "".join(sorted(map(short, contents)))


def _cut(digests: str) -> frozenset[str]:
    return frozenset(digests[place : place + _DIGITS] for place in range(0, len(digests), _DIGITS))
