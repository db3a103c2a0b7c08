import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from photo_maker import noise, quarters
from tellapart.photos.augment import (
    BRIGHTNESS,
    ROTATION_DEGREES,
    SHIFT,
    ZOOM,
    Photo,
    Variation,
    augment,
    augment_batch,
    draw,
    examples,
    recolour,
    warp,
)

SCENE: Photo = np.asarray(quarters())


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def red_at(photo: Photo) -> tuple[float, float]:
    """Where the red quarter lies: mean row and column."""
    red = (photo[..., 0] > 180) & (photo[..., 1] < 80)
    rows, columns = np.nonzero(red)
    return float(rows.mean()), float(columns.mean())


@pytest.mark.parametrize("seed", range(5))
def test_strength_0_leaves_the_photo(seed: int) -> None:
    assert draw(rng(seed), 0.0) == Variation()
    assert (augment(SCENE, rng(seed), 0.0) == SCENE).all()


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32), st.floats(0, 2), st.integers(1, 40), st.integers(1, 40))
def test_shape_and_kind_are_kept(seed: int, strength: float, width: int, height: int) -> None:
    photo = np.asarray(noise(1, (width, height)))
    varied = augment(photo, rng(seed), strength)
    assert varied.shape == photo.shape
    assert varied.dtype == np.uint8


def test_the_photo_handed_in_is_not_changed() -> None:
    before = SCENE.copy()
    for seed in range(5):
        augment(SCENE, rng(seed), 2.0)
    assert (before == SCENE).all()


def test_the_same_generator_gives_the_same_photo() -> None:
    assert (augment(SCENE, rng(7)) == augment(SCENE, rng(7))).all()
    assert (augment(SCENE, rng(7)) != augment(SCENE, rng(8))).any()


def test_a_batch_holds_each_photo_varied_as_it_would_be_by_itself() -> None:
    photos = np.stack([SCENE, np.asarray(noise(3, SCENE.shape[1::-1])), SCENE])
    batch, generator = augment_batch(photos, rng(7), 1.5), rng(7)
    assert batch.dtype == np.float32
    for photo, varied in zip(photos, batch, strict=True):
        assert np.abs(varied - augment(photo, generator, 1.5)).max() <= 0.5
    assert (augment_batch(photos, rng(7), 0.0) == photos).all()


@pytest.mark.parametrize("seed", range(8))
def test_a_photo_is_warped_as_pillow_warps_it(seed: int) -> None:
    """Inside, where nothing is mirrored; Pillow computes places exactly, and we in sixteenths of a pixel."""
    variation = draw(rng(seed), 1.0)
    smooth = np.asarray(noise(seed, (24, 20)).resize((96, 80), Image.Resampling.BICUBIC))
    (height, width), turn = smooth.shape[:2], math.radians(variation.degrees)
    cosine, sine = math.cos(turn) / variation.zoom, math.sin(turn) / variation.zoom
    x, y = width * (0.5 + variation.shift_x), height * (0.5 + variation.shift_y)
    mirror = -1 if variation.flip else 1
    across = (mirror * cosine, mirror * sine, width / 2 - mirror * (cosine * x + sine * y))
    down = (-sine, cosine, height / 2 + sine * x - cosine * y)
    expected = Image.fromarray(smooth).transform(
        (width, height), Image.Transform.AFFINE, (*across, *down), resample=Image.Resampling.BILINEAR
    )
    inside = np.asarray(expected).any(axis=2)
    assert inside.mean() > 0.6
    differences = np.abs(warp(smooth, variation).astype(int) - np.asarray(expected))[inside]
    assert differences.mean() < 1.5
    assert np.percentile(differences, 99) <= 6


def test_flip_mirrors_left_and_right() -> None:
    assert (warp(SCENE, Variation(flip=True)) == SCENE[:, ::-1]).all()


