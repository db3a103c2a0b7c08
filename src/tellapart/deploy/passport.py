"""What a model file says of itself: read, and held against its own digest."""

import json
from math import isfinite
from typing import Any, Final

from tellapart.deploy.seal import DIGEST, KEY, digest_of

FORMAT: Final = 1
_NEEDED: Final = {"classes", "pixels", "golden"}


class StrangeFileError(ValueError):
    """An ONNX file without a passport."""


class VersionError(ValueError):
    """A passport of another format, or none that can be read.

    Attributes:
        later: Its format, where a later version than this one made it; else None.
    """

    def __init__(self, later: int | None = None) -> None:
        super().__init__(later)
        self.later = later


def read_passport(model: Any) -> dict[str, Any]:
    """Read what a file says of itself; `model` is what `onnx_messages.read_model` gives.

    Raises:
        StrangeFileError: It says nothing.
        VersionError: It is of another format, or lacks what every one has.
        ValueError: It says two things.
    """
    texts = [entry.value for entry in model.metadata_props if entry.key == KEY]
    if not texts:
        raise StrangeFileError
    if len(texts) > 1:
        raise ValueError("it holds two passports")
    try:
        passport = json.loads(texts[0])
    except (ValueError, RecursionError):
        raise VersionError from None
    if not isinstance(passport, dict) or passport.get("format") != FORMAT or not set(passport) >= _NEEDED:
        raise VersionError(_later(passport))
    return passport


def check_passport(passport: dict[str, Any], content: bytes) -> None:
    """Check names and numbers, and the digest where there is one: early versions wrote none.

    Args:
        passport: Of `read_passport`.
        content: The bytes of the file.

    Raises:
        ValueError: It is refused; the message says why.
    """
    if DIGEST in passport and passport[DIGEST] != digest_of(content, passport):
        raise ValueError("it is not what was written: its digest differs")
    classes = passport["classes"]
    named = isinstance(classes, list) and all(isinstance(name, str) and name for name in classes)
    if not named or not classes or len(set(classes)) < len(classes):
        raise ValueError("its classes are not a list of different names")
    if not _is_number(passport.get("temperature", 1.0)) or passport.get("temperature", 1.0) <= 0:
        raise ValueError("its temperature is not a number over 0")
    if not _are_numbers(passport.get("scores", {})):
        raise ValueError("its scores are not numbers")


def _later(passport: object) -> int | None:
    said = passport.get("format") if isinstance(passport, dict) else None
    return said if isinstance(said, int) and FORMAT < said < 1000 else None


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)


def _are_numbers(value: object) -> bool:
    if isinstance(value, dict):
        return all(_are_numbers(one) for one in value.values())
    if isinstance(value, list):
        return all(_are_numbers(one) for one in value)
    return value is None or _is_number(value)
