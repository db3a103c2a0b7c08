"""A cache that cannot be written costs time, and no run."""

import errno
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from as_user import Notes
from tellapart import cache
from tellapart.cache import kept_rows, kept_where_possible, map_rows, write_rows
from tellapart.errors import StorageError
from tellapart.files import write_text

ROWS = np.arange(12, dtype=np.float32).reshape(3, 4)


@pytest.fixture
def closed(tmp_path: Path) -> Path:
    """A place where no folder can be made, whoever asks: a file stands there."""
    (tmp_path / "cache").write_text("")
    return tmp_path / "cache" / "pixels" / "a.npy"


def test_rows_survive_the_disk(tmp_path: Path) -> None:
    write_rows(tmp_path / "a.npy", iter(ROWS), (3, 4), np.float32)
    assert (map_rows(tmp_path / "a.npy") == ROWS).all()
    assert (np.load(tmp_path / "a.npy") == ROWS).all()
    assert [path.name for path in tmp_path.iterdir()] == ["a.npy"]


def test_rows_are_made_once_and_kept(tmp_path: Path) -> None:
    made = []

    def rows() -> Iterator[np.ndarray]:
        made.append(1)
        return iter(ROWS)

    for _ in range(2):
        assert (kept_rows(tmp_path / "a.npy", rows, (3, 4), np.float16, Notes()) == ROWS).all()
    assert made == [1]


def test_rows_that_cannot_be_kept_stay_in_memory_and_it_is_told_once(closed: Path) -> None:
    notes = Notes()
    for _ in range(2):
        found = kept_rows(closed, lambda: iter(ROWS), (3, 4), np.float16, notes)
        assert (found == ROWS).all()
        assert found.dtype == np.float16
        with pytest.raises(ValueError, match="read-only"):
            found[0] = 0
    (line,) = notes.lines
    assert line.startswith(f"The cache cannot be used: Cannot write {closed.parent}. ")
    assert line.endswith("The run goes on without it, and keeps nothing for later runs.")


def test_what_is_too_large_for_memory_is_refused(closed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "MOST_IN_MEMORY", 23)
    with pytest.raises(StorageError, match="Cannot write"):
        kept_rows(closed, lambda: iter(ROWS), (3, 4), np.float16, Notes())
    monkeypatch.setattr(cache, "MOST_IN_MEMORY", 24)
    monkeypatch.setattr(cache, "available_bytes", lambda: 40)
    with pytest.raises(StorageError):
        kept_rows(closed, lambda: iter(ROWS), (3, 4), np.float16, Notes())


def test_a_full_disk_is_told_before_the_work_is_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tellapart.files.free_bytes", lambda _: 10)
    monkeypatch.setattr(cache, "MOST_IN_MEMORY", 0)
    asked = []

    def rows() -> Iterator[np.ndarray]:
        asked.append(1)
        yield from ROWS

    with pytest.raises(StorageError, match="It takes 48 bytes"):
        kept_rows(tmp_path / "a.npy", rows, (3, 4), np.float32, Notes())
    assert not asked
    assert not list(tmp_path.iterdir())


def test_every_run_is_told(closed: Path) -> None:
    notes = [Notes(), Notes()]
    for one in (*notes, *notes):
        with kept_where_possible(one):
            write_text(closed, "x")
    assert [len(one.lines) for one in notes] == [1, 1]


def test_other_errors_are_not_hidden() -> None:
    with pytest.raises(FileNotFoundError), kept_where_possible(Notes()):
        raise FileNotFoundError(errno.ENOENT, "no")
