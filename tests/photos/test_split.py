import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tellapart
from photo_maker import class_folders, noise, photo, photos_of, pixels_of, save
from tellapart.errors import OptionError, PhotosError
from tellapart.photos.listing import LeftOut
from tellapart.photos.scan import Photo, Photos, scan
from tellapart.photos.split import HeldOutPhotos, Split, split, split_for_training


def many(**counts: int) -> Photos:
    return photos_of(*(photo(number, label) for label, count in counts.items() for number in range(count)))


def parts_of(divided: Split) -> dict[str, tuple[Photo, ...]]:
    return {"train": divided.train, "valid": divided.valid, "test": divided.test.open_for_evaluation()}


def by_content(divided: Split) -> dict[str, list[tuple[str, str]]]:
    return {part: sorted((item.label, item.content) for item in items) for part, items in parts_of(divided).items()}


@st.composite
def sources(draw: st.DrawFn) -> Photos:
    """Two to four classes of unequal size, with copies of some photos."""
    items = []
    for label in draw(st.lists(st.sampled_from("abcd"), min_size=2, max_size=4, unique=True)):
        count = draw(st.integers(5, 40))
        copied = draw(st.lists(st.integers(0, count - 1), max_size=6))
        items += [photo(number, label) for number in range(count)]
        items += [
            replace(photo(number, label), path=f"{label}/copy {place}.png", content=f"other bytes {label} {place}")
            for place, number in enumerate(copied)
        ]
    return photos_of(*items)


@settings(max_examples=40, deadline=None)
@given(sources(), st.integers(0, 2**32), st.sampled_from([0.05, 0.2, 0.35, 0.5]))
def test_what_holds_for_every_split(photos: Photos, seed: int, test_share: float) -> None:
    divided = split(photos, test_share=test_share, seed=seed)
    parts = parts_of(divided)
    everything = [item for items in parts.values() for item in items]
    assert sorted(item.path for item in everything) == sorted(item.path for item in photos.items)
    for items in parts.values():
        assert {item.label for item in items} == set(photos.classes)
    for one, other in (("train", "test"), ("train", "valid"), ("valid", "test")):
        assert not {item.pixels for item in parts[one]} & {item.pixels for item in parts[other]}
    largest = max(Counter(item.pixels for item in photos.items).values())
    for label in photos.classes:
        count = {part: sum(item.label == label for item in items) for part, items in parts.items()}
        n = sum(count.values())
        # Where there are no copies, within a photo; a group that does not fit is passed over.
        assert abs(count["test"] - n * test_share) <= max(1, largest)
        assert abs(count["valid"] - (n - count["test"]) * 0.2) <= max(1, largest)


@settings(max_examples=30, deadline=None)
@given(sources(), st.integers(0, 1000), st.randoms(use_true_random=False))
def test_names_and_order_of_the_files_do_not_matter(photos: Photos, seed: int, chance: object) -> None:
    renamed = [replace(item, path=f"{item.label}/renamed {n}.png") for n, item in enumerate(photos.items)]
    chance.shuffle(renamed)  # type: ignore[attr-defined]
    one, other = split(photos, seed=seed), split(photos_of(*renamed), seed=seed)
    for part, items in parts_of(one).items():
        assert [(item.label, item.content) for item in items] == [
            (item.label, item.content) for item in parts_of(other)[part]
        ]
    assert one.fingerprint == other.fingerprint


def test_the_seed_fixes_the_split() -> None:
    photos = many(chair=30, table=20)
    assert split(photos, seed=3).rows() == split(photos, seed=3).rows()
    assert split(photos, seed=3).fingerprint != split(photos, seed=4).fingerprint
    assert by_content(split(photos, seed=3)) != by_content(split(photos, seed=4))


def test_a_photo_more_moves_few_others() -> None:
    """Ordering by hash, the place of a photo hardly depends on the rest."""
    before = {row[0]: row[2] for row in split(many(chair=100, table=100)).rows()}
    after = {row[0]: row[2] for row in split(many(chair=101, table=100)).rows()}
    assert sum(after[path] != part for path, part in before.items()) <= 3


def test_shares() -> None:
    parts = parts_of(split(many(chair=100, table=50), test_share=0.2))
    assert Counter(item.label for item in parts["test"]) == {"chair": 20, "table": 10}
    assert Counter(item.label for item in parts["valid"]) == {"chair": 16, "table": 8}
    assert Counter(item.label for item in parts["train"]) == {"chair": 64, "table": 32}


@pytest.mark.parametrize("share", [0.0, 0.04, 0.51, 1.0, -0.2, float("nan")])
def test_a_share_out_of_range_is_told(share: float) -> None:
    with pytest.raises(OptionError, match=r"0.05 to 0.5. Next: --test-share"):
        split(many(chair=10, table=10), test_share=share)


