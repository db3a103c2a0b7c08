"""Which test photos the report explains: decided by the chosen model's answers, the same every time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from tellapart.answer_tables import class_columns

MOST_CLASSES: Final = 6
MOST_MISTAKES: Final = 4


@dataclass(frozen=True)
class Answered:
    """A test photo and what the chosen model said of it.

    Attributes:
        path: As predictions.csv names it.
        label: Its class.
        predicted: What was said.
        confidence: Probability of that.
    """

    path: str
    label: str
    predicted: str
    confidence: float

    @property
    def right(self) -> bool:
        """Whether that is its class."""
        return self.label == self.predicted


def answered(rows: Sequence[Mapping[str, Any]]) -> list[Answered]:
    """Read the rows of a predictions.csv; those that are not whole are left out."""
    found = []
    for row in rows:
        predicted = row.get("predicted", "")
        share = row.get(*class_columns([predicted]))
        if row.get("path") and row.get("class") and share:
            found.append(Answered(str(row["path"]), str(row["class"]), str(predicted), float(share)))
    return sorted(found, key=lambda photo: photo.path)


def typical_and_wrong(photos: Sequence[Answered], classes: Sequence[str]) -> list[Answered]:
    """One photo of each class that is named right, of median confidence, then the most confident mistakes.

    Of more than 6 classes the first 6 that have one; of mistakes 4.
    """
    typical = []
    for name in classes:
        right = sorted((photo for photo in photos if photo.label == name and photo.right), key=_confident)
        typical += [right[len(right) // 2]] if right else []
    wrong = sorted((photo for photo in photos if not photo.right), key=_confident)
    return typical[:MOST_CLASSES] + wrong[:MOST_MISTAKES]


def spread_of(photos: Sequence[Answered], name: str, most: int) -> list[Answered]:
    """At most so many photos of a class that are named right, evenly spread over their paths."""
    right = [photo for photo in photos if photo.label == name and photo.right]
    if len(right) <= most:
        return right
    return [right[round(place * (len(right) - 1) / (most - 1))] for place in range(most)]


def _confident(photo: Answered) -> tuple[float, str]:
    return (-photo.confidence, photo.path)
