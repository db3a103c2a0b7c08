import numpy as np

from tellapart.explain.examples import least_sure, surest_mistakes, typical

SHARES = np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.2, 0.8], [0.55, 0.45]])
LABELS = np.array([0, 0, 1, 0, 0])


def test_the_surest_mistake_comes_first_and_ties_keep_their_order() -> None:
    assert surest_mistakes(LABELS, SHARES) == [1, 3, 2]


def test_without_a_mistake_there_is_none() -> None:
    assert surest_mistakes(SHARES.argmax(axis=1), SHARES) == []


def test_the_least_sure_come_first_right_or_wrong() -> None:
    assert least_sure(SHARES, 3) == [4, 2, 1]


def test_typical_is_what_lies_next_to_the_centre_of_what_was_learned() -> None:
    angles = np.radians([0, 10, 20, 30, 12, 180, 170])
    features = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    labels = np.array([0, 0, 0, 0, 0, 1, 1])
    learned = np.array([True, True, True, True, False, True, False])
    assert typical(features, labels, learned, [""] * 7, each=2) == {0: [1, 2], 1: [5]}


def test_of_copies_one_is_typical() -> None:
    angles = np.radians([14, 15, 16, 40, 0])
    features = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    found = typical(features, np.zeros(5, dtype=int), np.ones(5, dtype=bool), ["a", "a", "a", "", ""], each=3)
    assert found == {0: [2, 4, 3]}