def test_a_class_with_too_few_says_how_many_it_has_and_needs() -> None:
    with pytest.raises(PhotosError, match=r"'table' has 2\. Accepted: at least 5 different photos a class"):
        split(many(chair=10, table=2))


def test_copies_do_not_count_as_photos() -> None:
    copies = [photo(number, "table", pixels="the same") for number in range(9)]
    with pytest.raises(PhotosError, match="'table' has 1"):
        split(photos_of(*many(chair=10).items, *copies))


def test_photos_that_cannot_be_read_are_counted_where_a_class_lacks() -> None:
    lost = (LeftOut("table/1.jpg", "the file is empty"), LeftOut("table/2.jpg", "the file is empty"))
    with pytest.raises(PhotosError, match=r"'table' has 4 \(2 more cannot be read\)"):
        split(replace(many(chair=10, table=4), excluded=lost))


def test_five_photos_a_class_are_enough() -> None:
    for share in (0.05, 0.2, 0.5):
        parts = parts_of(split(many(chair=5, table=5), test_share=share))
        assert all({item.label for item in items} == {"chair", "table"} for items in parts.values())


def given_parts(**counts: int) -> Photos:
    return photos_of(
        *(
            photo(number, label, path=f"{part}/{label}/{number}.png", part=part, pixels=f"{part} {label} {number}")
            for part, count in counts.items()
            for label in ("chair", "table")
            for number in range(count)
        )
    )


def test_parts_of_the_source_are_kept() -> None:
    divided = split(given_parts(train=9, valid=3, test=4), seed=5)
    for part, items in parts_of(divided).items():
        assert {item.part for item in items} == {part}


def test_a_part_that_the_source_does_not_name_is_taken_from_training() -> None:
    parts = parts_of(split(given_parts(train=10, test=4)))
    assert {item.part for item in parts["test"]} == {"test"}
    assert {item.part for item in parts["valid"]} == {"train"}
    assert len(parts["valid"]) == 4
    parts = parts_of(split(given_parts(train=10, valid=4)))
    assert {item.part for item in parts["valid"]} == {"valid"}
    assert len(parts["test"]) == 4


def test_copies_of_training_photos_leave_the_given_test_photos() -> None:
    photos = given_parts(train=10, valid=3, test=4)
    copy = photo(99, "chair", path="test/chair/copy.png", part="test", pixels="train chair 0")
    parts = parts_of(split(photos_of(*photos.items, copy)))
    assert copy in parts["train"]
    assert len(parts["test"]) == 8


def test_parts_for_some_photos_only_are_refused() -> None:
    photos = photos_of(*given_parts(train=5).items, photo(1, "chair"))
    with pytest.raises(PhotosError, match="1 of 11 photos name no part"):
        split(photos)


def test_a_class_without_test_photos_is_told() -> None:
    items = [item for item in given_parts(train=9, test=3).items if (item.part, item.label) != ("test", "table")]
    with pytest.raises(PhotosError, match="No test photo of table"):
        split(photos_of(*items))


def test_one_picture_in_two_classes_stays_in_one_part() -> None:
    photos = many(chair=20, table=20)
    twins = [photo(n, "table", path=f"table/twin {n}.png", pixels=pixels_of("chair", n)) for n in range(6)]
    part_of: dict[str, set[str]] = {}
    divided = split(photos_of(*photos.items, *twins))
    for part, items in parts_of(divided).items():
        for item in items:
            part_of.setdefault(item.pixels, set()).add(part)
    assert all(len(parts) == 1 for parts in part_of.values())
    assert len(set(divided.groups.values())) == 6


def test_rows_name_the_groups_of_copies() -> None:
    copies = [photo(number, "chair", path=f"chair/c{number}.png", pixels="same") for number in (1, 2)]
    rows = split(photos_of(*many(chair=9, table=9).items, *copies)).rows()
    assert [row[0] for row in rows] == sorted(row[0] for row in rows)
    assert {row[3] for row in rows if row[0] in ("chair/c1.png", "chair/c2.png")} == {"same"}
    assert all(row[3] == "" for row in rows if not row[0].startswith("chair/c"))


def grouped(sizes: dict[str, list[int]]) -> Photos:
    """Photos in groups of the source's own (bursts), of such sizes in each class."""
    return photos_of(
        *(
            replace(photo(100 * place + number, label), group=f"{label} burst {place}" if size > 1 else "")
            for label, own in sizes.items()
            for place, size in enumerate(own)
            for number in range(size)
        )
    )


