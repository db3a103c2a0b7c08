"""From a run's photos to what is said of them, on tiny drawn photos."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from as_user import Notes
from ladder_set import CLASSES, draw_shapes
from tellapart import more_photos
from tellapart.climb import Climb
from tellapart.models.features import Source
from tellapart.models.task import Options
from tellapart.more_photos import about_more_photos
from tellapart.photos.decode import decode
from tellapart.photos.scan import Photo, scan
from tellapart.photos.split import split


def climb_on(photos: Path, place: Path) -> Climb:
    found = scan(photos)
    return Climb(found, split(found), Options(seed=0), place / "run", place / "cache", Notes())


def pixels_as_features(_: Source, root: Path, photos: tuple[Photo, ...], **__: object) -> np.ndarray:
    return np.stack([np.asarray(decode(root / photo.path))[::4, ::4].ravel() / 255 for photo in photos])


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw_shapes(tmp_path_factory.mktemp("photos") / "shapes", per_class=15)


def test_the_photos_learned_from_are_asked_and_the_answers_told(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(more_photos, "pooled_features", pixels_as_features)
    climb = climb_on(photos, tmp_path)
    with about_more_photos(climb) as more:
        told = more()
    curve = told["learning_curve"]
    assert curve["photos"] == len(climb.split.train) + len(climb.split.valid) < len(climb.photos.items)
    assert [row["name"] for row in curve["classes"]] == list(CLASSES)
    assert told["naive"] is None
    assert isinstance(climb.progress, Notes)
    assert climb.progress.lines == [curve["sentence"]]


def test_copies_are_told_by_the_naive_score(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with_copies = tmp_path / "copies"
    shutil.copytree(photos, with_copies)
    for label in CLASSES:
        for number in range(15):
            for copy in "ab":
                shutil.copy(with_copies / label / f"{number:03}.png", with_copies / label / f"{number:03}{copy}.png")
    monkeypatch.setattr(more_photos, "pooled_features", pixels_as_features)
    with about_more_photos(climb_on(with_copies, tmp_path)) as more:
        naive = more()["naive"]
    assert naive["photos_in_groups"] == 3 * naive["groups"] > 90
    assert naive["naive"] > naive["honest"] + 0.1
    assert naive["low"] > 0


def test_without_a_backbone_the_built_in_one_looks_at_them(photos: Path, tmp_path: Path) -> None:
    with about_more_photos(climb_on(photos, tmp_path)) as more:
        told = more()
    assert told["learning_curve"]["features"] == "pocket"
    assert (tmp_path / "cache" / "features").is_dir()
