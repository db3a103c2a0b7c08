"""Integrated gradients: complete on every recipe, and mostly in the square that decides."""

import numpy as np
import pytest
from planted_square import pictures, share_inside, trained
from scipy.ndimage import gaussian_filter

from ladder_models import nested, photos, recipe
from tellapart.explain.integrated import PROMISE, attributions, baseline, change_of, integrated_gradients
from tellapart.explain.network import Network

_NEAR = 1  # pixel: what single pixels add and their neighbours take away again is nothing that they look at
_EDGE = 2  # pixels: a filter at the edge of the square reads what lies beside it


@pytest.mark.parametrize("kind", ["pooled", "flattened"])
def test_the_planted_square_that_decides_has_most_of_the_map(kind: str) -> None:
    drawn, labels, boxes = pictures(8, 7)
    network = trained(kind)
    shares = [
        share_inside(gaussian_filter(integrated_gradients(network, picture, int(label)), _NEAR), box, _EDGE)
        for picture, label, box in zip(drawn, labels, boxes, strict=True)
    ]
    assert np.mean(shares) >= 0.6


@pytest.mark.parametrize("name", ["baseline", "deeper", "augmented", "tuned", "pocket", "small_vgg"])
def test_the_attributions_sum_to_the_change_of_the_score(name: str) -> None:
    network = Network((nested(name, 32) if name in ("pocket", "small_vgg") else recipe(name))[1])
    photo = photos(1, 32, seed=4)[0]
    found = attributions(network, photo, 1)
    assert found.change == pytest.approx(change_of(network, photo, 1), rel=1e-5)
    assert abs(found.values.sum(dtype=float) - found.change) <= PROMISE * abs(found.change)
    assert found.difference <= PROMISE


def test_few_gradients_are_told_apart_from_enough() -> None:
    drawn = pictures(1, 9)[0][0]
    few, enough = (attributions(trained("flattened"), drawn, 0, most=most) for most in (1, 512))
    assert few.gradients <= enough.gradients
    assert enough.difference <= PROMISE


def test_the_line_starts_from_the_photo_s_mean_colour() -> None:
    photo = photos(1, 8)[0]
    blank = baseline(photo)
    assert blank.shape == photo.shape
    np.testing.assert_allclose(blank[3, 3], photo.reshape(-1, 3).mean(axis=0), rtol=1e-5)
