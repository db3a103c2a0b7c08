import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from tellapart.photos.alignment import resampled
from tellapart.photos.proposals import Proposals, propose, windows


def thumbnails(n: int, seed: int = 0) -> np.ndarray:
    generator = np.random.default_rng(seed)
    fields = gaussian_filter(generator.normal(size=(n, 64, 64)), (0, 5, 5))
    return np.asarray(np.clip(128 + 600 * fields, 0, 255), dtype=np.uint8)


def pairs_of(proposals: Proposals) -> set[tuple[int, int]]:
    return {
        (min(one, other), max(one, other))
        for one, other in zip(proposals.whole.tolist(), proposals.cut.tolist(), strict=True)
    }


def test_every_light_crop_is_near_one_of_the_windows() -> None:
    margins = np.random.default_rng(0).uniform(0, 0.1, (200, 2, 2))
    distance = np.abs(margins[:, np.newaxis] - windows()).max(axis=(2, 3)).min(axis=1)
    assert distance.max() <= 0.025
    assert windows().shape == (17, 2, 2)


@pytest.mark.parametrize("mirrored", [False, True])
def test_a_crop_is_proposed_once_by_the_window_that_begins_near_it(mirrored: bool) -> None:
    photos = thumbnails(20)
    where = np.array([[0.9, 0.08, 0.9, -0.08]])
    cut, _ = resampled(photos[:1].astype(np.float32), where)
    cut = cut[..., ::-1] if mirrored else cut
    found = propose(list(np.concatenate([photos, cut.astype(np.uint8)])))
    rows = np.nonzero((np.minimum(found.whole, found.cut) == 0) & (np.maximum(found.whole, found.cut) == 20))[0]
    assert len(rows) == 1
    only = found.take(rows)
    assert (only.whole.tolist(), only.cut.tolist(), only.mirrored.tolist()) == ([20], [0], [mirrored])
    expected = np.array([0.9, -0.08 if mirrored else 0.08, 0.9, -0.08])
    assert only.begin()[0] == pytest.approx(expected, abs=0.06)


def test_different_pictures_are_rarely_proposed_and_none_with_itself() -> None:
    found = propose(list(thumbnails(60)))
    assert len(found) <= 3
    assert (found.whole != found.cut).all()


def test_the_strongest_of_each_photo_are_kept_whatever_others_have() -> None:
    """Photo 0 is in all pairs; each of the others keeps its best."""
    n = 6
    star = Proposals(np.zeros(n, dtype=int), np.arange(1, n + 1), np.zeros(n, dtype=int), np.zeros(n, dtype=bool))
    assert star.strongest(1).all()
    triangle = Proposals(np.array([0, 0, 1]), np.array([1, 2, 2]), np.zeros(3, dtype=int), np.zeros(3, dtype=bool))
    assert triangle.strongest(1).tolist() == [True, True, False]


def test_photos_of_one_scene_do_not_propose_every_pair() -> None:
    scene = np.repeat(thumbnails(1), 600, axis=0).astype(float)
    noisy = np.clip(scene + np.random.default_rng(1).normal(0, 3, scene.shape), 0, 255).astype(np.uint8)
    found = propose(list(noisy))
    assert 0 < found.strongest(8).sum() <= 8 * 600
