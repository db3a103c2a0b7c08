"""Photos cut into folds that take turns: each is tested once, by a model that did not see it.

In round k fold k is the test, the next one validates, and the others are learned
from. So every photo is tested once and validates once, and no round validates on
what it tests.
"""

from collections import Counter
from dataclasses import dataclass
from typing import Final

import numpy as np

from tellapart.errors import OptionError, PhotosError
from tellapart.photos.duplicates import Duplicates
from tellapart.photos.scan import Photo, Photos, digest_of
from tellapart.photos.split import HeldOutPhotos, Split, by_content, keyed_groups, names_of

FEWEST: Final = 3  # one to test, one to validate, one to learn from
MOST: Final = 20


@dataclass(frozen=True)
class Folds:
    """The folds, and the group of every photo that has one.

    Attributes:
        parts: The photos of each fold, about as many of each class in each.
        groups: From a path to the name of its group; a group lies in one fold.
        duplicate_groups: How many groups of photos show the same picture.
    """

    parts: tuple[tuple[Photo, ...], ...]
    groups: dict[str, str]
    duplicate_groups: int = 0

    def __len__(self) -> int:
        return len(self.parts)

    def round(self, number: int) -> Split:
        """The split of round `number`, from 1: that fold tests, the next one validates."""
        test, valid = number - 1, number % len(self)
        train = [photo for place, part in enumerate(self.parts) if place not in (test, valid) for photo in part]
        return self._split(train, self.parts[valid], self.parts[test])

    def whole(self) -> Split:
        """The split for the model that is handed over: the last fold validates, nothing is left to test."""
        train = [photo for part in self.parts[:-1] for photo in part]
        return self._split(train, self.parts[-1], ())

    def rows(self) -> list[tuple[str, str, str, str]]:
        """`path, class, part, group` of every photo, ordered by path; the parts are fold-1, fold-2, ..."""
        return sorted(
            (photo.path, photo.label, f"fold-{number}", self.groups.get(photo.path, ""))
            for number, part in enumerate(self.parts, start=1)
            for photo in part
        )

    @property
    def fingerprint(self) -> str:
        """SHA-256 of which content stands in which fold."""
        return digest_of(
            sorted(f"fold-{n}\0{photo.content}" for n, part in enumerate(self.parts, start=1) for photo in part)
        )

    def _split(self, train: list[Photo], valid: tuple[Photo, ...], test: tuple[Photo, ...]) -> Split:
        return Split(
            tuple(sorted(train, key=by_content)), valid, HeldOutPhotos(test), self.groups, self.duplicate_groups
        )


def check_folds(n_folds: int) -> None:
    """Refuse a number of folds outside 3 to 20.

    Raises:
        OptionError: It is.
    """
    if not FEWEST <= n_folds <= MOST:
        raise OptionError(f"{n_folds} folds. Accepted: {FEWEST} to {MOST}. Next: --folds 5")


def cut_into_folds(photos: Photos, duplicates: Duplicates, *, n_folds: int, seed: int = 0) -> Folds:
    """Cut photos into folds, stratified by class; no group straddles two of them.

    Like a split, the folds depend on the seed and on what the photos show alone.

    Args:
        photos: What `scan` found; it names no parts.
        duplicates: What `find_duplicates` says of these photos.
        n_folds: 3 to 20.
        seed: Another seed gives other folds.

    Raises:
        OptionError: `n_folds` is out of range.
        PhotosError: A class has too few different photos, or the photos name their parts.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    check_folds(n_folds)
    if any(photo.part for photo in photos.items):
        raise PhotosError(
            "The photos name their parts (train, valid, test), which folds would ignore. "
            "Next: leave --folds out, or the column `part`."
        )
    groups = keyed_groups(photos, duplicates)
    _check_classes(photos, groups, n_folds)
    items = [(key, photo) for key in sorted(groups) for photo in sorted(groups[key], key=by_content)]
    labels = [photo.label for _, photo in items]
    dealer = StratifiedGroupKFold(n_folds, shuffle=True, random_state=seed)
    dealt = dealer.split(np.zeros(len(items)), labels, [key for key, _ in items])
    parts = tuple(tuple(sorted((items[place][1] for place in test), key=by_content)) for _, test in dealt)
    _check_parts(photos, parts)
    return Folds(parts, names_of(groups), len(duplicates.groups))


def _check_classes(photos: Photos, groups: dict[str, list[Photo]], n_folds: int) -> None:
    n_groups = Counter(label for items in groups.values() for label in {photo.label for photo in items})
    label = min(photos.classes, key=lambda label: n_groups[label])
    if n_groups[label] < n_folds:
        raise PhotosError(
            f"'{label}' has {n_groups[label]} different photos or groups for {n_folds} folds. "
            f"Accepted: one for each fold, at least. Next: --folds {max(FEWEST, n_groups[label])}, or more photos."
        )


def _check_parts(photos: Photos, parts: tuple[tuple[Photo, ...], ...]) -> None:
    for part in parts:
        missing = set(photos.classes) - {photo.label for photo in part}
        if missing:
            raise PhotosError(
                f"A fold has no photo of {', '.join(sorted(missing))}, as its photos lie in few large groups. "
                "Accepted: every class in every fold. Next: fewer --folds, or more photos or groups of that class."
            )
