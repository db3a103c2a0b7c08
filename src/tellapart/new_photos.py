"""A model tried on labelled photos that it has not seen: every score, and where these photos differ from its own."""

from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from tellapart.deploy.field_test import FieldTest, Picked
from tellapart.deploy.field_test_files import check_place, write_field_test
from tellapart.deploy.runtime import Model, load
from tellapart.deploy.seen import Seen, seen_by
from tellapart.errors import ModelFileError, PhotosError
from tellapart.evaluation.calibration import reliability
from tellapart.evaluation.class_names import Matched, match_classes
from tellapart.evaluation.class_scores import class_fares
from tellapart.evaluation.conformal import coverage_of
from tellapart.evaluation.drift_words import drift_of
from tellapart.evaluation.metrics import test_score
from tellapart.evaluation.promise import Promise, hold_to
from tellapart.evaluation.reference import Reference
from tellapart.evaluation.selective import Answered, rejection_at
from tellapart.evaluation.strangers import alarms
from tellapart.photos.batches import label_numbers
from tellapart.photos.duplicates import find_duplicates
from tellapart.photos.scan import Photo, scan
from tellapart.photos.split import by_content, groups_of
from tellapart.progress import Progress, Silent, track
from tellapart.scale.asking import answered
from tellapart.scale.tasks import Engine
from tellapart.words import counted


@dataclass(frozen=True)
class Told:
    """What the model says of some photos: probabilities (photos, classes), and how strange each is, if it tells."""

    probabilities: np.ndarray
    strangers: np.ndarray | None


@dataclass(frozen=True)
class Asked:
    """A model that is asked about photos of a folder, by an engine or, without one, in this process."""

    model: Model
    root: Path
    engine: Engine | None
    progress: Progress

    def about(self, photos: Sequence[Photo]) -> Told:
        """What it says of some photos."""
        paths = [self.root / photo.path for photo in photos]
        answers = answered(self.model, paths, self.engine) if self.engine else self.model.answers(paths)
        rows, strangers = [], []
        for answer in track(answers, "Asking the model", len(photos), self.progress) if photos else ():
            if answer.probabilities is None:
                raise PhotosError(
                    f"{answer.path} could be read before and cannot now: {answer.error}. Next: try again."
                )
            rows.append(answer.probabilities)
            strangers.append(answer.stranger)
        shares = np.stack(rows) if rows else np.empty((0, len(self.model.classes)), np.float32)
        known = [stranger for stranger in strangers if stranger is not None]
        return Told(shares, np.array(known) if known and len(known) == len(rows) else None)


def evaluate(
    model: str | PathLike[str] | Model,
    photos: str | PathLike[str],
    *,
    out: str | PathLike[str] | None = None,
    run: str | PathLike[str] | None = None,
    engine: Engine | None = None,
    progress: Progress | None = None,
) -> FieldTest:
    """Try a model on labelled photos that it has not seen.

    Photos that the model learned from are left out, and copies count as one photo.

    Args:
        model: A model file, the run folder that holds it, or what `load` gave.
        photos: As for `fit`; one class is enough.
        out: A folder for evaluation.json, predictions.csv, confusion.csv, figures and a page.
        run: The run folder of the model, where its file is of an early version and lies elsewhere.
        engine: Answers the photos, as `scale.tasks.open_engine` gives it; None for this process. The answers are
            the same.
        progress: Where to tell how far it is; silent without.

    Raises:
        UserError: Something that the user can mend; the message says how.
        ShardError: An engine could not answer some photos.
    """
    progress, source, place = progress or Silent(), Path(photos), Path(out) if out is not None else None
    if place is not None:
        check_place(source, place)
    loaded, file = (model, None) if isinstance(model, Model) else (load(model), _file(Path(model)))
    seen, reference = _remembered(loaded, file, Path(run) if run is not None else None)
    found = scan(source, progress, classes=1)
    matched = match_classes(found.items, loaded.classes)
    _check_names(source, matched, loaded)
    picked = pick(matched.photos, seen)
    _check_left(source, picked)
    asked = Asked(loaded, found.root, engine, progress)
    told, others = asked.about(picked.photos), asked.about(matched.others)
    labels = label_numbers(picked.photos, loaded.classes)
    answered, groups = (labels, told.probabilities), picked.groups
    score = test_score(labels, told.probabilities, groups)
    tested = FieldTest(
        model=_about(loaded, file),
        source=source,
        picked=picked,
        matched=matched,
        excluded=found.excluded,
        seen=seen,
        probabilities=told.probabilities,
        score=score,
        classes=class_fares(labels, told.probabilities.argmax(axis=1), loaded.classes, groups),
        promise=_promise(loaded, score),
        doubts={
            "calibration": reliability(labels, told.probabilities),
            **_doubts(loaded, answered, groups),
            "stranger": _called_strangers(loaded, told, groups),
            "others": _called_strangers(loaded, others, None),
        },
        drift=drift_of(reference, picked.photos, groups, probabilities=told.probabilities, strangers=told.strangers),
    )
    if place is not None:
        write_field_test(place, tested)
    return tested


