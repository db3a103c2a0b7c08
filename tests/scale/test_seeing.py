"""A worker's photos: in order, bad ones with their reason, a few at a time."""

from pathlib import Path

import numpy as np
import pytest

from photo_maker import noise, save
from tellapart.photos.pixels import PixelSpec, read_pixels
from tellapart.scale.seeing import seen
from tellapart.scale.sources import Source

SPEC = PixelSpec(16)


def test_answers_stand_beside_their_photos(tmp_path: Path) -> None:
    sources = []
    for number in range(11):
        path = tmp_path / f"{number}.png"
        if number % 4 == 2:
            path.write_bytes(b"no photo")
        else:
            save(noise(number), path)
        sources.append(Source(str(path)))
    sizes = []

    def ask(pictures: np.ndarray) -> list[int]:
        sizes.append(len(pictures))
        return [int(picture.sum()) for picture in pictures]

    found = list(seen(sources, SPEC, ask))
    assert len(found) == len(sources)
    for source, (answer, error) in zip(sources, found, strict=True):
        if error:
            assert answer is None
            assert "not a photo" in error
        else:
            assert answer == int(read_pixels(Path(source.place), SPEC).sum())
    assert [number for number, (_, error) in enumerate(found) if error] == [2, 6, 10]
    assert max(sizes) <= 4


def test_a_piece_of_bad_photos_alone() -> None:
    found = list(seen([Source("gone.jpg")], SPEC, lambda _: pytest.fail("nothing to ask")))
    assert found == [(None, "no such file or directory")]
