"""Selective prediction: a model that may say "not sure" is wrong less often on what it answers.

It answers where it is at least so sure as a threshold, which is found on validation
photos for a wished share of errors among its answers.

Sources: C. K. Chow, On Optimum Recognition Error and Reject Tradeoff, IEEE Transactions on
Information Theory 16 (1970) 41-46; Y. Geifman, R. El-Yaniv, Selective Classification for Deep
Neural Networks, NeurIPS 2017.
"""

from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np

from tellapart.evaluation.intervals import accuracy_interval

WISHED: Final = (0.01, 0.05, 0.1)  # shares of errors that the report tells of
MOST: Final = 50  # rows of a table in the model file, points of a curve
_FEWEST: Final = 10  # photos that a point of the curve stands for; of fewer it shows chance alone

Answered = tuple[np.ndarray, np.ndarray]  # class numbers (photos,) and probabilities (photos, classes)


@dataclass(frozen=True)
class Threshold:
    """From what confidence on a model answers.

    Attributes:
        threshold: The least confidence, 0 to 1.
        errors: How many of the validation photos that it answers are wrong.
        accepted: How many it answers.
    """

    threshold: float
    errors: int
    accepted: int

    @property
    def promised(self) -> float:
        """The share of errors to reckon with; one photo more, and that wrong, keeps few photos from promising much."""
        return (self.errors + 1) / (self.accepted + 1)


@dataclass(frozen=True)
class Thresholds:
    """What validation photos say of a model that may be not sure; it serves any wished share of errors.

    Attributes:
        n: The validation photos.
        rows: Each answers more photos than the one before it, and promises less.
    """

    n: int
    rows: tuple[Threshold, ...]

    def at(self, wished: float) -> Threshold | None:
        """The lowest threshold that promises a share of errors, or None where none does."""
        return next((row for row in reversed(self.rows) if row.promised <= wished), None)

    @property
    def least(self) -> float:
        """The smallest share of errors that can be promised."""
        return self.rows[0].promised

    def as_dict(self) -> dict[str, Any]:
        """As the model file holds it."""
        return {"n": self.n, "thresholds": [[row.threshold, row.errors, row.accepted] for row in self.rows]}

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> "Thresholds":
        """Read what `as_dict` wrote.

        Raises:
            KeyError: Something is missing; ValueError or TypeError where it is of another kind.
        """
        rows = ((float(at), int(errors), int(accepted)) for at, errors, accepted in content["thresholds"])
        table = cls(int(content["n"]), tuple(Threshold(*row) for row in rows))
        if not table.rows or table.n < 1:
            raise ValueError("thresholds of no photos")
        return table


def fit_thresholds(labels: np.ndarray, probabilities: np.ndarray) -> Thresholds:
    """Find the thresholds that are worth knowing, from validation photos.

    Of two that promise the same, the one that answers more photos is kept, so that
    few are left. Each lies in the middle between two confidences: that the last
    digits of another processor differ moves no photo across it.

    The promise is kept on average over models, not by each: it rests on so many photos
    as were answered. The recipe stopped early on these photos and the temperature was
    fitted on them, so that it is a little too good.

    Args:
        labels: Class numbers of validation photos, (photos,).
        probabilities: Shape (photos, classes).
    """
    rows: list[Threshold] = []
    for row in _all_thresholds(labels, probabilities):
        while rows and rows[-1].promised >= row.promised:
            rows.pop()
        rows.append(row)
    if len(rows) > MOST:
        rows = [rows[place] for place in np.linspace(0, len(rows) - 1, MOST).round().astype(int)]
    return Thresholds(len(labels), tuple(rows))


def rejection(valid: Answered, test: Answered, groups: np.ndarray | None = None) -> dict[str, Any]:
    """What results.json says of a recipe that may be not sure.

    Args:
        valid: Class numbers and probabilities of the validation photos.
        test: The same of the test photos.
        groups: The group of each test photo, (photos,).

    Returns:
        `n_valid`, `n`; `curve`: coverage and error on test, with its interval, for each of some thresholds;
        `wished`: for 1 %, 5 % and 10 % the threshold (None where validation cannot promise that), and what
        it gives on test.
    """
    return rejection_at(fit_thresholds(*valid), test, groups)


def rejection_at(thresholds: Thresholds, test: Answered, groups: np.ndarray | None = None) -> dict[str, Any]:
    """What `rejection` gives, for thresholds that are known already.

    Args:
        thresholds: Such as a model file holds.
        test: Class numbers and probabilities of the photos.
        groups: The group of each, (photos,).
    """
    return {
        "n_valid": thresholds.n,
        "n": len(test[0]),
        "curve": _curve(test, groups),
        "wished": [{"wished": wished, **_kept(thresholds.at(wished), thresholds.n, test, groups)} for wished in WISHED],
    }


def _all_thresholds(labels: np.ndarray, probabilities: np.ndarray) -> list[Threshold]:
    """One below each confidence that occurs; from the highest, which answers fewest photos, to 0."""
    confidence = probabilities.max(axis=1).astype(np.float64)
    order = np.argsort(-confidence, kind="stable")
    wrong = np.cumsum((probabilities.argmax(axis=1) != labels)[order])
    ordered = confidence[order]
    last = np.flatnonzero(np.append(ordered[:-1] > ordered[1:], True))  # the last photo of each confidence
    below = [*((ordered[last[:-1]] + ordered[last[:-1] + 1]) / 2), 0.0]
    return [Threshold(float(at), int(wrong[place]), int(place) + 1) for at, place in zip(below, last, strict=True)]


def _curve(test: Answered, groups: np.ndarray | None) -> list[dict[str, float]]:
    found = [row for row in _all_thresholds(*test) if row.accepted >= min(_FEWEST, len(test[0]))]
    places = np.unique(np.linspace(0, len(found) - 1, MOST).round().astype(int))
    return [_measured(found[place].threshold, test, groups) for place in places]


def _measured(threshold: float, test: Answered, groups: np.ndarray | None) -> dict[str, Any]:
    """Coverage and share of errors at a threshold; without an answer there is no error and no interval."""
    labels, probabilities = test
    inside = probabilities.max(axis=1).astype(np.float64) >= threshold
    right = (probabilities.argmax(axis=1) == labels)[inside]
    told: dict[str, Any] = {
        "threshold": threshold,
        "accepted": len(right),
        "errors": len(right) - int(right.sum()),
        "coverage": len(right) / len(labels),
    }
    if not len(right):
        return {**told, "error": None, "error_low": None, "error_high": None}
    low, high = accuracy_interval(right, None if groups is None else groups[inside])
    return {**told, "error": told["errors"] / len(right), "error_low": 1 - high, "error_high": 1 - low}


def _kept(found: Threshold | None, n_valid: int, test: Answered, groups: np.ndarray | None) -> dict[str, Any]:
    if found is None:
        return {"threshold": None, "why": f"cannot be promised with {n_valid} validation photos"}
    valid = {f"valid_{name}": value for name, value in asdict(found).items() if name != "threshold"}
    return {**valid, **_measured(found.threshold, test, groups), "why": ""}
