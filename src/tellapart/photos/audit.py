"""What is wrong with a folder of photos, before anything is trained."""

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from tellapart.photos.duplicates import Duplicates, kept_duplicates
from tellapart.photos.quality import find_faults
from tellapart.photos.scan import Photo, Photos
from tellapart.photos.shortcuts import GivenAway, Shortcut, kept_shortcut
from tellapart.photos.split import check_share
from tellapart.photos.suspects import LabelCheck
from tellapart.progress import Progress, Silent
from tellapart.words import counted

SEVERITIES: Final = ("problem", "warning", "note")
UNEQUAL: Final = 1.5  # From here on training weighs the classes.
VERY_UNEQUAL: Final = 5.0
# Half the width of Wilson's interval; a class whose score is uncertain by more than 20 points either way has none.
SAYS_NOTHING: Final = 0.20
_Z: Final = 1.959964  # 95 %


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong, or worth knowing.

    Attributes:
        kind: A short name, such as `duplicates`.
        severity: `problem` (scores will mislead), `warning` (look at it) or `note`.
        what: What was found, a sentence.
        advice: What to do, a sentence.
        paths: The photos concerned, the worst first.
    """

    kind: str
    severity: str
    what: str
    advice: str
    paths: tuple[str, ...] = ()


@dataclass(frozen=True)
class Group:
    """Photos that show the same picture.

    Attributes:
        paths: The photos.
        labels: Their classes, sorted; more than one is a label conflict.
        pairs: The evidence: two paths, the kind of likeness, the distance.
    """

    paths: tuple[str, ...]
    labels: tuple[str, ...]
    pairs: tuple[tuple[str, str, str, float], ...]


@dataclass(frozen=True)
class ClassSize:
    """How much the test can say of one class.

    Attributes:
        label: The class.
        photos: How many it has.
        test_photos: How many of them the test gets.
        half_width: Half of Wilson's 95 % interval of its accuracy, at most; 0.1 is ten points either way.
        photos_for_10_points: Photos that bring it to 0.10.
        photos_for_5_points: Photos that bring it to 0.05.
    """

    label: str
    photos: int
    test_photos: int
    half_width: float
    photos_for_10_points: int
    photos_for_5_points: int


@dataclass(frozen=True)
class Audit:
    """What `audit` found.

    Attributes:
        findings: The worst first.
        groups: Photos that show the same picture.
        classes: What the test can say of each class.
        imbalance: Photos of the largest class for one of the smallest.
        shortcut: How well classes are told without looking; None where photos are too few to try.
        duplicates: The groups by position, for `split`.
        labels: What a check of the labels found; empty where none was made.
    """

    findings: tuple[Finding, ...]
    groups: tuple[Group, ...]
    classes: tuple[ClassSize, ...]
    imbalance: float
    shortcut: Shortcut | None
    duplicates: Duplicates
    labels: LabelCheck = field(default_factory=LabelCheck)

    @property
    def conflicts(self) -> tuple[Group, ...]:
        """The groups that stand in more than one class."""
        return tuple(group for group in self.groups if len(group.labels) > 1)

    @property
    def counts(self) -> dict[str, int]:
        """How many findings there are of each severity."""
        tally = Counter(finding.severity for finding in self.findings)
        return {severity: tally[severity] for severity in SEVERITIES}

    def as_json(self) -> dict[str, Any]:
        """What audit.json holds."""
        return {
            "format": 1,
            "counts": self.counts,
            "findings": [asdict(finding) for finding in self.findings],
            "groups": [asdict(group) for group in self.groups],
            "conflicts": [asdict(group) for group in self.conflicts],
            "classes": [asdict(size) for size in self.classes],
            "imbalance": round(self.imbalance, 3),
            "shortcut": asdict(self.shortcut) if self.shortcut else None,
            "labels": [suspect.as_json() for suspect in self.labels.suspects],
            "labels_checked": self.labels.photos,
        }


def audit(
    photos: Photos, progress: Progress | None = None, *, test_share: float = 0.2, cache: Path | None = None
) -> Audit:
    """Look for everything that would make scores mislead.

    Args:
        photos: What `scan` found; nothing is decoded again.
        progress: Where to tell how far it is.
        test_share: Share of each class that will be tested, 0.05 to 0.5, or 1 with folds.
        cache: Where it is kept what was found out about copies and shortcuts; None keeps nothing.

    Raises:
        OptionError: `test_share` is out of range.
    """
    if test_share != 1:
        check_share(test_share)
    with (progress or Silent()).bar("Auditing the photos", 3) as bar:
        duplicates = kept_duplicates(photos.items, cache, progress)
        bar.advance()
        groups = _groups(photos.items, duplicates)
        together = {path: group.paths[0] for group in groups for path in group.paths}
        shortcut = kept_shortcut(photos.items, together, cache, progress)
        bar.advance()
        sizes = tuple(_size(photos, label, test_share) for label in photos.classes)
        imbalance = max(photos.counts.values()) / min(photos.counts.values())
        findings = [
            *_about_files(photos),
            *_about_groups(groups, photos.items),
            *_about_shortcut(shortcut),
            *_about_sizes(sizes, imbalance),
            *_about_quality(photos.items),
        ]
        bar.advance()
    findings.sort(key=lambda finding: SEVERITIES.index(finding.severity))
    return Audit(tuple(findings), groups, sizes, imbalance, shortcut, duplicates)


def half_width(n: int) -> float:
    """Half the width of Wilson's 95 % interval of an accuracy from `n` photos, at its widest (one half right)."""
    return _Z / (2 * math.sqrt(n + _Z**2))


