"""Labels that look wrong: those that a model denies which learned from all other photos.

The linear probe on frozen features says in cross-validation how probable each
photo's own class is. The list is ordered by that alone ("self-confidence").
cleanlab counts how many labels are wrong, and which may be, by confident
learning (Northcutt, Jiang and Chuang, 2021, doi:10.1613/jair.1.12125). Where the
probe is often wrong itself it names far too many; so a label is called probably
wrong only if a swap explains it better than a rare photo does. If a share e of
the labels is swapped, a photo gets one given other class by a swap with
probability e / (classes - 1); by its looks with what the calibrated probe says.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Final

import numpy as np

from tellapart.errors import MissingExtraError, PhotosError
from tellapart.evaluation.calibration import fit_temperature, scaled
from tellapart.models.probe import out_of_fold

FEWEST: Final = 5  # Photos, or groups, of a class: with fewer a fold has none to learn it from, or nearly so.
FOLDS: Final = 10
# Of the probability that a guess has. Where the probe knows nothing, cleanlab calls half of all labels wrong, and the
# share that is swapped would be no bound.
_OF_CHANCE: Final = 0.5


@dataclass(frozen=True)
class Suspicions:
    """What is suspected of each photo, arrays of shape (photos,).

    Attributes:
        order: Positions, the most suspicious first.
        proposed: The class number that the probe finds likeliest.
        suspicion: 1 less the probability of the photo's own class.
        probable: Whether the label is more likely wrong than the photo rare.
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
    told = out_of_fold(features, labels, groups, folds=min(FOLDS, fewest))
    n_classes = told.shape[1]
    probabilities = scaled(told, fit_temperature(labels, told, [str(number) for number in range(n_classes)]).value)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # cleanlab's and pandas' own, of use to nobody who looks at photos
        from cleanlab.filter import find_label_issues
        from cleanlab.rank import get_label_quality_scores

        belief = np.asarray(get_label_quality_scores(labels, probabilities, method="self_confidence"))
        # One process: a second would import everything anew, for milliseconds of work.
        named = np.asarray(find_label_issues(labels, probabilities, filter_by="both", n_jobs=1))
    # The probe learned from swapped labels, too: its belief holds both reasons, and below this the swap is the larger.
    bound = min(2 * float(named.mean()) / (n_classes - 1), _OF_CHANCE / n_classes)
    return Suspicions(
        order=np.argsort(belief, kind="stable"),
        proposed=probabilities.argmax(axis=1),
        suspicion=1 - belief,
        probable=named & (belief < bound),
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
