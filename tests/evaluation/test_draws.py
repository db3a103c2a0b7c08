import numpy as np
import pytest
from planted import planted, with_copies

from tellapart.evaluation.draws import Frozen, answers, covariance, folds, spread
from tellapart.models.probe import one_thread


def test_any_stretch_holds_its_share_of_each_class() -> None:
    labels = np.repeat([0, 1, 2], [100, 60, 20])
    places = spread(labels, np.arange(180), np.random.default_rng(0))
    assert 0 <= places.min() <= places.max() < 1
    for share in (0.25, 0.5, 0.75):
        assert np.bincount(labels[places < share]) == pytest.approx(share * np.array([100, 60, 20]), abs=1)


def test_a_group_lies_at_one_place_and_in_one_fold() -> None:
    frozen = with_copies(planted(30), np.array([0, 5, 40, 41]), 6)
    generator = np.random.default_rng(0)
    places = spread(frozen.labels, frozen.groups, generator)
    parts = list(folds(frozen.labels, frozen.groups, generator))
    for group in (0, 5, 40, 41):
        own = frozen.groups == group
        assert len(set(places[own])) == 1
        assert [bool(part[own].any()) for part in parts].count(True) == 1
    assert (np.sum(parts, axis=0) == 1).all()


def test_another_chance_gives_another_draw() -> None:
    labels, groups = np.zeros(50, dtype=int), np.arange(50)
    one, same, other = (spread(labels, groups, np.random.default_rng(seed)) for seed in (0, 0, 1))
    assert (one == same).all()
    assert (one != other).any()


def test_copies_count_as_one_photo() -> None:
    assert list(with_copies(planted(10), np.array([0, 1]), 5).different) == [10, 10, 10]


def test_a_group_of_two_classes_counts_for_the_commoner_one() -> None:
    labels, groups = np.array([0, 0, 1, 1, 1]), np.array([0, 0, 0, 1, 2])
    assert list(Frozen("pocket", np.zeros((5, 2)), labels, groups, ("a", "b")).different) == [1, 2]


def test_many_photos_are_drawn_less_often() -> None:
    frozen = planted(10)
    assert frozen.repeats(4) == 4
    many = Frozen("pocket", np.zeros((3_000, 1_000)), np.zeros(3_000, dtype=int), np.arange(3_000), ("a",))
    assert many.repeats(4) == 2


def test_a_head_answers_for_the_photos_it_is_asked() -> None:
    frozen = planted(40, apart=8.0)
    asked = np.arange(120) % 4 == 0
    with one_thread():
        assert (answers(frozen, ~asked, asked) == frozen.labels[asked]).all()


def test_the_covariance_of_means_counts_groups() -> None:
    values = np.random.default_rng(0).normal(size=(400, 2))
    alone = covariance(values, np.arange(400))
    assert alone == pytest.approx(np.cov(values.T) / 400)
    copied = covariance(np.repeat(values, 3, axis=0), np.repeat(np.arange(400), 3))
    assert copied == pytest.approx(alone)