def photos_for(half: float, test_share: float) -> int:
    """How many photos a class needs, so that its test photos bring `half_width` down to `half`."""
    needed = (_Z / (2 * half)) ** 2 - _Z**2
    return math.ceil(math.ceil(needed) / test_share)


def _groups(photos: Sequence[Photo], duplicates: Duplicates) -> tuple[Group, ...]:
    number_of = {place: number for number, places in enumerate(duplicates.groups) for place in places}
    pairs: dict[int, list[tuple[str, str, str, float]]] = defaultdict(list)
    for pair in duplicates.pairs:
        evidence = photos[pair.one].path, photos[pair.other].path, pair.kind, pair.distance
        pairs[number_of[pair.one]].append(evidence)
    return tuple(
        Group(
            tuple(photos[place].path for place in places),
            tuple(sorted({photos[place].label for place in places})),
            tuple(pairs[number]),
        )
        for number, places in enumerate(duplicates.groups)
    )


def _size(photos: Photos, label: str, test_share: float) -> ClassSize:
    own = [photo for photo in photos.items if photo.label == label]
    named = any(photo.part == "test" for photo in photos.items)
    tested = sum(photo.part == "test" for photo in own) if named else max(1, round(len(own) * test_share))
    share = tested / len(own) if named and tested else test_share
    return ClassSize(
        label, len(own), tested, round(half_width(tested), 3), photos_for(0.10, share), photos_for(0.05, share)
    )


def _about_files(photos: Photos) -> list[Finding]:
    if not photos.excluded:
        return []
    first = photos.excluded[0]
    return [
        Finding(
            "unreadable",
            "warning",
            f"{counted(len(photos.excluded), 'photo')} cannot be read (the first: {first.path}, {first.reason}).",
            "They are left out. Fetch them again, or delete them.",
            tuple(item.path for item in photos.excluded),
        )
    ]


