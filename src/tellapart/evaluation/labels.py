"""Labels that look wrong: those that a model denies which learned from all other photos.

The linear probe on frozen features says in cross-validation how probable each
photo's own class is. The list is ordered by that alone ("self-confidence");
which of them are probably wrong cleanlab says, by confident learning
(Northcutt, Jiang and Chuang, 2021, doi:10.1613/jair.1.12125).
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Final

import numpy as np

from tellapart.errors import MissingExtraError, PhotosError
from tellapart.models.probe import out_of_fold

FEWEST: Final = 5  # Photos, or groups, of a class: with fewer a fold has none to learn it from, or nearly so.
FOLDS: Final = 10
# Confident learning alone counts 110 of food5's 1,000 labels, of which the probe gets a quarter wrong. With this
# as well, 73 of 100 that it names are planted ones (docs/LOG.md).
DENIED: Final = 0.05


@dataclass(frozen=True)
class Suspicions:
    """What is suspected of each photo, arrays of shape (photos,).

    Attributes:
        order: Positions, the most suspicious first.
        proposed: The class number that the probe finds likeliest.
        suspicion: 1 less the probability of the photo's own class.
        probable: Whether the label is more likely wrong than the photo hard.
    """

    order: np.ndarray
    proposed: np.ndarray
    suspicion: np.ndarray
    probable: np.ndarray


def suspect_labels(
    features: np.ndarray, labels: np.ndarray, groups: Sequence[int] | np.ndarray | None = None
) -> Suspicions:
    """Order all photos by how little their label is believed.

    Args:
        features: (photos, channels).
        labels: Class numbers from 0 without a gap, (photos,).
        groups: The group of each photo, so that copies do not tell on each other.

    Raises:
        MissingExtraError: cleanlab is not installed.
        PhotosError: A class has fewer than 5 groups, which cannot be cross-validated.
    """
    check_installed()
    fewest = int(sizes(labels, groups).min())
    if fewest < FEWEST:
        raise PhotosError(f"A class of {fewest} different photos. Accepted: {FEWEST} or more. Next: add photos to it.")
    probabilities = out_of_fold(features, labels, groups, folds=min(FOLDS, fewest))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # cleanlab's and pandas' own, of use to nobody who looks at photos
        from cleanlab.filter import find_label_issues
        from cleanlab.rank import get_label_quality_scores

        belief = np.asarray(get_label_quality_scores(labels, probabilities, method="self_confidence"))
        # One process: a second would import everything anew, for milliseconds of work.
        named = np.asarray(find_label_issues(labels, probabilities, filter_by="both", n_jobs=1))
    return Suspicions(
        order=np.argsort(belief, kind="stable"),
        proposed=probabilities.argmax(axis=1),
        suspicion=1 - belief,
        probable=named & (belief < DENIED),
    )


def check_installed() -> None:
    """Refuse where the extra `labels` is not installed.

    Raises:
        MissingExtraError: It is not.
    """
    if find_spec("cleanlab") is None:
        raise MissingExtraError("cleanlab", "labels")


def sizes(labels: np.ndarray, groups: Sequence[int] | np.ndarray | None = None) -> np.ndarray:
    """How many different photos each class has, (classes,): a group counts once in each class that it has."""
    numbers = np.arange(len(labels)) if groups is None else np.asarray(groups)
    once = np.unique(np.stack([labels, numbers]), axis=1)
    return np.bincount(once[0])
