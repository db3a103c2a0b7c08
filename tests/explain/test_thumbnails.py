import io
import weakref

import numpy as np
import pytest
from PIL import Image

from tellapart.explain import thumbnails
from tellapart.explain.thumbnails import SIDES, across, picture, sheet, shrunk, sides


def opened(content: bytes) -> Image.Image:
    return Image.open(io.BytesIO(content), formats=("JPEG",)).convert("RGB")


def test_a_photo_is_shrunk_whole_and_never_grown() -> None:
    assert shrunk(Image.new("RGB", (400, 100)), 80).size == (80, 20)
    assert shrunk(Image.new("RGB", (30, 20)), 80).size == (30, 20)
    assert max(opened(picture(Image.new("RGB", (300, 400)))).size) == 120


def test_each_photo_stands_in_its_own_tile_and_runs_into_no_other() -> None:
    colours = [(250, 0, 0), (0, 250, 0), (0, 0, 250), (250, 250, 0), (0, 250, 250)]
    content, side, sizes = sheet([Image.new("RGB", (80, 80), colour) for colour in colours])
    assert side == SIDES[0] == 80
    assert sizes.tolist() == [[80, 80]] * 5
    whole = np.asarray(opened(content)).astype(int)
    assert whole.shape == (160, 240, 3)
    for number, colour in enumerate(colours):
        left, top = number % across(5) * side, number // across(5) * side
        assert np.abs(whole[top : top + side, left : left + side] - colour).max() < 8


def test_where_it_would_be_too_large_all_tiles_are_smaller() -> None:
    generator = np.random.default_rng(0)
    noise = [Image.fromarray(generator.integers(0, 255, (80, 60, 3), dtype=np.uint8)) for _ in range(9)]
    content, side, sizes = sheet(noise, most=9_000)
    assert side in SIDES[1:]
    assert len(content) <= 9_000
    assert sizes.max() <= side
    assert sheet(noise, most=1)[1] == SIDES[-1]


def test_the_same_photos_give_the_same_bytes() -> None:
    photos = [Image.new("RGB", (50, 40), (number, 0, 0)) for number in range(4)]
    assert sheet(photos)[0] == sheet(photos)[0]


def test_a_sheet_that_photos_could_not_fit_is_not_drawn() -> None:
    """5,000 tiles of 80 pixels would take 130 MB as pixels, to find that they are too large as JPEG."""
    assert sides(1_000) == SIDES
    assert sides(5_000) == SIDES[2:]
    assert sides(1_000_000) == SIDES[-1:]
    flat = [Image.new("RGB", (80, 80))] * 40  # small enough as JPEG, even so
    assert sheet(flat, most=10_000)[1] == sides(40, 10_000)[0] == SIDES[2]


def test_only_one_tile_is_held_beside_the_sheet(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[weakref.ref[Image.Image]] = []
    most = 0

    def watched(photo: Image.Image, side: int) -> Image.Image:
        nonlocal most
        tile = shrunk(photo, side)
        made.append(weakref.ref(tile))
        most = max(most, sum(one() is not None for one in made))
        return tile

    monkeypatch.setattr(thumbnails, "shrunk", watched)
    sheet([Image.new("RGB", (80, 60))] * 50)
    assert most <= 2, "the tile before may still be bound"
