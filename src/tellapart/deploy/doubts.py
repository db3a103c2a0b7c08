"""When a model does not say a class: "not sure", "none of these", or a set of several."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np

from tellapart.errors import OptionError
from tellapart.evaluation.conformal import Conformal, fit_conformal
from tellapart.evaluation.selective import Answered, Threshold, Thresholds, fit_thresholds
from tellapart.evaluation.strangers import Strangers, as_passport

NONE: Final = "none of these"
UNSURE: Final = "not sure"


@dataclass(frozen=True)
class Doubts:
    """What a model file knows of its doubts; None where it is of a version that knew nothing of them.

    Attributes:
        thresholds: From what confidence on it answers, for a wished share of errors.
        conformal: What makes sets of probabilities.
        stranger: From what value of the output `stranger` on a photo is of none of the classes.
    """

    thresholds: Thresholds | None
    conformal: Conformal | None
    stranger: float | None

    @classmethod
    def from_passport(cls, passport: Mapping[str, Any]) -> "Doubts":
        """Read them from what a model file says of itself.

        Raises:
            KeyError: Something is missing; ValueError or TypeError where it is of another kind.
        """
        table, sets, stranger = (passport.get(name) for name in ("rejection", "conformal", "stranger"))
        threshold = stranger["threshold"] if stranger else None
        return cls(
            Thresholds.from_dict(table) if table else None,
            Conformal(float(sets["level"]), float(sets["quantile"]), int(sets["n"])) if sets else None,
            None if threshold is None else float(threshold),
        )

    def threshold(self, wished: float) -> Threshold:
        """From what confidence on to answer, so that about a wished share of the answers is wrong.

        Raises:
            OptionError: The share is out of range, or more than validation photos can promise.
        """
        if not 0 < wished < 1:
            raise OptionError(f"A wished error rate of {wished:g}. Accepted: over 0 and under 1. Next: --reject 0.05")
        if self.thresholds is None:
            raise OptionError(
                "This model file has no thresholds: an early version made it. Next: tellapart fit, or without --reject"
            )
        found = self.thresholds.at(wished)
        if found is None:
            least = np.ceil(1000 * self.thresholds.least) / 1000
            raise OptionError(
                f"An error rate of {wished:g} cannot be promised by {self.thresholds.n} validation photos. "
                f"Accepted: {least:g} or more. Next: --reject {least:g}"
            )
        return found

    def told(self, wished: float) -> str:
        """What a wished error rate means, in words.

        Raises:
            OptionError: As in `threshold`.
        """
        found = self.threshold(wished)
        n = self.thresholds.n if self.thresholds else 0
        if found.accepted == n:
            return (
                f"--reject {wished:g}: it answers all photos. Of the {n} validation photos {found.errors} were wrong."
            )
        return (
            f"--reject {wished:g}: it answers where it is at least {found.threshold:.1%} sure. Of the {n} validation "
            f"photos those are {found.accepted} ({found.accepted / n:.0%}), {found.errors} of them wrong."
        )

    def sets(self, probabilities: np.ndarray) -> np.ndarray | None:
        """Which classes each photo may be of, (photos, classes) of booleans."""
        return None if self.conformal is None else self.conformal.sets(probabilities)

    def answer(self, top: str, confidence: float, stranger: float | None, threshold: float) -> str:
        """The class, or "none of these" or "not sure" instead."""
        if stranger is not None and self.stranger is not None and stranger > self.stranger:
            return NONE
        return top if confidence >= threshold else UNSURE


def doubts_of(valid: Answered, strangers: Strangers | None) -> dict[str, Any]:
    """What the model file says of its doubts; `Doubts.from_passport` reads it.

    Args:
        valid: Class numbers (photos,) and calibrated probabilities (photos, classes) of the validation photos.
        strangers: As they are inside the file.
    """
    return {
        "rejection": fit_thresholds(*valid).as_dict(),
        "conformal": asdict(fit_conformal(*valid)),
        "stranger": as_passport(strangers),
    }
