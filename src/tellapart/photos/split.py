"""Which photos teach, which steer, and which are set aside for the end.

The split depends on the seed and on what the photos show, not on how their
files are named or ordered: each class is ordered by a hash of seed and pixels,
and dealt out from there. Photos that show the same picture stay together, and
so do those that the source puts into one group (a patient, a burst).
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from tellapart.errors import OptionError, PhotosError
from tellapart.photos.duplicates import Duplicates, find_duplicates, joined
from tellapart.photos.scan import Photo, Photos, digest_of

VALID_SHARE: Final = 0.2  # of what is left after the test photos are set aside
FEWEST: Final = 5  # distinct photos of a class: one to test, one to validate, three to learn from

_Key = str  # of a group: the smallest digest of pixels in it, so that no file name matters


class HeldOutPhotos:
    """The test photos. Only `tellapart.evaluation` opens them, once per recipe."""

    def __init__(self, photos: tuple[Photo, ...]) -> None:
        self._photos = photos

    def __len__(self) -> int:
        return len(self._photos)

    def open_for_evaluation(self) -> tuple[Photo, ...]:
        """Give the photos; a test holds that nothing but `evaluation` and `split` calls this."""
        return self._photos

    def contents(self) -> list[str]:
        """SHA-256 of each file: they can be known again by it, and nothing can be learned from it."""
        return [photo.content for photo in self._photos]


@dataclass(frozen=True)
class Split:
    """The three parts, and the group of every photo that has one.

    Attributes:
        train: The photos to learn from.
        valid: The photos to choose with.
        test: The photos that are set aside.
        groups: From a path to the name of its group: the source's own, else a digest.
        duplicate_groups: How many groups of photos show the same picture.
    """

    train: tuple[Photo, ...]
    valid: tuple[Photo, ...]
    test: HeldOutPhotos
    groups: dict[str, str]
    duplicate_groups: int = 0

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


def split(photos: Photos, *, test_share: float = 0.2, seed: int = 0, duplicates: Duplicates | None = None) -> Split:
    """Divide photos into train, valid and test, stratified by class; no group straddles two parts.

    Parts that the source names are kept; a part that it does not name is taken
    from its training photos.

    Args:
        photos: What `scan` found.
        test_share: Share of each class that is set aside, 0.05 to 0.5.
        seed: Another seed gives another split.
        duplicates: What `find_duplicates` says of these photos; without it, it is asked.

    Raises:
        OptionError: `test_share` is out of range.
        PhotosError: A class has too few photos, or only some photos name a part.
    """
    check_share(test_share)
    known = duplicates or find_duplicates(photos.items)
    groups, parts = _parts(photos, known, test_share, seed)
    _check_classes(photos, parts)
    return Split(parts["train"], parts["valid"], HeldOutPhotos(parts["test"]), names_of(groups), len(known.groups))


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
    _, parts = _parts(photos, find_duplicates(photos.items), 0.0, seed)
    return parts["train"], parts["valid"]


def groups_of(photos: Sequence[Photo], duplicates: Duplicates) -> list[tuple[int, ...]]:
    """Positions of the photos of each group: duplicates and the groups of the source, joined where they overlap."""
    first: dict[str, int] = {}
    links = [(group[0], place) for group in duplicates.groups for place in group[1:]]
    links += [(first.setdefault(photo.group, place), place) for place, photo in enumerate(photos) if photo.group]
    return joined(len(photos), links)


def keyed_groups(photos: Photos, duplicates: Duplicates) -> dict[_Key, list[Photo]]:
    """The groups of all photos, of one photo or more, each by the smallest digest of pixels in it.

    Raises:
        PhotosError: A class has too few different photos.
    """
    _check_sizes(photos, duplicates)
    members = [[photos.items[place] for place in places] for places in groups_of(photos.items, duplicates)]
    return {min(photo.pixels for photo in items): items for items in members}


def names_of(groups: Mapping[_Key, Sequence[Photo]]) -> dict[str, str]:
    """From a path to what split.csv calls its group: as the source does, else by its pixels."""

    def name(key: _Key, items: Iterable[Photo]) -> str:
        return " + ".join(sorted({photo.group for photo in items if photo.group})) or key[:12]

    return {photo.path: name(key, items) for key, items in groups.items() if len(items) > 1 for photo in items}


def _parts(
    photos: Photos, duplicates: Duplicates, test_share: float, seed: int
) -> tuple[dict[_Key, list[Photo]], dict[str, tuple[Photo, ...]]]:
    """The groups, of one photo or more, and the photos of each part."""
    _check_parts(photos)
    groups = keyed_groups(photos, duplicates)
    part_of = _deal(groups, test_share, seed)
    parts: dict[str, list[Photo]] = {"train": [], "valid": [], "test": []}
    placed = [(photo, part_of[key]) for key, items in groups.items() for photo in items]
    # Ordered by content, so that renaming files changes no batch either.
    for photo, part in sorted(placed, key=lambda pair: by_content(pair[0])):
        parts[part].append(photo)
    return groups, {part: tuple(items) for part, items in parts.items()}


def by_content(photo: Photo) -> tuple[str, str, str, str]:
    """What photos are ordered by, so that renaming files changes nothing."""
    return photo.pixels, photo.content, photo.label, photo.path


def _deal(groups: Mapping[_Key, Sequence[Photo]], test_share: float, seed: int) -> dict[_Key, str]:
    """Give each group a part: first what the source says, then class by class in hash order."""
    part_of = {key: _named_part(items) for key, items in groups.items()}
    named = set(part_of.values())
    free = [key for key in groups if part_of[key] in ("", "train")]
    part_of |= dict.fromkeys(free, "train")
    tallies = {key: Counter(photo.label for photo in groups[key]) for key in free}
    if "test" not in named and test_share:
        # Two groups of each class remain, or one where the source names the validation photos.
        for key in _draw(free, tallies, test_share, seed, spare=1 if "valid" in named else 2):
            part_of[key] = "test"
    if "valid" not in named:
        rest = [key for key in free if part_of[key] == "train"]
        for key in _draw(rest, tallies, VALID_SHARE, seed, spare=1):
            part_of[key] = "valid"
    return part_of


def _draw(
    keys: Iterable[_Key], tallies: Mapping[_Key, Counter[str]], share: float, seed: int, *, spare: int
) -> list[_Key]:
    """Draw groups in hash order until each class has its share of photos; what would be too many is passed over.

    Args:
        keys: The groups to draw from.
        tallies: How many photos of each class a group has.
        share: The share of each class's photos that is wanted, at least one photo.
        seed: Fixes the order.
        spare: How many groups of each class remain in any case.
    """
    order = sorted(keys, key=lambda key: hashlib.sha256(f"{seed}:{key}".encode()).digest())
    total, left = Counter[str](), Counter[str]()
    for key in order:
        total.update(tallies[key])
        left.update(tallies[key].keys())
    wanted = {label: max(1, round(n * share)) for label, n in total.items()}
    drawn: dict[_Key, None] = {}

    def take(key: _Key) -> None:
        drawn[key] = None
        left.subtract(tallies[key].keys())
        for label, n in tallies[key].items():
            wanted[label] -= n

    for key in order:
        if all(n <= wanted[label] and left[label] > spare for label, n in tallies[key].items()):
            take(key)
    # A class of large groups only: the smallest of them, as without any it could not be judged.
    for label in sorted(total):
        own = [key for key in order if tallies[key][label]]
        if own and not drawn.keys() & set(own):
            take(min(own, key=lambda key: tallies[key].total()))
    return list(drawn)


def _named_part(items: Iterable[Photo]) -> str:
    """The part that the source names; groups on several sides all go to train, so that test stays clean."""
    parts = {photo.part for photo in items}
    return parts.pop() if len(parts) == 1 else "train"


def _check_parts(photos: Photos) -> None:
    without = sum(not photo.part for photo in photos.items)
    if 0 < without < len(photos.items):
        raise PhotosError(
            f"{without} of {len(photos.items)} photos name no part. "
            "Accepted: train, valid or test for every photo, or for none. Next: fill the column `part`."
        )


def _check_sizes(photos: Photos, duplicates: Duplicates) -> None:
    group_of = {place: group[0] for group in duplicates.groups for place in group}
    distinct: dict[str, set[int]] = {label: set() for label in photos.classes}
    for place, photo in enumerate(photos.items):
        distinct[photo.label].add(group_of.get(place, place))
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
                "Next: give that class more photos or groups, or leave the columns `part` and `group` out."
            )
