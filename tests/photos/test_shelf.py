"""Thumbnails that wait in a file."""

import errno
import gc
import io
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from tellapart.photos.shelf import Shelf, Shelved


def thumbnail(number: int) -> np.ndarray:
    return np.full((4, 4), number, dtype=np.uint8)


def test_what_is_put_there_is_read_again() -> None:
    shelf = Shelf()
    kept = [shelf.put(thumbnail(number)) for number in range(5)]
    assert [int(np.asarray(one)[0, 0]) for one in kept] == [0, 1, 2, 3, 4]
    stacked = np.stack(kept[::-1])
    assert stacked.shape == (5, 4, 4)
    assert stacked.dtype == np.uint8
    assert stacked[:, 0, 0].tolist() == [4, 3, 2, 1, 0]


def test_threads_do_not_mix_their_thumbnails() -> None:
    shelf = Shelf()
    with ThreadPoolExecutor(4) as pool:
        kept = list(pool.map(lambda number: shelf.put(thumbnail(number)), range(200)))
        read = list(pool.map(np.asarray, kept))
    assert all(np.array_equal(one, thumbnail(number)) for number, one in enumerate(read))


def test_the_file_is_closed_with_the_last_thumbnail() -> None:
    shelf = Shelf()
    kept = shelf.put(thumbnail(1))
    file = shelf._file
    assert file is not None
    del shelf
    gc.collect()
    assert not file.closed
    assert np.asarray(kept)[0, 0] == 1
    del kept
    gc.collect()
    assert file.closed


def test_without_room_for_the_file_they_stay_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere(**_: object) -> None:
        raise FileNotFoundError(2, "No usable temporary directory found")

    monkeypatch.setattr("tellapart.photos.shelf.TemporaryFile", nowhere)
    shelf = Shelf()
    kept = [shelf.put(thumbnail(number)) for number in range(3)]
    assert not any(isinstance(one, Shelved) for one in kept)
    assert np.stack(kept)[:, 0, 0].tolist() == [0, 1, 2]


@pytest.mark.parametrize("at_the_end", ["a part is written", "an error"])
def test_a_disk_that_becomes_full_costs_no_thumbnail(monkeypatch: pytest.MonkeyPatch, at_the_end: str) -> None:
    class Small(io.BytesIO):
        """Takes 40 bytes: of what is longer a part, or none."""

        def write(self, content: Any) -> int:
            room = 40 - self.tell()
            if len(content) > room and at_the_end == "an error":
                raise OSError(errno.ENOSPC, "No space left on device")
            return super().write(content[:room])

    monkeypatch.setattr("tellapart.photos.shelf.TemporaryFile", lambda **_: Small())
    shelf = Shelf()
    kept = [shelf.put(thumbnail(number)) for number in range(5)]
    assert [isinstance(one, Shelved) for one in kept] == [True, True, False, False, False]
    assert np.stack(kept)[:, 0, 0].tolist() == [0, 1, 2, 3, 4]
