import io
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from photo_maker import noise, photo, quarters
from tellapart.photos.decode import decode
from tellapart.photos.duplicates import Duplicates, find_duplicates, joined
from tellapart.photos.look import measure
from tellapart.photos.scan import Photo


def seen(picture: Image.Image, number: int, label: str = "chair", quality: int = 0) -> Photo:
    """What `scan` would say of a picture, saved as JPEG where a quality is given."""
    content = io.BytesIO()
    picture.save(content, "JPEG" if quality else "PNG", **({"quality": quality} if quality else {}))
    opened = decode(content.getvalue())
    return replace(
        photo(number, label),
        pixels=str(hash(opened.tobytes())),
        width=opened.width,
        height=opened.height,
        look=measure(content.getvalue(), opened),
    )


def scene(seed: int) -> Image.Image:
    """A picture with coarse and fine structure."""
    coarse = noise(seed, (8, 6)).resize((240, 180), Image.Resampling.BICUBIC)
    fine = noise(seed + 5000, (80, 60)).resize((240, 180), Image.Resampling.BICUBIC)
    return Image.blend(coarse, fine, 0.4)


def cropped(picture: Image.Image, margins: tuple[float, float, float, float]) -> Image.Image:
    width, height = picture.size
    left, top, right, bottom = margins
    return picture.crop(
        (round(left * width), round(top * height), round((1 - right) * width), round((1 - bottom) * height))
    )


CHANGES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "re-saved": lambda picture: picture,
    "resized": lambda picture: picture.resize((100, 75)),
    "squashed": lambda picture: picture.resize((150, 150)),
    "cropped": lambda picture: cropped(picture, (0.1, 0.0, 0.02, 0.09)),
    "cropped all round": lambda picture: cropped(picture, (0.09, 0.1, 0.08, 0.1)),
    "mirrored": ImageOps.mirror,
    "mirrored and cropped": lambda picture: cropped(ImageOps.mirror(picture), (0.08, 0.02, 0.0, 0.06)),
    "brighter": lambda picture: picture.point(lambda value: min(255, round(value * 1.25))),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_copy_is_found_among_others_and_nothing_else(change: str) -> None:
    photos = [seen(scene(seed), seed) for seed in range(12)]
    photos += [seen(CHANGES[change](scene(seed)), 100 + seed, quality=60) for seed in range(6)]
    found = find_duplicates(photos)
    assert found.groups == tuple((seed, 12 + seed) for seed in range(6))
    kinds = {pair.kind for pair in found.pairs}
    assert kinds <= ({"mirrored"} if "mirrored" in change else {"re-saved", "cropped", "burst"})
    assert all(0 < pair.distance < 0.3 for pair in found.pairs)


def test_equal_pixels_are_exact_also_without_a_look() -> None:
    photos = [photo(n, "chair", pixels=pixels) for n, pixels in enumerate(["a", "b", "a", "c", "a"])]
    found = find_duplicates(photos)
    assert found.groups == ((0, 2, 4),)
    assert {(pair.kind, pair.distance) for pair in found.pairs} == {("exact", 0.0)}


def test_copies_of_copies_are_one_group() -> None:
    picture = scene(1)
    photos = [seen(picture, 0), seen(picture, 1), seen(picture, 2, quality=70), seen(ImageOps.mirror(picture), 3)]
    assert find_duplicates([*photos, seen(scene(2), 4)]).groups == ((0, 1, 2, 3),)


def test_a_long_burst_is_one_group() -> None:
    """More photos than proposals of each are aligned at first."""
    generator = np.random.default_rng(0)
    shots = []
    for number in range(3 * 14):
        still = np.asarray(scene(number % 3), dtype=float)
        shot = np.clip(still + generator.normal(0, 4, still.shape), 0, 255).astype(np.uint8)
        shots.append(seen(Image.fromarray(shot), number))
    assert find_duplicates(shots).groups == tuple(tuple(range(first, 42, 3)) for first in range(3))


def test_blank_photos_are_no_copies_of_each_other() -> None:
    blank = [seen(Image.new("RGB", (50, 40), (level, level, level)), n) for n, level in enumerate((3, 250, 128, 129))]
    assert find_duplicates(blank) == Duplicates((), ())


def test_like_layouts_with_other_details_are_no_copies() -> None:
    coarse = quarters((240, 180))
    photos = [seen(Image.blend(coarse, scene(seed), 0.4), seed) for seed in range(8)]
    assert find_duplicates(photos).groups == ()


def test_no_photo_and_one_photo() -> None:
    assert find_duplicates([]) == Duplicates((), ())
    assert find_duplicates([seen(scene(0), 0)]) == Duplicates((), ())


def test_links_are_joined() -> None:
    assert joined(5, [(3, 1), (1, 4)]) == [(0,), (1, 3, 4), (2,)]
    assert joined(2, []) == [(0,), (1,)]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "seed"), [("furniture4", 1), ("food5", 2)])
def test_planted_copies_of_real_photos(shared: Path, name: str, seed: int) -> None:
    """The promise of the audit, on a sample; benchmarks/duplicates.py measures it on all photos."""
    chance = random.Random(seed)
    files = chance.sample(sorted((shared / "data" / name).rglob("*.jpg")), 150)
    pictures = [decode(file) for file in files]
    originals = [seen(picture, n) for n, picture in enumerate(pictures)]
    before = set(find_duplicates(originals).groups)
    kinds: dict[str, tuple[Callable[[Image.Image], Image.Image], int, float]] = {
        "exact": (lambda picture: picture, 0, 0.99),
        "re-saved": (lambda picture: picture, 50, 0.95),
        "resized": (lambda picture: picture.resize((picture.width // 2, picture.height // 2)), 80, 0.95),
        "cropped": (lambda picture: cropped(picture, margins_of(chance)), 85, 0.80),
        "mirrored": (ImageOps.mirror, 85, 0.95),
    }
    for place, (kind, (change, quality, least)) in enumerate(kinds.items()):
        copied = range(30 * place, 30 * place + 30)
        copies = [seen(change(pictures[n]), 1000 + n, quality=quality) for n in copied]
        groups = find_duplicates([*originals, *copies]).groups
        found = sum(any({n, 150 + k} <= set(group) for group in groups) for k, n in enumerate(copied))
        assert found >= least * 30, kind
        strange = [group for group in groups if len({n if n < 150 else copied[n - 150] for n in group}) > 1]
        assert len(strange) <= len(before) + 0.01 * len(groups), kind


def margins_of(chance: random.Random) -> tuple[float, float, float, float]:
    left, top, right, bottom = (chance.uniform(0, 0.1) for _ in range(4))
    return left, top, right, bottom