def pick(photos: Sequence[Photo], seen: Seen) -> Picked:
    """Leave out what the model learned from, with the copies of it, and group the copies of the rest.

    Args:
        photos: Of classes that the model knows.
        seen: What it learned from.
    """
    ordered = sorted(photos, key=by_content)
    numbers = np.empty(len(ordered), dtype=int)
    left_out: set[int] = set()
    for number, places in enumerate(groups_of(ordered, find_duplicates(ordered))):
        numbers[list(places)] = number
        if any(seen.has_learned(ordered[place].content) for place in places):
            left_out.update(places)
    kept = [place for place in range(len(ordered)) if place not in left_out]
    return Picked(
        tuple(ordered[place] for place in kept),
        np.unique(numbers[kept], return_inverse=True)[1] if kept else numbers[:0],
        tuple(ordered[place] for place in sorted(left_out)),
        sum(seen.has_tested(ordered[place].content) for place in kept),
    )


def _file(path: Path) -> Path:
    return path / "model.onnx" if path.is_dir() else path


def _remembered(model: Model, file: Path | None, run: Path | None) -> tuple[Seen, Reference | None]:
    try:
        return seen_by(model.passport, file, run), Reference.from_passport(model.passport)
    except (KeyError, ValueError, TypeError, AttributeError) as problem:  # written by another hand, it can be anything
        raise ModelFileError(
            f"{file or 'The model'} is damaged or was altered ({type(problem).__name__} in what it says of its "
            "photos). Next: give the model.onnx of a run folder."
        ) from problem


def _check_names(source: Path, matched: Matched, model: Model) -> None:
    if matched.photos:
        return
    near = [f"'{name.name}' is near to {' and '.join(name.near)}" for name in matched.unmatched if name.near]
    found = ", ".join(name.name for name in matched.unmatched)
    hint = f"rename folders or labels: {', '.join(near)}" if near else "give photos of these classes"
    raise PhotosError(
        f"No class of {source} is one of the model's. Found: {found}. Accepted: {', '.join(model.classes)}. "
        f"Next: {hint}."
    )


def _check_left(source: Path, picked: Picked) -> None:
    if not picked.photos:
        raise PhotosError(
            f"The model learned from all {counted(len(picked.learned), 'photo')} of {source} that it knows the class "
            "of, or from copies of them: nothing is left to evaluate it on. Accepted: photos that it has not seen. "
            "Next: other photos."
        )


def _promise(model: Model, score: Any) -> Promise | None:
    try:
        return hold_to(model.passport["scores"]["test"], score)
    except (KeyError, TypeError):
        return None


def _doubts(model: Model, answered: Answered, groups: np.ndarray) -> dict[str, Any]:
    doubts = model.doubts
    return {
        "rejection": rejection_at(doubts.thresholds, answered, groups) if doubts.thresholds else None,
        "conformal": coverage_of(doubts.conformal, answered, groups) if doubts.conformal else None,
    }


def _called_strangers(model: Model, told: Told, groups: np.ndarray | None) -> dict[str, Any] | None:
    if told.strangers is None or model.doubts.stranger is None:
        return None
    return alarms(told.strangers, model.doubts.stranger, groups)


def _about(model: Model, file: Path | None) -> dict[str, Any]:
    passport = model.passport
    return {
        "file": None if file is None else str(file),
        "recipe": passport.get("recipe"),
        "backbone": passport.get("backbone"),
        "classes": list(model.classes),
        "test": (passport.get("scores") or {}).get("test"),
    }
