"""Which photos two runs may be compared on."""

from pathlib import Path

import pytest

from plain_run import photo, plain_run
from tellapart.errors import RunFolderError
from tellapart.shared_photos import shared_photos

RIGHT: dict[str, list[int]] = {"baseline": []}


def test_the_same_test(tmp_path: Path) -> None:
    first, second = (plain_run(tmp_path / name, range(20), RIGHT) for name in "ab")
    shared = shared_photos(first, second)
    assert shared.whole
    assert shared.first == shared.second
    assert set(shared.first) == {photo(k) for k in range(20)}
    assert shared.n_groups == 20


def test_a_photo_that_one_learned_from_does_not_count(tmp_path: Path) -> None:
    first = plain_run(tmp_path / "a", range(20), RIGHT)
    second = plain_run(tmp_path / "b", range(10, 40), RIGHT)
    shared = shared_photos(first, second)
    assert set(shared.first) == {photo(k) for k in range(10, 20)}
    assert not shared.whole
    assert shared.tested == (20, 30)
    assert shared.learned == 10 + 20


def test_a_copy_of_what_one_learned_from_does_not_count(tmp_path: Path) -> None:
    first = plain_run(tmp_path / "a", range(20), RIGHT)
    # The second run knows that 3 is a copy of 50, which the first learned from.
    second = plain_run(tmp_path / "b", [*range(20), 50], RIGHT, groups={3: "g", 50: "g", 4: "h", 5: "h"})
    shared = shared_photos(first, second)
    assert set(shared.first) == {photo(k) for k in range(20) if k != 3}
    groups = dict(zip(shared.first, shared.groups, strict=True))
    assert groups[photo(4)] == groups[photo(5)]
    assert shared.n_groups == 18


def test_with_folds_every_photo_is_a_test_photo(tmp_path: Path) -> None:
    first = plain_run(tmp_path / "a", range(20), RIGHT)
    folds = plain_run(tmp_path / "b", [], RIGHT, folds=5)
    shared = shared_photos(first, folds)
    assert set(shared.first) == {photo(k) for k in range(20)}
    other = plain_run(tmp_path / "c", [], RIGHT, folds=4)
    assert shared_photos(folds, other).whole
    # Copies that the other run's folds put apart: one of them was learned from when the other was tested.
    apart = plain_run(tmp_path / "d", range(20), RIGHT, groups={0: "g", 1: "g"})
    assert photo(0) not in shared_photos(apart, folds).first


def test_photos_are_known_by_content(tmp_path: Path) -> None:
    first, second = (plain_run(tmp_path / name, range(20), RIGHT) for name in "ab")
    for table in ("photos.csv", "split.csv"):
        file = second.folder / table
        file.write_text(file.read_text(encoding="utf-8").replace("chair/002.jpg", "chair/renamed.jpg"))
    shared = shared_photos(first, second)
    assert shared.whole
    renamed = dict(zip(shared.first, shared.second, strict=True))
    assert renamed.pop("chair/002.jpg") == "chair/renamed.jpg"
    assert all(path == other for path, other in renamed.items())


def test_other_labels_are_other_questions(tmp_path: Path) -> None:
    first, second = (plain_run(tmp_path / name, range(20), RIGHT) for name in "ab")
    file = second.folder / "split.csv"
    file.write_text(file.read_text(encoding="utf-8").replace("chair/002.jpg,chair", "chair/002.jpg,table"))
    shared = shared_photos(first, second)
    assert photo(2) not in shared.first
    assert shared.relabelled == 1


def test_runs_of_an_early_version(tmp_path: Path) -> None:
    first, second = (plain_run(tmp_path / name, range(20), RIGHT) for name in "ab")
    (second.folder / "photos.csv").unlink()
    assert shared_photos(first, second).whole  # the same photos by their fingerprint, so that paths say enough
    second.results["photos"]["fingerprint"] = "another"
    shared = shared_photos(first, second)
    assert shared.first == []
    assert "earlier version" in shared.unknown
    (second.folder / "split.csv").unlink()
    with pytest.raises(RunFolderError, match=r"no split\.csv"):
        shared_photos(first, second)
