"""Thumbnails that wait in a file."""

import gc
from concurrent.futures import ThreadPoolExecutor

import numpy as np

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
        kept: list[Shelved] = list(pool.map(lambda number: shelf.put(thumbnail(number)), range(200)))
        read = list(pool.map(np.asarray, kept))
    assert all(np.array_equal(one, thumbnail(number)) for number, one in enumerate(read))


def test_the_file_is_closed_with_the_last_thumbnail() -> None:
    shelf = Shelf()
    kept = shelf.put(thumbnail(1))
    file = shelf._file
    del shelf
    gc.collect()
    assert not file.closed
    assert np.asarray(kept)[0, 0] == 1
    del kept
    gc.collect()
    assert file.closed
