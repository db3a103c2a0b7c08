"""Which photos teach, which steer, and which are set aside for the end.

The split depends on the seed and on what the photos show, not on how their
files are named or ordered: each class is ordered by a hash of seed and pixels,
and dealt out from there. Photos with equal pixels stay together.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from tellapart.errors import OptionError, PhotosError
from tellapart.photos.scan import Photo, Photos, digest_of

VALID_SHARE: Final = 0.2  # of what is left after the test photos are set aside
FEWEST: Final = 5  # distinct photos of a class: one to test, one to validate, three to learn from


class HeldOutPhotos:
    """The test photos. Only `tellapart.evaluation` opens them, once per recipe."""

    def __init__(self, photos: tuple[Photo, ...]) -> None:
        self._photos = photos

    def __len__(self) -> int:
        return len(self._photos)

    def open_for_evaluation(self) -> tuple[Photo, ...]:
        """Give the photos; a test holds that nothing but `evaluation` and `split` calls this."""
        return self._photos


@dataclass(frozen=True)
class Split:
    """The three parts, and the group (equal pixels) of every photo that has one."""

    train: tuple[Photo, ...]
    valid: tuple[Photo, ...]
    test: HeldOutPhotos
    groups: dict[str, str]

    def rows(self) -> list[tuple[str, str, str, str]]:
        """`path, class, part, group` of every photo, ordered by path."""
        parts = {"train": self.train, "valid": self.valid, "test": self.test.open_for_evaluation()}
        rows = [
            (photo.path, photo.label, part, self.groups.get(photo.path, ""))
            for part, photos in parts.items()
            for photo in photos
        ]
        return sorted(rows)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of which content stands in which part."""
        parts = {"train": self.train, "valid": self.valid, "test": self.test.open_for_evaluation()}
        return digest_of(sorted(f"{part}\0{photo.content}" for part in parts for photo in parts[part]))


def split(photos: Photos, *, test_share: float = 0.2, seed: int = 0) -> Split:
    """Divide photos into train, valid and test, stratified by class.

    Parts that the source names are kept; a part that it does not name is taken
    from its training photos.

    Args:
        photos: What `scan` found.
        test_share: Share of each class that is set aside, 0.05 to 0.5.
        seed: Another seed gives another split.

    Raises:
        OptionError: `test_share` is out of range.
        PhotosError: A class has too few photos, or only some photos name a part.
    """
    check_share(test_share)
    groups, parts = _parts(photos, test_share, seed)
    _check_classes(photos, parts)
    named = {photo.path: pixels[:12] for pixels, items in groups.items() if len(items) > 1 for photo in items}
    return Split(parts["train"], parts["valid"], HeldOutPhotos(parts["test"]), named)


def check_share(test_share: float) -> None:
    """Refuse a test share outside 0.05 to 0.5.

    Raises:
        OptionError: It is.
    """
    if not 0.05 <= test_share <= 0.5:
        raise OptionError(f"A test share of {test_share}. Accepted: 0.05 to 0.5. Next: --test-share 0.2")


def split_for_training(photos: Photos, *, seed: int = 0) -> tuple[tuple[Photo, ...], tuple[Photo, ...]]:
    """Divide photos into train and valid alone, for a caller that tests on photos of its own.

    Raises:
        PhotosError: A class has too few photos.
    """
    _, parts = _parts(photos, 0.0, seed)
    return parts["train"], parts["valid"]


def _parts(photos: Photos, test_share: float, seed: int) -> tuple[dict[str, list[Photo]], dict[str, tuple[Photo, ...]]]:
    """The groups of equal pixels, and the photos of each part."""
    _check_parts(photos)
    _check_sizes(photos)
    groups: dict[str, list[Photo]] = defaultdict(list)
    for photo in photos.items:
        groups[photo.pixels].append(photo)
    part_of = _deal(groups, test_share, seed)
    parts: dict[str, list[Photo]] = {"train": [], "valid": [], "test": []}
    # Ordered by content, so that renaming files changes no batch either.
    for photo in sorted(photos.items, key=lambda photo: (photo.pixels, photo.content, photo.label, photo.path)):
        parts[part_of[photo.pixels]].append(photo)
    return groups, {part: tuple(items) for part, items in parts.items()}


def _deal(groups: dict[str, list[Photo]], test_share: float, seed: int) -> dict[str, str]:
    """Give each group a part: first what the source says, then class by class in hash order."""
    part_of = {pixels: _named_part(items) for pixels, items in groups.items()}
    named = set(part_of.values())
    by_class: dict[str, list[str]] = defaultdict(list)
    for pixels, items in groups.items():
        if part_of[pixels] in ("", "train"):
            by_class[_label(items)].append(pixels)
    for pixels_of_class in by_class.values():
        pixels_of_class.sort(key=lambda pixels: hashlib.sha256(f"{seed}:{pixels}".encode()).digest())
        n_test = 0 if "test" in named or not test_share else max(1, round(len(pixels_of_class) * test_share))
        n_rest = len(pixels_of_class) - n_test
        n_valid = 0 if "valid" in named else max(1, round(n_rest * VALID_SHARE))
        for place, pixels in enumerate(pixels_of_class):
            part_of[pixels] = "test" if place < n_test else "valid" if place < n_test + n_valid else "train"
    return part_of


def _named_part(items: Iterable[Photo]) -> str:
    """The part that the source names; copies on several sides all go to train, so that test stays clean."""
    parts = {photo.part for photo in items}
    return parts.pop() if len(parts) == 1 else "train"


def _label(items: Iterable[Photo]) -> str:
    tally = Counter(photo.label for photo in items)
    return min(tally, key=lambda label: (-tally[label], label))


def _check_parts(photos: Photos) -> None:
    without = sum(not photo.part for photo in photos.items)
    if 0 < without < len(photos.items):
        raise PhotosError(
            f"{without} of {len(photos.items)} photos name no part. "
            "Accepted: train, valid or test for every photo, or for none. Next: fill the column `part`."
        )


def _check_sizes(photos: Photos) -> None:
    distinct: dict[str, set[str]] = {label: set() for label in photos.classes}
    for photo in photos.items:
        distinct[photo.label].add(photo.pixels)
    left_out = Counter(item.path.split("/")[0] for item in photos.excluded)
    lacking = [
        f"'{label}' has {len(found)}" + (f" ({left_out[label]} more cannot be read)" if left_out[label] else "")
        for label, found in distinct.items()
        if len(found) < FEWEST
    ]
    if lacking:
        raise PhotosError(
            f"Too few photos: {', '.join(lacking)}. Accepted: at least {FEWEST} different photos a class. "
            "Next: add photos, or move that class out of the folder."
        )


def _check_classes(photos: Photos, parts: dict[str, tuple[Photo, ...]]) -> None:
    for part, items in parts.items():
        missing = set(photos.classes) - {photo.label for photo in items}
        if missing:
            raise PhotosError(
                f"No {part} photo of {', '.join(sorted(missing))}. "
                "Accepted: every class in train, valid and test. "
                "Next: give that class more photos, or leave the column `part` out."
            )
