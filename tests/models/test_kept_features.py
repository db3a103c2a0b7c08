"""Features in the cache, and a cache that fails."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from as_user import Notes
from tellapart.models import kept_features
from tellapart.models.backbone_file import LOWER, MAPS, POOLED
from tellapart.models.kept_features import held_means, keep, pooled
from tellapart.photos.scan import Photo

PHOTOS = tuple(Photo(f"a/{n}.png", "a", f"{n}" * 64, "", 8, 8) for n in range(5))


def found() -> Iterator[dict[str, np.ndarray]]:
    for n in range(len(PHOTOS)):
        maps = np.full((2, 2, 3), n, np.float32)
        yield {MAPS: maps, POOLED: maps.mean(axis=(0, 1)), LOWER: np.full(2, 10 * n, np.float32)}


@pytest.fixture(autouse=True)
def two_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_features, "SHARD", 2)


def test_means_are_read_again(tmp_path: Path) -> None:
    new = keep(tmp_path, PHOTOS, found(), Notes())
    held = held_means(tmp_path)
    assert len(set(held.values())) == 3
    (means,) = pooled(held, PHOTOS)
    assert means[:, 0].tolist() == [0, 1, 2, 3, 4]
    assert pooled({}, PHOTOS[::-1], new)[0][:, 0].tolist() == [4, 3, 2, 1, 0]


@pytest.mark.parametrize("n_new", [0, 2, 5])
def test_means_of_lower_maps_are_given_where_they_are_asked_for(tmp_path: Path, n_new: int) -> None:
    new = keep(tmp_path, PHOTOS, found(), Notes())
    some = {name: mean for name, mean in new.items() if name[:64] in {photo.content for photo in PHOTOS[:n_new]}}
    last, lower = pooled(held_means(tmp_path), PHOTOS[::-1], some, lower=True)
    assert last[:, 0].tolist() == [4, 3, 2, 1, 0]
    assert lower.tolist() == [[10 * n] * 2 for n in (4, 3, 2, 1, 0)]


def test_a_backbone_without_lower_maps_gives_those_of_the_last_alone(tmp_path: Path) -> None:
    keep(tmp_path, PHOTOS, ({name: one[name] for name in (MAPS, POOLED)} for one in found()), Notes())
    assert len(pooled(held_means(tmp_path), PHOTOS, lower=True)) == 1


def test_where_nothing_can_be_written_the_means_are_given_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "closed").write_text("")
    notes = Notes()
    new = keep(tmp_path / "closed" / "features", PHOTOS, found(), notes)
    assert pooled({}, PHOTOS, new)[0][:, 0].tolist() == [0, 1, 2, 3, 4]
    (line,) = notes.lines
    assert "The run goes on without it" in line


def test_a_damaged_file_that_cannot_be_removed_counts_as_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(tmp_path, PHOTOS, found(), Notes())
    damaged = sorted((tmp_path / "pooled").glob("*"))[0]
    damaged.write_bytes(b"junk")

    def fail(_: Path) -> None:
        raise OSError(30, "Read-only file system")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", fail)
        assert len(held_means(tmp_path)) == 3
    assert damaged.exists()
    assert len(held_means(tmp_path)) == 3
    assert not damaged.exists()
