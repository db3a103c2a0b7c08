"""A shard of looks holds what the scan of a folder knows of its photos."""

from pathlib import Path

import numpy as np
import pytest
from needed import needs_fsspec, needs_parquet

from photo_maker import noise, save
from tellapart.photos.listing import Listed
from tellapart.photos.scan import Photo, inspect
from tellapart.scale.look_shard import look_shard, photos_of
from tellapart.scale.parquet import rows_of
from tellapart.scale.tasks import Task

pytestmark = needs_parquet


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    """Three photos, one that is none, one that is not there."""
    found = [save(noise(number), tmp_path / f"{number}.png") for number in range(3)]
    (tmp_path / "none.png").write_bytes(b"no photo")
    return [*found, tmp_path / "none.png", tmp_path / "gone.png"]


def test_it_is_what_the_scan_says(photos: list[Path]) -> None:
    made = look_shard(Task("a", {"sources": [str(path) for path in photos]}), lambda: b"")
    assert made.facts == {"rows": 5, "errors": 2, "missing": 1}
    *there, none, gone = photos_of(made.content)
    assert (none, gone) == (None, None)
    for path, photo in zip(photos, there, strict=False):
        scanned = inspect(path.parent, Listed(path.name, ""))
        assert isinstance(scanned, Photo)
        assert photo is not None
        assert scanned.look is not None
        assert photo.look is not None
        assert (photo.path, photo.pixels) == (str(path), scanned.pixels)
        assert photo.look.contrast == pytest.approx(scanned.look.contrast)
        assert np.array_equal(np.asarray(photo.look.thumbnail), np.asarray(scanned.look.thumbnail))
    errors = [row["error"] for row in rows_of(made.content, ["error"])]
    assert errors[:3] == [None] * 3
    assert errors[3]
    assert errors[4] == "no such file or directory"


@needs_fsspec
def test_the_same_at_addresses(photos: list[Path]) -> None:
    here = look_shard(Task("a", {"sources": [str(path) for path in photos]}), lambda: b"")
    there = look_shard(Task("a", {"sources": [f"file://{path}" for path in photos]}), lambda: b"")
    assert there.facts == here.facts
    columns = ["pixels", "contrast", "thumbnail", "error"]
    assert rows_of(there.content, columns) == rows_of(here.content, columns)
