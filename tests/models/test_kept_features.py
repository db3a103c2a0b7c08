"""Features in the cache, and a cache that fails."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from as_user import Notes
from tellapart.models import kept_features
from tellapart.models.backbone_file import MAPS, POOLED
from tellapart.models.kept_features import held_means, keep, pooled
from tellapart.photos.scan import Photo

PHOTOS = tuple(Photo(f"a/{n}.png", "a", f"{n}" * 64, "", 8, 8) for n in range(5))


def found() -> Iterator[dict[str, np.ndarray]]:
    for n in range(len(PHOTOS)):
        maps = np.full((2, 2, 3), n, np.float32)
        yield {MAPS: maps, POOLED: maps.mean(axis=(0, 1))}


@pytest.fixture(autouse=True)
def two_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_features, "SHARD", 2)


def test_means_are_read_again(tmp_path: Path) -> None:
    new = keep(tmp_path, PHOTOS, found(), Notes())
    held = held_means(tmp_path)
    assert len(set(held.values())) == 3
    assert pooled(held, PHOTOS)[:, 0].tolist() == [0, 1, 2, 3, 4]
    assert pooled({}, PHOTOS[::-1], new)[:, 0].tolist() == [4, 3, 2, 1, 0]


def test_where_nothing_can_be_written_the_means_are_given_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "closed").write_text("")
    notes = Notes()
    new = keep(tmp_path / "closed" / "features", PHOTOS, found(), notes)
    assert pooled({}, PHOTOS, new)[:, 0].tolist() == [0, 1, 2, 3, 4]
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