def test_groups_of_the_source_stay_whole_and_shares_are_kept_all_the_same() -> None:
    photos = grouped({"chair": [5, 4, 3, 3, 2, 2] * 4 + [1] * 24, "table": [7, 6] * 5 + [1] * 35})
    for seed in range(20):
        divided = split(photos, test_share=0.2, seed=seed)
        parts = parts_of(divided)
        groups = {part: {item.group for item in items} - {""} for part, items in parts.items()}
        assert (
            not groups["train"] & groups["test"] | groups["train"] & groups["valid"] | groups["valid"] & groups["test"]
        )
        for label in photos.classes:
            assert abs(sum(item.label == label for item in parts["test"]) - 20) <= 2
            assert abs(sum(item.label == label for item in parts["valid"]) - 16) <= 2
    assert divided.groups["chair/0000.png"] == "chair burst 0", "split.csv names groups as the source does"
    assert divided.duplicate_groups == 0, "a burst that the source names is no duplicate that was found"


def test_names_of_groups_do_not_matter() -> None:
    photos = grouped({"chair": [3, 2] * 6, "table": [2, 1] * 8})
    renamed = photos_of(*(replace(item, group=item.group and f"x{hash(item.group)}") for item in photos.items))
    assert split(photos, seed=2).fingerprint == split(renamed, seed=2).fingerprint


def test_groups_and_copies_that_overlap_are_one_group() -> None:
    photos = many(chair=12, table=12)
    burst = [replace(item, group="burst") if item.path in BURST else item for item in photos.items]
    copy = photo(77, "chair", path="chair/copy.png", pixels=pixels_of("chair", 1))
    divided = split(photos_of(*burst, copy))
    part_of = {row[0]: row[2] for row in divided.rows()}
    assert len({part_of[path] for path in (*BURST, "chair/copy.png")}) == 1
    assert divided.groups["chair/copy.png"] == "burst"


BURST = ("chair/0000.png", "chair/0001.png", "chair/0002.png")


def test_a_class_of_three_large_groups_can_be_split_and_of_two_is_told() -> None:
    parts = parts_of(split(grouped({"chair": [9, 8, 7], "table": [1] * 20})))
    assert all(any(item.label == "chair" for item in items) for items in parts.values())
    with pytest.raises(PhotosError, match=r"No (train|valid|test) photo of chair.*more photos or groups"):
        split(grouped({"chair": [9, 8], "table": [1] * 20}))


def test_near_duplicates_stay_on_one_side(tmp_path: Path) -> None:
    root = class_folders(tmp_path, {"chair": 14, "table": 14})
    for number in range(6):
        scene = noise(500 + number, (12, 9)).resize((160, 120))
        save(scene, root / "chair" / f"scene {number}.png")
        save(scene.crop((8, 5, 156, 118)), root / "chair" / f"scene {number} cropped.jpg", quality=60)
    divided = split(scan(root), seed=1)
    part_of = {row[0]: row[2] for row in divided.rows()}
    group_of = {row[0]: row[3] for row in divided.rows()}
    for number in range(6):
        one, other = f"chair/scene {number}.png", f"chair/scene {number} cropped.jpg"
        assert part_of[one] == part_of[other]
        assert group_of[one] == group_of[other] != ""
    assert divided.duplicate_groups == 6


def test_training_alone_needs_no_test_photos() -> None:
    photos = many(chair=10, table=10)
    train, valid = split_for_training(photos)
    assert len(train) == 16
    assert len(valid) == 4
    assert {*train, *valid} == set(photos.items)
    with pytest.raises(PhotosError, match="'table' has 3"):
        split_for_training(many(chair=10, table=3))


def test_renamed_files_of_a_real_folder_fall_into_the_same_parts(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    class_folders(one, {"chair": 12, "table": 8})
    save(noise(0), one / "chair" / "copy.bmp")  # chair/000.png in other bytes
    for number, path in enumerate(sorted(one.rglob("*.*"), reverse=True)):
        target = other / path.parent.name / f"{number} – 😀{path.suffix.upper()}"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
    first, second = split(scan(one), seed=1), split(scan(other), seed=1)
    assert by_content(first) == by_content(second)
    part_of = {row[0]: row[2] for row in first.rows()}
    assert part_of["chair/000.png"] == part_of["chair/copy.bmp"]


def test_only_evaluation_opens_the_test_photos() -> None:
    root = Path(tellapart.__file__).parent
    opened = {
        file.relative_to(root).as_posix()
        for file in root.rglob("*.py")
        if re.search(r"open_for_evaluation|HeldOutPhotos\(|\._photos\b", file.read_text(encoding="utf-8"))
    }
    assert opened == {"photos/split.py", "photos/folds.py", "evaluation/metrics.py"}
    assert not hasattr(HeldOutPhotos(()), "__iter__")
    assert not hasattr(HeldOutPhotos(()), "__getitem__")
