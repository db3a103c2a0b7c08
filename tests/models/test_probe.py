import numpy as np
import pytest
from tiny_set import noise

from tellapart.models.probe import cross_validated, out_of_fold


def test_cross_validation_sees_what_can_be_told_apart() -> None:
    assert cross_validated(*noise(200, 6.0)) > 0.97
    assert cross_validated(*noise(400, 0.0)) == pytest.approx(0.5, abs=0.1)


def test_copies_do_not_tell_on_each_other() -> None:
    features, labels = noise(60, 0.0)
    generator = np.random.default_rng(1)
    features = np.hstack([features, generator.normal(size=(60, 200))])
    twice, labels_twice, groups = np.vstack([features] * 2), np.tile(labels, 2), np.tile(np.arange(60), 2)
    right = [(out_of_fold(twice, labels_twice, each).argmax(axis=1) == labels_twice).mean() for each in (None, groups)]
    assert right[0] > 0.85
    assert right[1] < 0.7


def test_each_photo_has_one_row_of_shares() -> None:
    features, labels = noise(50, 3.0)
    told = out_of_fold(features, labels)
    assert told.shape == (50, 2)
    assert told.sum(axis=1) == pytest.approx(1)
