"""Drift in words: what was measured of new photos held against what a model file remembers."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np

from tellapart.evaluation.comparison import percent
from tellapart.evaluation.drift import Counts, Mix, Sample, Shift, find_drift
from tellapart.evaluation.reference import CONFIDENCE, STRANGER, Reference, effective, looks
from tellapart.photos.scan import Photo

NO_REFERENCE: Final = (
    "an early version made this model file, and it remembers nothing of its training photos. "
    "Next: tellapart fit, which makes one that does"
)


@dataclass(frozen=True)
class Measure:
    """A measure in words.

    Attributes:
        title: What it is called.
        lower: What photos with lower values are.
        higher: What photos with higher values are.
        least: A smaller difference cannot be seen, whatever a test says of it.
        relative: Whether that is a share of the median of the reference.
        digits: Behind the point.
    """

    title: str
    lower: str
    higher: str
    least: float
    relative: bool = False
    digits: int = 2


MEASURES: Final = {
    "brightness": Measure("brightness", "darker", "lighter", 0.03),
    "contrast": Measure("contrast", "flatter, with less contrast", "harder, with more contrast", 0.02),
    "sharpness": Measure("sharpness", "less sharp", "sharper", 0.2, relative=True, digits=0),
    "colour": Measure("colourfulness", "paler", "more colourful", 0.02),
    "warmth": Measure("warmth (red less blue)", "bluer", "redder", 0.02),
    "side": Measure("shorter side in pixels", "smaller", "larger", 0.1, relative=True, digits=0),
    "shape": Measure("width by height", "narrower", "wider", 0.05, relative=True),
    "coarseness": Measure("JPEG compression", "less compressed", "more compressed", 0.5, relative=True, digits=1),
    CONFIDENCE: Measure("confidence", "harder for the model", "easier for the model", 0.01, digits=3),
    STRANGER: Measure("strangeness", "more like what the model knows", "less like what the model knows", 0.05),
}
_MIXES: Final = {"classes": "classes", "formats": "file formats"}


@dataclass(frozen=True)
class Drift:
    """Where new photos differ from those that a model was made with.

    Attributes:
        shifts: Of each measure.
        mixes: Of classes and file formats.
        sentences: What is both real and large, in words; or that nothing is.
        why: Why nothing is known; "" where it is.
    """

    shifts: tuple[Shift, ...] = ()
    mixes: tuple[Mix, ...] = ()
    sentences: tuple[str, ...] = ()
    why: str = ""

    def as_json(self) -> dict[str, Any]:
        """What evaluation.json holds of it."""
        return {
            "why": self.why,
            "measures": [
                {
                    **asdict(shift),
                    "places": list(shift.places),
                    "title": title_of(shift.name),
                    "digits": _measure(shift.name).digits,
                    "drifts": shift.drifts,
                    "verdict": verdict(shift),
                }
                for shift in self.shifts
            ],
            "mixes": [{**asdict(mix), "title": _MIXES[mix.name], "drifts": mix.drifts} for mix in self.mixes],
            "sentences": list(self.sentences),
        }


def drift_of(
    reference: Reference | None,
    photos: Sequence[Photo],
    groups: np.ndarray,
    *,
    probabilities: np.ndarray,
    strangers: np.ndarray | None,
) -> Drift:
    """Hold new photos against the reference of a model file.

    Args:
        reference: None where the file has none.
        photos: New ones, of classes that the model knows.
        groups: The group of each, (photos,).
        probabilities: Shape (photos, classes).
        strangers: How strange each is, (photos,); None where the model does not tell.
    """
    if reference is None:
        return Drift(why=NO_REFERENCE)
    values = {**looks(photos), CONFIDENCE: probabilities.max(axis=1).astype(np.float64)}
    if strangers is not None:
        values[STRANGER] = strangers.astype(np.float64)
    worth = effective(groups) / len(photos)
    samples = {
        name: _sample(reference, name, column, worth)
        for name, column in values.items()
        if name in reference.quantiles and len(column)
    }
    shifts, mixes = find_drift(samples, _counts(reference, photos, worth))
    return Drift(tuple(shifts), tuple(mixes), tuple(_sentences(shifts, mixes, len(photos))))


def _sample(reference: Reference, name: str, values: np.ndarray, worth: float) -> Sample:
    known, measure = reference.quantiles[name], _measure(name)
    least = measure.least * (abs(float(known[len(known) // 2])) if measure.relative else 1.0)
    return Sample(values, worth * len(values), known, _worth(reference, name), least)


def _worth(reference: Reference, name: str) -> float:
    """For how many independent photos the reference of a measure stands."""
    if name in (CONFIDENCE, STRANGER):
        return reference.effective["valid"]
    whole = reference.effective["train"]
    if name == "coarseness":  # which JPEG files alone have
        return whole * reference.formats.get("JPEG", 0) / max(1, sum(reference.formats.values()))
    return whole


def _counts(reference: Reference, photos: Sequence[Photo], worth: float) -> dict[str, Counts]:
    found = {
        "classes": (Counter(photo.label for photo in photos), reference.classes),
        "formats": (Counter(photo.look.format for photo in photos if photo.look), reference.formats),
    }
    return {
        name: Counts(now, worth * now.total(), before, reference.effective["train"])
        for name, (now, before) in found.items()
        if now and before
    }


def title_of(name: str) -> str:
    """What a measure is called."""
    return _measure(name).title


def _measure(name: str) -> Measure:
    return MEASURES.get(name) or Measure(name, "lower", "higher", 0.0)


def verdict(shift: Shift) -> str:
    """What a measure says of the new photos, in two or three words."""
    measure = _measure(shift.name)
    if shift.spread:
        return "spread otherwise"
    alike = "hardly different" if shift.real else "alike"
    return {1: measure.higher, -1: measure.lower, 0: alike}[shift.direction]


def _sentences(shifts: Sequence[Shift], mixes: Sequence[Mix], n: int) -> list[str]:
    drifted = [shift for shift in shifts if shift.drifts]
    told = [_sentence(shift) for shift in sorted(drifted, key=lambda shift: -abs(shift.chance - 0.5))]
    told += [_of_mix(mix) for mix in mixes if mix.drifts]
    if told:
        return told
    if not shifts:
        return [f"{n} photos are too few to say whether they differ from those that the model was made with."]
    return ["These photos do not differ from those that the model was made with by more than chance and a trifle."]


def _sentence(shift: Shift) -> str:
    digits, title = _measure(shift.name).digits, title_of(shift.name)
    before = "validation" if shift.name in (CONFIDENCE, STRANGER) else "training"
    here, there = f"{shift.median:.{digits}f}", f"{shift.reference:.{digits}f}"
    median = f"median {title} {here}, of the {before} photos {there}"
    if shift.spread:
        return f"The photos are spread otherwise in {title} than the {before} photos ({median})."
    chance, low, high = (
        (shift.chance, shift.low, shift.high)
        if shift.direction > 0
        else (1 - shift.chance, 1 - shift.high, 1 - shift.low)
    )
    side = "above" if shift.direction > 0 else "below"
    return (
        f"The photos are {verdict(shift)}: {median}; of one of each, the one from here lies {side} in "
        f"{percent(chance)} of pairs ({100 * low:.1f} to {100 * high:.1f}; 50 is no difference)."
    )


def _of_mix(mix: Mix) -> str:
    return (
        f"The {_MIXES[mix.name]} are mixed otherwise: {_shares(mix.now)} here, {_shares(mix.reference)} among the "
        "training photos."
    )


def _shares(counts: Mapping[str, int]) -> str:
    total = sum(counts.values())
    most = sorted(counts.items(), key=lambda item: -item[1])
    told = ", ".join(f"{name} {100 * n / total:.0f} %" for name, n in most[:5])
    return told + (f" and {len(most) - 5} more" if len(most) > 5 else "")
