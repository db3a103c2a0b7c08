"""Which classes more photos would help first: how often each is named right, what it is taken for, what it gained."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tellapart.evaluation.comparison import LEVEL, holm
from tellapart.evaluation.draws import Frozen, covariance
from tellapart.evaluation.intervals import Z, accuracy_interval
from tellapart.words import percent


@dataclass(frozen=True)
class ClassCurve:
    """What a linear head makes of one class.

    Attributes:
        name: Of the class.
        photos: That it has.
        recall: Share of them that is named right, with its 95 % interval `low` to `high`.
        low: Its lower end.
        high: Its upper end.
        taken_for: The class that they are mostly taken for; empty where chance may have picked it.
        share: Of the photos, that is taken for it.
        gain: In recall, from half of the photos to all, with its 95 % interval.
        gain_low: Its lower end.
        gain_high: Its upper end.
        rises: Whether the gain is more than chance, all classes considered.
    """

    name: str
    photos: int
    recall: float
    low: float
    high: float
    taken_for: str
    share: float
    gain: float
    gain_low: float
    gain_high: float
    rises: bool = False


def class_curves(frozen: Frozen, half: np.ndarray, full: np.ndarray) -> list[ClassCurve]:
    """Hold the answers of heads that learned from half of the photos against those that learned from all.

    A gain is told from chance by a normal test with groups as units, Holm-corrected for
    the number of classes. The photos of a class rise and fall together with what was
    drawn to learn from, so the spread between repetitions is part of the error.

    Args:
        frozen: The photos.
        half: Class numbers, (repeats, photos), of heads on half of them.
        full: The same, of heads on all of them (but those that they answer for).

    Returns:
        One row a class, in the order of the classes.
    """
    from scipy.special import ndtr

    gains = [_gain(frozen, half, full, number) for number in range(len(frozen.classes))]
    by_chance = float(np.mean([spread for _, _, spread in gains]))
    errors = [(variance + by_chance) ** 0.5 for _, variance, _ in gains]
    p_values = [
        2 * float(ndtr(-abs(gain) / error)) if error else 1.0 for (gain, _, _), error in zip(gains, errors, strict=True)
    ]
    return [
        _row(frozen, full, number, (gain, error), rises=bool(gain > 0 and p < LEVEL))
        for number, ((gain, _, _), error, p) in enumerate(zip(gains, errors, holm(p_values), strict=True))
    ]


def first_classes(classes: Sequence[ClassCurve]) -> str:
    """Which classes to photograph first, in a sentence; empty where none gained more than chance would."""
    rising = sorted((row for row in classes if row.rises), key=lambda row: -row.gain)
    if not rising:
        return ""
    first = rising[0]
    other = next((row for row in classes if row.name == first.taken_for), None)
    if other and other.taken_for == first.name:
        shares = f"{percent(first.share, 0)} and {percent(other.share, 0)} of their photos"
        return f"Begin with “{first.name}” and “{other.name}”, which are taken for each other ({shares})."
    if other and len(rising) == 1:
        share = percent(first.share, 0)
        return f"Begin with “{first.name}”: when missed, it is mostly taken for “{other.name}” ({share} of its photos)."
    names = " and ".join(f"“{row.name}”" for row in rising[:2])
    return f"Begin with {names}, which gained most by the photos so far."


def _gain(frozen: Frozen, half: np.ndarray, full: np.ndarray, number: int) -> tuple[float, float, float]:
    """The gain in recall of one class, and its variance: over its photos, and by the chance of the draws."""
    own = frozen.labels == number
    rises = (full[:, own] == number).astype(float) - (half[:, own] == number)
    groups = frozen.groups[own]
    over_photos = covariance(rises.mean(axis=0)[:, np.newaxis], groups)
    return (
        float(rises.mean()),
        float(over_photos[0, 0]) + 1 / len(np.unique(groups)) ** 2,
        float(rises.mean(axis=1).var(ddof=1)) / len(rises),
    )


def _row(frozen: Frozen, full: np.ndarray, number: int, gained: tuple[float, float], *, rises: bool) -> ClassCurve:
    own = frozen.labels == number
    gain, error = gained
    right = (full[:, own] == number).mean(axis=0)
    low, high = accuracy_interval(right, frozen.groups[own])
    taken_for, share = _taken_for(frozen, full, number)
    return ClassCurve(
        frozen.classes[number],
        int(own.sum()),
        float(right.mean()),
        low,
        high,
        taken_for,
        share,
        gain,
        gain - Z * error,
        gain + Z * error,
        rises,
    )


def _taken_for(frozen: Frozen, full: np.ndarray, number: int) -> tuple[str, float]:
    """The commonest mistake on a class, and its share of the photos; no name where chance may have picked it.

    By chance mistakes fall on the other classes alike. Tested by the binomial law, the
    repetitions averaged, and corrected for the number of other classes.
    """
    from scipy.stats import binomtest

    own = frozen.labels == number
    n_others = len(frozen.classes) - 1
    counts = np.bincount(full[:, own].ravel(), minlength=n_others + 1) / len(full)
    counts[number] = 0
    other = int(counts.argmax())
    share = float(counts[other] / own.sum())
    mistakes = round(counts.sum())
    if not mistakes or n_others < 1:
        return "", share
    p_value = n_others * binomtest(round(counts[other]), mistakes, 1 / n_others, alternative="greater").pvalue
    # Of two classes one can only be taken for the other.
    return (frozen.classes[other] if n_others == 1 or p_value < LEVEL else ""), share
