from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from photo_maker import photo, photos_of
from tellapart.errors import OptionError, PhotosError
from tellapart.photos.duplicates import find_duplicates
from tellapart.photos.folds import Folds, cut_into_folds
from tellapart.photos.scan import Photos


def cut(photos: Photos, n_folds: int = 4, seed: int = 0) -> Folds:
    return cut_into_folds(photos, find_duplicates(photos.items), n_folds=n_folds, seed=seed)


@st.composite
def sources(draw: st.DrawFn) -> Photos:
    """Two or three classes of unequal size, with copies of some photos and groups of others."""
    items = []
    for label in draw(st.lists(st.sampled_from("abc"), min_size=2, max_size=3, unique=True)):
        count = draw(st.integers(12, 40))
        size = draw(st.integers(1, 3))
        own = [replace(photo(number, label), group=f"{label}{number // size}") for number in range(count)]
        copies = draw(st.lists(st.integers(0, count - 1), max_size=4))
        items += own
        items += [
            replace(own[number], path=f"{label}/copy {place}.png", content=f"other bytes {label} {place}", group="")
            for place, number in enumerate(copies)
        ]
    return photos_of(*items)


@settings(max_examples=40, deadline=None)
@given(sources(), st.integers(0, 2**31), st.integers(3, 4))
def test_what_holds_for_all_folds(photos: Photos, seed: int, n_folds: int) -> None:
    folds = cut(photos, n_folds, seed)
    everything = sorted(item.path for part in folds.parts for item in part)
    assert everything == sorted(item.path for item in photos.items)
    place = {item.path: number for number, part in enumerate(folds.parts) for item in part}
    for key in ("pixels", "group"):
        kept: dict[str, set[int]] = {}
        for item in photos.items:
            if getattr(item, key):
                kept.setdefault(getattr(item, key), set()).add(place[item.path])
        assert all(len(numbers) == 1 for numbers in kept.values())
    largest = max(Counter(folds.groups.values()).values(), default=1)
    for label in photos.classes:
        counts = [sum(item.label == label for item in part) for part in folds.parts]
        assert min(counts) > 0
        assert max(counts) - min(counts) <= 1 + 2 * largest


def test_each_photo_is_tested_once_validates_once_and_is_never_learned_from_in_its_round() -> None:
    folds = cut(photos_of(*(photo(number, label) for label in "ab" for number in range(20))), 5)
    tested, validated = Counter[str](), Counter[str]()
    for number in range(1, 6):
        part = folds.round(number)
        test = {item.path for item in part.test.open_for_evaluation()}
        valid, train = ({item.path for item in items} for items in (part.valid, part.train))
        assert not test & valid
        assert not train & (test | valid)
        assert len(train | valid | test) == 40
        tested.update(test)
        validated.update(valid)
    assert set(tested.values()) == set(validated.values()) == {1}
    whole = folds.whole()
    assert (len(whole.train), len(whole.valid), len(whole.test)) == (32, 8, 0)


def test_the_seed_and_the_pictures_decide_and_not_the_names() -> None:
    photos = photos_of(*(photo(number, label) for label in "ab" for number in range(20)))
    renamed = photos_of(
        *(replace(item, path=f"{item.label}/{n}-renamed.png") for n, item in enumerate(reversed(photos.items)))
    )
    assert cut(photos).fingerprint == cut(renamed).fingerprint != cut(photos, seed=1).fingerprint
    assert [row[1:3] for row in cut(photos).rows()].count(("a", "fold-1")) == 5


@pytest.mark.parametrize("n_folds", [2, 21])
def test_a_number_of_folds_out_of_range_is_refused(n_folds: int) -> None:
    with pytest.raises(OptionError, match="Accepted: 3 to 20"):
        cut(photos_of(*(photo(number, label) for label in "ab" for number in range(30))), n_folds)


def test_too_few_photos_for_the_folds_are_told() -> None:
    with pytest.raises(PhotosError, match=r"'b' has 6 different photos or groups for 7 folds.*--folds 6"):
        cut(photos_of(*(photo(n, "a") for n in range(30)), *(photo(n, "b") for n in range(6))), 7)


def test_parts_that_the_source_names_are_not_ignored_silently() -> None:
    with pytest.raises(PhotosError, match="leave --folds out"):
        cut(photos_of(*(replace(photo(n, label), part="train") for label in "ab" for n in range(9))))
