"""What a check of the labels says of single photos."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Suspect:
    """A photo whose label a model doubts.

    Attributes:
        path: The photo.
        label: The class that it has.
        proposed: The class that the model finds likeliest; the photo's own where the model agrees after all.
        suspicion: 1 less the probability of the photo's own class, 0 to 1, from a model that did not learn from it.
        probable: Whether the label is more likely wrong than the photo rare; a suspicion all the same.
    """

    path: str
    label: str
    proposed: str
    suspicion: float
    probable: bool

    def as_json(self) -> dict[str, Any]:
        """Its entry in audit.json."""
        return {
            "path": self.path,
            "class": self.label,
            "proposed": self.proposed,
            "suspicion": self.suspicion,
            "probable": self.probable,
        }


@dataclass(frozen=True)
class LabelCheck:
    """What a check of all labels found.

    Attributes:
        suspects: The most suspicious photos, the worst first.
        photos: How many were checked; 0 where the check could not be made, or was not.
    """

    suspects: tuple[Suspect, ...] = ()
    photos: int = 0

    @property
    def probable(self) -> tuple[Suspect, ...]:
        """Those whose label is probably wrong."""
        return tuple(suspect for suspect in self.suspects if suspect.probable)
