"""The labels checked against the photos, and what that adds to an audit.

The features are always those of the built-in backbone: what is said of the
labels does not depend on the backbone of a run.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Final

import numpy as np

from tellapart.cache import kept_json
from tellapart.errors import MissingExtraError, PhotosError
from tellapart.evaluation.labels import FEWEST, check_installed, sizes, suspect_labels
from tellapart.photos.audit import SEVERITIES, Audit, Finding, audit
from tellapart.photos.batches import label_numbers
from tellapart.photos.scan import Photo, Photos, digest_of
from tellapart.photos.split import groups_of
from tellapart.photos.suspects import LabelCheck, Suspect
from tellapart.progress import Progress
from tellapart.words import counted

_VERSION: Final = "labels 1"  # counts up where the same photos are judged otherwise
LISTED: Final = 0.10  # Share of the photos; 79 and 97 of 100 swapped labels stand there (docs/LOG.md).


def with_labels(audited: Audit, photos: Photos, cache: Path, progress: Progress) -> Audit:
    """An audit with the photos whose label is suspicious.

    Where they cannot be looked for (a part is not installed, a class is too
    small), a note says why.

    Args:
        audited: What `audit` found of these photos.
        photos: What `scan` found.
        cache: Where features are kept.
        progress: Where to tell how far it is.
    """
    try:
        check = check_labels(photos, _group_numbers(photos, audited), cache, progress)
    except (MissingExtraError, PhotosError) as problem:
        return _added(audited, _not_checked(problem))
    return replace(_added(audited, *_about(check)), labels=check)


def full_audit(photos: Photos, cache: Path, progress: Progress, *, test_share: float) -> Audit:
    """The audit of some photos, their labels checked too; arguments as those of `audit` and `with_labels`."""
    return with_labels(audit(photos, progress, test_share=test_share, cache=cache), photos, cache, progress)


def check_labels(photos: Photos, groups: np.ndarray, cache: Path, progress: Progress) -> LabelCheck:
    """The most suspicious tenth of the photos, or all that are probably wrong where these are more.

    Raises:
        MissingExtraError: cleanlab, or what computes features, is not installed.
        PhotosError: A class is too small for cross-validation.
    """
    check_installed()
    labels = label_numbers(photos.items, photos.classes)
    counts = sizes(labels, groups)
    if counts.min() < FEWEST:
        small = photos.classes[int(counts.argmin())]
        raise PhotosError(
            f"'{small}' has {counted(int(counts.min()), 'different photo')}. Next: {FEWEST} or more in every class"
        )
    told = [
        f"{photo.content} {label} {group}" for photo, label, group in zip(photos.items, labels, groups, strict=True)
    ]
    made_by = [_VERSION, version("scikit-learn"), version("cleanlab")]
    path = cache / "labels" / f"{digest_of([*made_by, *told])}.json"

    def read(rows: list[tuple[int, int, float, bool]]) -> LabelCheck:
        items, classes = photos.items, photos.classes
        return LabelCheck(
            tuple(
                Suspect(items[place].path, items[place].label, classes[other], suspicion, probable)
                for place, other, suspicion, probable in rows
            ),
            len(labels),
        )

    def make() -> list[tuple[int, int, float, bool]]:
        return _suspects(_features(photos.root, photos.items, cache, progress), labels, groups, progress)

    return kept_json(path, make, read, progress)


def _suspects(
    features: np.ndarray, labels: np.ndarray, groups: np.ndarray, progress: Progress
) -> list[tuple[int, int, float, bool]]:
    """Of each: which photo, which class it looks like, how suspicious, whether probably wrong; the worst first."""
    with progress.bar("Checking the labels", 1) as bar:
        found = suspect_labels(features, labels, groups)
        bar.advance()
    last = np.nonzero(found.probable[found.order])[0]
    n = max(math.ceil(LISTED * len(labels)), int(last[-1]) + 1 if len(last) else 0)
    return [
        (place, int(found.proposed[place]), round(float(found.suspicion[place]), 4), bool(found.probable[place]))
        for place in found.order[:n].tolist()
    ]


def _features(root: Path, photos: Sequence[Photo], cache: Path, progress: Progress) -> np.ndarray:
    try:
        from tellapart.models.choice import built_in_features

        return built_in_features(root, photos, cache=cache, progress=progress)
    except ImportError as problem:  # Keras raises it for the exporter only when it is needed
        raise MissingExtraError(f"What computes features ({problem.name or 'the export'})", "train") from problem


def _group_numbers(photos: Photos, audited: Audit) -> np.ndarray:
    numbers = np.zeros(len(photos.items), dtype=np.int64)
    for number, places in enumerate(groups_of(photos.items, audited.duplicates)):
        numbers[list(places)] = number
    return numbers


def _added(audited: Audit, *findings: Finding) -> Audit:
    together = sorted([*audited.findings, *findings], key=lambda finding: SEVERITIES.index(finding.severity))
    return replace(audited, findings=tuple(together))


def _not_checked(problem: Exception) -> Finding:
    found, _, advice = str(problem).partition(" Next: ")
    return Finding("labels-not-checked", "note", f"Labels were not checked: {found}", f"Next: {advice.rstrip('.')}.")


def _about(check: LabelCheck) -> list[Finding]:
    if not check.probable:
        return []
    worst, n = check.probable[0], len(check.probable)
    return [
        Finding(
            "wrong-label",
            "warning",
            f"{counted(n, 'photo')} of {check.photos:,} may have a wrong label (the most suspicious: {worst.path}, "
            f"in '{worst.label}', looks like '{worst.proposed}').",
            "A suspicion, no verdict: photos that a model finds hard stand here, too. Look at each, and correct only "
            "what you see to be wrong: tellapart audit --apply writes a table for that.",
            tuple(suspect.path for suspect in check.probable),
        )
    ]
