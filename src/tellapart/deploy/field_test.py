"""What came out where a model was tried on labelled photos that it had not seen."""

from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from tellapart.deploy.seen import Seen
from tellapart.evaluation.class_names import Matched, Unmatched
from tellapart.evaluation.class_scores import ClassFare, Share
from tellapart.evaluation.drift_words import Drift
from tellapart.evaluation.metrics import TestScore
from tellapart.evaluation.promise import Promise
from tellapart.photos.batches import label_numbers
from tellapart.photos.listing import LeftOut
from tellapart.photos.scan import Photo
from tellapart.words import counted

FORMAT: Final = 1


@dataclass(frozen=True)
class Picked:
    """The photos that count.

    Attributes:
        photos: Ordered by content, as those of a run's test are, so that the same photos get the same intervals.
        groups: The group of copies of each, (photos,).
        learned: Photos that the model learned from, and copies of them: left out.
        tested: How many of `photos` are the model's own test photos.
    """

    photos: tuple[Photo, ...]
    groups: np.ndarray
    learned: tuple[Photo, ...]
    tested: int


@dataclass(frozen=True)
class FieldTest:
    """What a model is worth on photos that it has not seen.

    Attributes:
        model: Its file, recipe, backbone, classes and own test scores.
        source: Where the photos were.
        picked: Which photos counted.
        matched: How the folder's classes fit those of the model.
        excluded: Files that could not be read.
        seen: How it is known what the model learned from.
        probabilities: Shape (photos, classes).
        score: All scores, with intervals.
        classes: How each class of the model fared.
        promise: The accuracy against that of its own test photos; None where the file does not say that.
        doubts: `calibration`, `rejection`, `conformal`, `stranger` and `others`: as in results.json, None where
            the file does not know it; `others` is how many photos of unknown classes are called strangers.
        drift: Where the photos differ from those that the model was made with.
    """

    model: dict[str, Any]
    source: Path
    picked: Picked
    matched: Matched
    excluded: tuple[LeftOut, ...]
    seen: Seen
    probabilities: np.ndarray
    score: TestScore
    classes: list[ClassFare]
    promise: Promise | None
    doubts: dict[str, Any]
    drift: Drift

    @property
    def labels(self) -> np.ndarray:
        """The class numbers of the photos, (photos,)."""
        return label_numbers(self.picked.photos, self.model["classes"])

    @property
    def notes(self) -> list[str]:
        """What a reader must know beside the scores."""
        picked, told = self.picked, []
        if picked.learned:
            told.append(
                f"{counted(len(picked.learned), 'photo')} left out: the model learned from them, or from a copy "
                f"of them ({self.seen.source} says so). The first: {picked.learned[0].path}."
            )
        if picked.tested:
            told.append(
                f"{picked.tested} of the {len(picked.photos)} photos are the model's own test photos: "
                "it has been scored on them before."
            )
        told += [_about_name(name) for name in self.matched.unmatched]
        if self.matched.missing:
            told.append(f"No photo of {', '.join(self.matched.missing)}: of that nothing is said here.")
        if self.excluded:
            first = self.excluded[0]
            number = counted(len(self.excluded), "file")
            told.append(f"{number} could not be read; the first: {first.path} ({first.reason}).")
        return told + [f"Not known: {why}" for why in (self.seen.why, self.drift.why) if why]

    @property
    def sentences(self) -> list[str]:
        """What came out, in words: the promise first, then what the model does not know, drift and notes."""
        promise = "Its file says nothing of its own test photos." if self.promise is None else self.promise.sentence
        return [promise, *about_strangers(self.doubts), *self.drift.sentences, *self.notes]

    def as_json(self) -> dict[str, Any]:
        """What evaluation.json holds."""
        return {
            "format": FORMAT,
            "model": self.model,
            "photos": self._about_photos(),
            "test": asdict(self.score),
            "promise": None if self.promise is None else {**asdict(self.promise), "differs": self.promise.differs},
            "classes": [_fare(fare) for fare in self.classes],
            **self.doubts,
            "drift": self.drift.as_json(),
            "notes": self.notes,
            "sentences": self.sentences,
        }

    def _about_photos(self) -> dict[str, Any]:
        picked, matched = self.picked, self.matched
        return {
            "source": str(self.source),
            "n": len(picked.photos),
            "groups": len(np.unique(picked.groups)),
            "counts": dict(sorted(Counter(photo.label for photo in picked.photos).items())),
            "learned": [photo.path for photo in picked.learned],
            "tested_before": picked.tested,
            "known_from": self.seen.source or None,
            "unmatched": [asdict(name) | {"near": list(name.near)} for name in matched.unmatched],
            "missing": list(matched.missing),
            "excluded": [asdict(item) for item in self.excluded],
        }


def about_strangers(doubts: dict[str, Any]) -> list[str]:
    """How many photos are called "none of these", in words."""
    told = []
    for name, what in (("stranger", "photos"), ("others", "photos of classes that the model does not know")):
        found = doubts.get(name)
        if found is not None:
            told.append(
                f"{found['false_alarms']} of the {found['n_test']} {what} are called none of these "
                f"({100 * found['low']:.0f} to {100 * found['high']:.0f} %)."
            )
    return told


def _about_name(unmatched: Unmatched) -> str:
    near = f" Did you mean {' or '.join(unmatched.near)}? Then rename it." if unmatched.near else ""
    return f"The model knows no class '{unmatched.name}': its {counted(unmatched.photos, 'photo')} are left out.{near}"


def _fare(fare: ClassFare) -> dict[str, Any]:
    shares = {name: _share(getattr(fare, name)) for name in ("recall", "precision", "f1")}
    return {"name": fare.name, "photos": fare.photos, "said": fare.said, **shares}


def _share(share: Share) -> dict[str, float | None]:
    """None where there is nothing to take a share of: NaN is no JSON."""
    return {name: None if np.isnan(value) else value for name, value in asdict(share).items()}
