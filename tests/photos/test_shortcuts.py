from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from test_quality import GOOD

from photo_maker import photo
from tellapart.photos import shortcuts
from tellapart.photos.scan import Photo, scan
from tellapart.photos.shortcuts import find_shortcuts, kept_shortcut

Change = Callable[[np.random.Generator], dict[str, object]]


def photos_with(change: Change, n: int = 60) -> list[Photo]:
    """Three classes that differ in nothing, but that the tables have `change` in addition."""
    generator = np.random.default_rng(0)
    found = []
    for label in ("bed", "chair", "table"):
        for number in range(n):
            usual: dict[str, object] = {
                "sharpness": float(generator.lognormal(6, 0.5)),
                "brightness": float(generator.uniform(0.3, 0.7)),
                "file_bytes": int(generator.integers(20_000, 60_000)),
            }
            look = replace(GOOD, **{**usual, **(change(generator) if label == "table" else {})})  # type: ignore[arg-type]
            width = int(generator.integers(300, 500))
            found.append(replace(photo(number, label), width=width, height=400, look=look))
    return found


def test_classes_that_differ_in_nothing_show_no_shortcut() -> None:
    found = find_shortcuts(photos_with(lambda _: {}))
    assert found is not None
    assert not found.possible
    assert found.given_away == ()
    assert found.accuracy == pytest.approx(1 / 3, abs=0.12)


@pytest.mark.parametrize(
    ("feature", "change"),
    [
        ("sharpness", lambda generator: {"sharpness": float(generator.lognormal(9, 0.5))}),
        ("JPEG compression", lambda _: {"coarseness": 40.0}),
        ("file format", lambda _: {"format": "PNG"}),
        ("camera named in the file", lambda _: {"camera": "Maker One"}),
        ("brightness", lambda generator: {"brightness": float(generator.uniform(0.72, 0.9))}),
    ],
)
def test_what_gives_a_class_away_is_named(feature: str, change: Change) -> None:
    found = find_shortcuts(photos_with(change))
    assert found is not None
    assert found.possible
    assert (found.given_away[0].label, found.given_away[0].feature) == ("table", feature)
    assert found.given_away[0].low > 0.8
    assert not found.given_away[0].by_shape
    assert {one.label for one in found.given_away} == {"table"}


def test_a_class_that_differs_in_few_photos_is_not_given_away() -> None:
    found = find_shortcuts(photos_with(lambda generator: {"coarseness": 40.0 if generator.uniform() < 0.1 else 10.0}))
    assert found is not None
    assert not found.possible


def test_groups_stay_within_a_fold() -> None:
    """Photos of one burst have one brightness: without groups a tree would know them again."""
    generator = np.random.default_rng(3)
    photos, groups = [], {}
    for label in ("bed", "chair"):
        for burst in range(12):
            brightness = float(generator.uniform(0.3, 0.7))
            for number in range(8):
                item = photo(100 * burst + number, label)
                photos.append(replace(item, look=replace(GOOD, brightness=brightness)))
                groups[item.path] = f"{label} {burst}"
    with_groups, without = find_shortcuts(photos, groups), find_shortcuts(photos)
    assert with_groups is not None
    assert without is not None
    assert with_groups.accuracy < without.accuracy


def test_what_was_found_is_kept_by_content_label_and_group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    photos = photos_with(lambda generator: {"coarseness": generator.normal(40, 5)})
    found, without = kept_shortcut(photos, {}, tmp_path), kept_shortcut(photos[:3], {}, tmp_path)
    assert found == find_shortcuts(photos)
    assert without is None
    monkeypatch.setattr(shortcuts, "find_shortcuts", lambda *_: pytest.fail("it was kept"))
    assert kept_shortcut(photos, {}, tmp_path) == found
    assert kept_shortcut(photos[:3], {}, tmp_path) is None
    for others in (photos[1:], [replace(photos[0], label="other"), *photos[1:]]):
        with pytest.raises(pytest.fail.Exception):
            kept_shortcut(others, {}, tmp_path)
    with pytest.raises(pytest.fail.Exception):
        kept_shortcut(photos, {photos[0].path: "burst", photos[1].path: "burst"}, tmp_path)


def test_too_few_photos_are_not_judged() -> None:
    assert find_shortcuts(photos_with(lambda _: {"coarseness": 40.0}, n=9)) is None
    assert find_shortcuts([photo(n, label) for n in range(20) for label in ("bed", "chair")]) is None


@pytest.mark.slow
def test_the_tables_of_furniture4_come_from_another_source(shared: Path) -> None:
    found = find_shortcuts(scan(shared / "data" / "furniture4").items)
    assert found is not None
    assert found.possible
    sharper = [one for one in found.given_away if (one.label, one.feature) == ("table", "sharpness")]
    assert sharper
    assert sharper[0].typical > 1.5 * sharper[0].others
