"""Calibration: probabilities that mean what they say.

A model that says 90 % should be right nine times in ten. Trained networks are
mostly too sure, smoothed ones not sure enough. One number mends most of that:
the temperature, by which the logits are divided. It changes no answer, only
how sure the model is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from tellapart.evaluation.intervals import wilson
from tellapart.evaluation.metrics import BINS, confidence_bins, expected_calibration_error, score

BOUNDS: Final = (0.05, 20.0)
# A probability below this counts as this, so that its logarithm is finite; the exported file does the same.
FLOOR: Final = 1e-30
FEWEST: Final = 20  # validation photos; the temperature of fewer is a guess
_JOINED: Final = 10  # photos that a mark of the diagram stands for, at least
_GAIN: Final = 1e-5  # nats; a temperature that gains less is the arithmetic's


@dataclass(frozen=True)
class Temperature:
    """By what the logits are divided.

    Attributes:
        value: Over 1 where the model was too sure, under 1 where it was not sure enough.
        log_loss_before: On the validation photos, in nats.
        log_loss_after: The same with the temperature.
        why: In words, why it was kept at 1 or stopped at a bound; "" where it was fitted.
    """

    value: float
    log_loss_before: float
    log_loss_after: float
    why: str = ""


def fit_temperature(labels: np.ndarray, probabilities: np.ndarray, classes: Sequence[str]) -> Temperature:
    """Find the temperature of the lowest log loss on validation photos.

    It stays 1 where these photos cannot tell: fewer than 20, none of some class,
    all answered alike, all of them right (any lower temperature would look better
    still), or nothing gained. Else it lies between 0.05 and 20.

    Source: Guo et al., On Calibration of Modern Neural Networks, ICML 2017.

    Args:
        labels: Class numbers of validation photos, (photos,).
        probabilities: Before calibration, (photos, classes).
        classes: Their names.
    """
    from scipy.optimize import minimize_scalar

    before = score(labels, probabilities).log_loss
    why = _cannot_tell(labels, probabilities, classes)
    if why:
        return Temperature(1.0, before, before, why)

    def loss(log_temperature: float) -> float:
        return score(labels, scaled(probabilities, float(np.exp(log_temperature)))).log_loss

    # On a logarithmic scale twice as sure is as far as half as sure.
    found = minimize_scalar(loss, bounds=np.log(BOUNDS), method="bounded", options={"xatol": 1e-5})
    value, after = float(np.exp(found.x)), float(found.fun)
    if before - after < _GAIN:
        return Temperature(1.0, before, before, "kept at 1: no temperature gives a lower log loss")
    for bound in BOUNDS:
        if abs(np.log(value / bound)) < 1e-3:
            return Temperature(bound, before, after, f"stopped at {bound:g}, the last one that is tried")
    return Temperature(value, before, after)


def _cannot_tell(labels: np.ndarray, probabilities: np.ndarray, classes: Sequence[str]) -> str:
    if len(labels) < FEWEST:
        return f"kept at 1: {len(labels)} validation photos are too few to fit it (at least {FEWEST})"
    missing = [name for number, name in enumerate(classes) if number not in labels]
    if missing:
        return f"kept at 1: no validation photo of {', '.join(missing)}"
    if float(np.ptp(probabilities, axis=0).max()) < 1e-6:
        return "kept at 1: it answers all photos alike"
    if (probabilities.argmax(axis=1) == labels).all():
        return "kept at 1: all validation photos are named correctly, so that nothing tells how sure is too sure"
    return ""


def scaled(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Divide logits by a temperature: softmax(log(p) / T), float32.

    The logarithms of probabilities are logits, up to what softmax takes off again.
    `scaled(scaled(p, T), 1 / T)` gives `p` back.

    Args:
        probabilities: Shape (photos, classes).
        temperature: Over 0.
    """
    if temperature == 1.0:
        return np.asarray(probabilities, dtype=np.float32)
    logits = np.log(np.maximum(np.asarray(probabilities, dtype=np.float64), FLOOR)) / temperature
    shares = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(shares / shares.sum(axis=-1, keepdims=True), dtype=np.float32)


def calibration(temperature: Temperature, labels: np.ndarray, probabilities: np.ndarray) -> dict[str, Any]:
    """What results.json says of a recipe's calibration.

    Args:
        temperature: As fitted on validation.
        labels: Class numbers of the test photos, (photos,).
        probabilities: Of the exported model, with the temperature, (photos, classes).
    """
    return _described(temperature, labels, scaled(probabilities, 1 / temperature.value), probabilities)


def calibration_in_rounds(
    told: Sequence[Mapping[str, Any]], answers: Sequence[tuple[np.ndarray, np.ndarray]]
) -> dict[str, Any]:
    """What `calibration` says of several rounds, pooled over the photos of all of them.

    Args:
        told: What it said of each round; the temperature is the geometric mean, as it divides.
        answers: Class numbers and calibrated probabilities of each round's test photos.
    """
    values = [float(one["temperature"]) for one in told]
    loss_before, loss_after = (
        float(np.mean([one[f"valid_log_loss_{when}"] for one in told])) for when in ("before", "after")
    )
    kept = [str(one["why"]) for one in told if one["why"]]
    why = kept[0] if len(kept) == len(told) else ""
    before = np.concatenate([scaled(shares, 1 / value) for (_, shares), value in zip(answers, values, strict=True)])
    labels, after = (np.concatenate(part) for part in zip(*answers, strict=True))
    pooled = Temperature(float(np.exp(np.mean(np.log(values)))), loss_before, loss_after, why)
    return _described(pooled, labels, before, after)


def _described(
    temperature: Temperature, labels: np.ndarray, before: np.ndarray, probabilities: np.ndarray
) -> dict[str, Any]:
    return {
        "temperature": temperature.value,
        "why": temperature.why,
        "valid_log_loss_before": temperature.log_loss_before,
        "valid_log_loss_after": temperature.log_loss_after,
        "log_loss_before": score(labels, before).log_loss,
        "log_loss_after": score(labels, probabilities).log_loss,
        "ece_before": expected_calibration_error(labels, before),
        "ece_after": expected_calibration_error(labels, probabilities),
        "bins_before": reliability(labels, before),
        "bins_after": reliability(labels, probabilities),
    }


def reliability(labels: np.ndarray, probabilities: np.ndarray) -> list[dict[str, float]]:
    """How sure and how right a model is, for a diagram.

    The bins of the calibration error, but neighbours are joined until each has 10
    photos: accuracies of fewer would show chance alone.

    Returns:
        For each bin: its photos `n`, mean `confidence`, `accuracy` with Wilson's 95 % interval `low` to `high`.
    """
    confidence, correct = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    rows = []
    for inside in _joined(confidence_bins(confidence)):
        n, right = len(inside), int(correct[inside].sum())
        low, high = wilson(right, n)
        sure = float(confidence[inside].mean(dtype=np.float64))
        rows.append({"n": n, "confidence": sure, "accuracy": right / n, "low": low, "high": high})
    return rows


def _joined(bins: np.ndarray) -> list[np.ndarray]:
    """The photos of each bin, or of neighbours, by number; from the lowest confidence up."""
    joined: list[np.ndarray] = []
    waiting = np.empty(0, dtype=int)
    for number in range(BINS):
        waiting = np.concatenate([waiting, np.flatnonzero(bins == number)])
        if len(waiting) >= _JOINED:
            joined.append(waiting)
            waiting = np.empty(0, dtype=int)
    if len(waiting):
        last = joined.pop() if joined else waiting[:0]
        joined.append(np.concatenate([last, waiting]))
    return joined
