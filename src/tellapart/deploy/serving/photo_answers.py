"""Answers as JSON: what the page and other clients read of a photo."""

from typing import Any, Final

import numpy as np

from tellapart.deploy.runtime import Answer, Model
from tellapart.photos.pixels import PixelSpec

_DIGITS: Final = 4  # of a heat map, which is drawn in 256 colours


def as_json(model: Model, answer: Answer, *, size: tuple[int, int], threshold: float, heat: bool) -> dict[str, Any]:
    """One photo's answer.

    Args:
        model: Its classes and doubts.
        answer: Of `Model.answer_pixels`, with no threshold.
        size: Width and height of the upright photo.
        threshold: The confidence from which on it answers.
        heat: Whether the heat map is wanted.
    """
    shares = answer.probabilities
    if shares is None:
        return {"error": answer.error}
    top = int(shares.argmax())
    predicted = model.classes[top]
    return {
        "answer": model.doubts.answer(predicted, float(shares[top]), answer.stranger, threshold),
        "predicted": predicted,
        "probabilities": dict(zip(model.classes, shares.tolist(), strict=True)),
        "set": None if answer.set is None else list(answer.set),
        "stranger": answer.stranger,
        "heat": _heat(answer.heat, model.spec, size) if heat and answer.heat is not None else None,
    }


def _heat(values: np.ndarray, spec: PixelSpec, size: tuple[int, int]) -> dict[str, Any]:
    top = float(values.max(initial=0.0))
    shares = values / top if top > 0 else np.zeros_like(values)
    return {
        "rows": values.shape[0],
        "columns": values.shape[1],
        "values": [round(value, _DIGITS) for value in shares.ravel().tolist()],
        "covers": covers(spec.geometry, *size),
    }


def covers(geometry: str, width: int, height: int) -> list[float]:
    """Which part of a photo its pixels show.

    Returns:
        Left, top, width and height in shares of the upright photo; a letterbox reaches over its edges.
    """
    if geometry == "squash":
        return [0.0, 0.0, 1.0, 1.0]
    side = max(width, height) if geometry == "letterbox" else min(width, height)
    return [(width - side) / 2 / width, (height - side) / 2 / height, side / width, side / height]
