"""Whether an exported file answers photos as the model does that it was made of."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from tellapart.deploy.golden import picture_of
from tellapart.deploy.runtime import PROBABILITIES, Model
from tellapart.errors import TellapartError
from tellapart.models.forward import BATCH, Run

GOLDEN: Final = "golden"
# Largest difference of a probability that the sums of another engine explain.
MOST: Final = 1e-3


@dataclass(frozen=True)
class Reference:
    """Photos with the answers that an exported file must give.

    Attributes:
        name: What they are: "golden", "test", or "valid" of a run with folds.
        pictures: At the network's size, (photos, size, size, 3), uint8.
        probabilities: Shape (photos, classes).
    """

    name: str
    pictures: np.ndarray
    probabilities: np.ndarray


def golden_of(model: Model) -> Reference:
    """The photos inside a model file, with their answers."""
    pictures = [picture_of(one["png"], model.spec.size) for one in model.passport["golden"]]
    answers = np.array([one[PROBABILITIES] for one in model.passport["golden"]])
    return Reference(GOLDEN, np.stack(pictures), answers)


def agreement(forward: Run, reference: Reference) -> dict[str, Any]:
    """Ask an exported file for some photos.

    Returns:
        `n` photos; `same`, how many get the same most probable class, and its `share`; `largest_difference` of any
        probability.
    """
    n = len(reference.pictures)
    some = [forward(reference.pictures[start : start + BATCH]) for start in range(0, n, BATCH)]
    answers = np.concatenate(some)
    same = int((answers.argmax(axis=1) == reference.probabilities.argmax(axis=1)).sum())
    largest = float(np.abs(answers - reference.probabilities).max())
    return {"n": n, "same": same, "share": same / n, "largest_difference": largest}


def check_agreement(name: str, compared: Mapping[str, Mapping[str, Any]]) -> None:
    """Refuse a file that answers otherwise.

    Raises:
        TellapartError: It differs by more than 1e-3 in a probability, or answers with what is no number.
    """
    for part, told in compared.items():
        if not told["largest_difference"] <= MOST:
            raise TellapartError(
                f"{name}: of {told['n']} {part} photos {told['same']} get the same class, and probabilities differ by "
                f"up to {told['largest_difference']:.1e} (accepted: {MOST:.0e}); it is not handed over."
            )