def _about_groups(groups: Sequence[Group], photos: Sequence[Photo]) -> list[Finding]:
    found = []
    conflicts = [group for group in groups if len(group.labels) > 1]
    if conflicts:
        one = conflicts[0]
        found.append(
            Finding(
                "label-conflict",
                "problem",
                f"{counted(len(conflicts), 'picture')} in more than one class "
                f"(such as {one.paths[0]}, in {' and '.join(one.labels)}).",
                "Decide which class is right, and delete the other copies.",
                _flat(conflicts),
            )
        )
    part_of = {photo.path: photo.part for photo in photos}
    straddling = [group for group in groups if len({part_of[path] for path in group.paths}) > 1]
    if straddling:
        found.append(
            Finding(
                "straddling",
                "problem",
                f"{counted(len(straddling), 'picture')} in more than one of the parts that you named.",
                "All of them are taken to train, so that the test stays clean. Delete the copies.",
                _flat(straddling),
            )
        )
    same = [group for group in groups if len(group.labels) == 1]
    if same:
        kinds = Counter(pair[2] for group in same for pair in group.pairs)
        told = ", ".join(f"{n} {kind}" for kind, n in kinds.most_common())
        found.append(
            Finding(
                "duplicates",
                "warning",
                f"{counted(len(_flat(same)), 'photo')} show {counted(len(same), 'picture')} more than once "
                f"(pairs: {told}).",
                "Nothing need be done: each group stays in one part of the split. Copies teach nothing new.",
                _flat(same),
            )
        )
    return found


def _flat(groups: Sequence[Group]) -> tuple[str, ...]:
    return tuple(path for group in groups for path in group.paths)


def _about_shortcut(shortcut: Shortcut | None) -> list[Finding]:
    if shortcut is None or not shortcut.possible:
        return []
    plainest = {(one.label, one.by_shape): one for one in reversed(shortcut.given_away)}
    signs = "; ".join(_told(one) for one in shortcut.given_away if one in plainest.values())
    source = any(not one.by_shape for one in shortcut.given_away)
    return [
        Finding(
            "shortcut",
            "problem" if source else "warning",
            f"Classes can be told without looking: {100 * shortcut.accuracy:.0f} % right from size, compression, light "
            f"and sharpness alone, where the commonest class is {100 * shortcut.majority:.0f} %"
            + (f" ({signs})." if signs else "."),
            "A model may learn the source instead of the thing. Take photos of all classes from the same sources, "
            "and distrust the scores until you have. Width and height may lie in the things themselves.",
        )
    ]


def _told(one: GivenAway) -> str:
    return f"'{one.label}' by its {one.feature}, typically {one.typical:.3g} and elsewhere {one.others:.3g}"


def _about_sizes(sizes: Sequence[ClassSize], imbalance: float) -> list[Finding]:
    found = []
    small = [size for size in sizes if size.half_width > SAYS_NOTHING]
    if small:
        told = ", ".join(f"'{size.label}' ({size.test_photos} of {size.photos})" for size in small[:5])
        more = f" and {len(small) - 5} more" if len(small) > 5 else ""
        need = max(small, key=lambda size: size.photos_for_10_points)
        found.append(
            Finding(
                "too-small",
                "warning",
                f"Too few test photos to say anything of {counted(len(small), 'class', 'classes')}: {told}{more}.",
                f"A class needs {need.photos_for_10_points} photos for a score within 10 points either way, "
                f"{need.photos_for_5_points} for 5 points.",
            )
        )
    if imbalance > UNEQUAL:
        largest, smallest = (pick(sizes, key=lambda size: size.photos) for pick in (max, min))
        found.append(
            Finding(
                "imbalance",
                "warning" if imbalance > VERY_UNEQUAL else "note",
                f"'{largest.label}' has {imbalance:.1f} times the photos of '{smallest.label}' "
                f"({largest.photos} and {smallest.photos}).",
                "Training weighs the classes; read macro F1 beside the accuracy, and add photos to the small ones.",
            )
        )
    return found


def _about_quality(photos: Sequence[Photo]) -> list[Finding]:
    return [
        Finding(
            fault.kind,
            fault.severity,
            f"{counted(len(fault.photos), 'photo')} {'is' if len(fault.photos) == 1 else 'are'} {fault.what}.",
            fault.advice,
            tuple(photos[place].path for place in fault.photos),
        )
        for fault in find_faults(photos)
    ]