def test_a_flip_with_another_change_is_still_a_flip() -> None:
    nearly = warp(SCENE, Variation(flip=True, zoom=1.0001))
    assert np.abs(nearly.astype(int) - SCENE[:, ::-1]).mean() < 1


def test_half_of_all_photos_are_flipped() -> None:
    generator = rng()
    assert 0.4 < np.mean([draw(generator).flip for _ in range(500)]) < 0.6


def test_ranges_grow_with_strength() -> None:
    for strength in (0.5, 1.0, 2.0):
        generator = rng()
        drawn = [draw(generator, strength) for _ in range(300)]
        widest = max(abs(one.degrees) for one in drawn)
        assert 0.9 * ROTATION_DEGREES * strength < widest <= ROTATION_DEGREES * strength
        assert max(abs(one.shift_x) for one in drawn) <= SHIFT * strength
        assert max(abs(np.log(one.brightness)) for one in drawn) <= BRIGHTNESS * strength + 1e-9


def test_shift_moves_right_and_down() -> None:
    row, column = red_at(SCENE)
    moved_row, moved_column = red_at(warp(SCENE, Variation(shift_x=0.25, shift_y=0.25)))
    assert moved_row > row
    assert moved_column > column


def test_rotation_turns_about_the_centre() -> None:
    half = warp(SCENE, Variation(degrees=180))
    assert np.abs(half.astype(int) - SCENE[::-1, ::-1]).mean() < 6
    assert half[2, 2].argmax() != SCENE[2, 2].argmax() or half[2, 2, 1] > 100


def test_zoom_enlarges() -> None:
    spot = np.zeros((40, 40, 3), np.uint8)
    spot[15:25, 15:25] = 255
    assert warp(spot, Variation(zoom=2.0)).mean() > 3 * spot.mean()
    assert warp(spot, Variation(zoom=0.8)).mean() < spot.mean()


def test_the_outside_mirrors_the_inside() -> None:
    bright = np.full((20, 60, 3), 200, np.uint8)
    for strength in (0.5, 1.0, 2.0):
        for way in (-strength, strength):
            farthest = Variation(
                degrees=ROTATION_DEGREES * way, zoom=np.exp(-ZOOM * strength), shift_x=SHIFT * way, shift_y=-SHIFT * way
            )
            assert (warp(bright, farthest) == 200).all()
            assert (warp(bright, replace(farthest, flip=True)) == 200).all()


def test_brightness_contrast_and_saturation_have_directions() -> None:
    grey = np.asarray(noise(2)) // 2 + 60
    assert recolour(grey, Variation(brightness=1.2)).mean() > grey.mean() * 1.1
    assert recolour(grey, Variation(brightness=0.8)).mean() < grey.mean() * 0.9
    assert recolour(grey, Variation(contrast=1.3)).std() > grey.std() * 1.1
    assert recolour(grey, Variation(contrast=0.7)).std() < grey.std() * 0.9
    assert np.ptp(recolour(grey, Variation(saturation=0.0)).astype(int), axis=2).max() <= 1
    assert (
        np.ptp(recolour(grey, Variation(saturation=1.5)).astype(int), axis=2).mean()
        > np.ptp(grey.astype(int), axis=2).mean()
    )


def test_colours_do_not_wrap_around() -> None:
    white = np.full((4, 4, 3), 250, np.uint8)
    assert (recolour(white, Variation(brightness=2.0)) == 255).all()
    assert (recolour(255 - white, Variation(brightness=0.01)) <= 1).all()


def test_examples_show_every_augmentation_in_the_same_way() -> None:
    shown = examples(SCENE)
    titles = [title for title, _ in shown]
    assert titles[0] == "as it is"
    assert {"flip", "rotation", "zoom", "shift", "colour"} <= set(titles)
    assert len(set(titles)) == len(titles)
    assert all(photo.shape == SCENE.shape for _, photo in shown)
    assert all((photo != SCENE).any() for _, photo in shown[1:])
    for (_, one), (_, other) in zip(shown, examples(SCENE), strict=True):
        assert (one == other).all()
