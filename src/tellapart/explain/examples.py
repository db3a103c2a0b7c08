"""The photos worth looking at: mistakes, doubts, and what is typical of each class."""

from collections.abc import Sequence

import numpy as np


def surest_mistakes(labels: np.ndarray, shares: np.ndarray) -> list[int]:
    """Positions of the photos that were named wrongly, the most confident mistake first.

    Args:
        labels: Class numbers, (photos,).
        shares: Probabilities, (photos, classes); among equals the first photo comes first.
    """
    wrong = np.flatnonzero(shares.argmax(axis=1) != labels)
    return [int(photo) for photo in wrong[np.argsort(-shares[wrong].max(axis=1), kind="stable")]]


def least_sure(shares: np.ndarray, most: int) -> list[int]:
    """Positions of the photos whose likeliest class has the lowest probability, the least sure first.

    This is the "least confident" of uncertainty sampling (Lewis and Gale, 1994); what is so
    named is what a further label would teach most.

    Args:
        shares: Probabilities, (photos, classes).
        most: How many.
    """
    return [int(photo) for photo in np.argsort(shares.max(axis=1), kind="stable")[:most]]


def typical(
    features: np.ndarray, labels: np.ndarray, learned: np.ndarray, groups: Sequence[str], each: int
) -> dict[int, list[int]]:
    """The photos nearest to the centre of their class, by class number.

    The centre is the mean direction of the photos that were learned from, as the prototype of a class is
    in few-shot learning (Snell, Swersky and Zemel, 2017).

    Args:
        features: Shape (photos, channels), as `directions` gives them.
        labels: Class numbers, (photos,).
        learned: Which photos were learned from, (photos,), bool.
        groups: Of each photo the group of copies that it is in, "" for none; of a group one is shown.
        each: How many of a class.
    """
    found: dict[int, list[int]] = {}
    for label in np.unique(labels[learned]).tolist():
        members = np.flatnonzero(learned & (labels == label))
        centre = features[members].mean(axis=0)
        near = np.round(features[members] @ centre, 6)
        seen: set[str] = set()
        found[label] = []
        for photo in members[np.argsort(-near, kind="stable")].tolist():
            if groups[photo] in seen or len(found[label]) == each:
                continue
            found[label].append(photo)
            seen |= {groups[photo]} - {""}
    return found
