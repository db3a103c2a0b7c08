import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from tellapart.photos.alignment import align, resampled


def pictures(n: int, seed: int = 0) -> np.ndarray:
    """Smooth random pictures with detail of a few pixels."""
    generator = np.random.default_rng(seed)
    fields = gaussian_filter(generator.normal(size=(n, 64, 64)), (0, 2, 2))
    return np.asarray(128 + 300 * fields, dtype=np.float32)


def test_a_window_is_found_from_near_by() -> None:
    first = pictures(5)
    true = np.array([[0.9, 0.05, 0.85, -0.1]] * 5, dtype=np.float32)
    second, _ = resampled(first, true)
    begin = true + np.array([0.02, -0.03, -0.02, 0.03], dtype=np.float32)
    found = align(first, 0.7 * second + 20, begin)  # darker and flatter: exposure must not matter
    assert found.windows == pytest.approx(true, abs=0.01)
    assert (found.whole > 0.98).all()
    assert (found.fine > 0.9).all()


def test_other_pictures_of_the_same_layout_do_not_agree_in_detail() -> None:
    layout = gaussian_filter(np.random.default_rng(9).normal(size=(64, 64)), 12) * 3000
    one, other = (layout + 0.3 * pictures(4, seed) for seed in (1, 2))
    found = align(one, other, np.array([[1.0, 0.0, 1.0, 0.0]] * 4))
    assert (found.whole > 0.8).all()
    assert (found.fine < 0.5).all()


def test_flat_pictures_agree_in_nothing_and_no_pairs_give_none() -> None:
    flat = np.full((2, 64, 64), 200.0, dtype=np.float32)
    found = align(flat, flat, np.array([[1.0, 0.0, 1.0, 0.0]] * 2))
    assert np.isfinite(found.fine).all()
    assert (found.fine < 0.5).all()
    none = align(flat[:0], flat[:0], np.zeros((0, 4)))
    assert (none.windows.shape, len(none.whole), len(none.fine)) == ((0, 4), 0, 0)


def test_the_mask_is_where_the_window_lies_within_the_picture() -> None:
    picture = pictures(1)
    same, mask = resampled(picture, np.array([[1.0, 0.0, 1.0, 0.0]]))
    assert same == pytest.approx(picture, abs=1e-3)
    assert mask.all()
    _, mask = resampled(picture, np.array([[1.0, 0.5, 1.0, 0.0]]))  # a quarter of the frame to the right
    assert mask[0, :, :47].all()
    assert not mask[0, :, 49:].any()
