"""Do the heat maps of a class lie in the middle of its photos, or at the edges, where no thing is?"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from tellapart.explain.placing import MIDDLE
from tellapart.files import read_json
from tellapart.words import percent

FEWEST: Final = 4  # photos of a class; of fewer a mean says too little
_LEVEL: Final = 0.95


@dataclass(frozen=True)
class Outside:
    """How much of the heat maps of one class lies outside the middle.

    Attributes:
        name: The class.
        photos: How many were looked at.
        outside: Mean share outside the middle half; 0.5 is what an even map has.
        low: The lower end of its 95 % interval (Student's t over photos); None of fewer than 4 photos.
        high: The upper end.
        features: By which the audit could tell the class without looking; empty where it could not.
    """

    name: str
    photos: int
    outside: float
    low: float | None
    high: float | None
    features: tuple[str, ...]

    @property
    def suspicious(self) -> bool:
        """Whether the maps mostly fall outside the middle, of a class that has a shortcut."""
        return bool(self.features) and self.low is not None and self.low > 1 - MIDDLE


def outside_of(name: str, shares: Sequence[float], features: Sequence[str]) -> Outside:
    """Sum up the shares of single photos, each 0 to 1."""
    n, mean = len(shares), float(np.mean(shares))
    if n < FEWEST:
        return Outside(name, n, round(mean, 4), None, None, tuple(features))
    from scipy.stats import t

    spread = float(t.ppf((1 + _LEVEL) / 2, n - 1) * np.std(shares, ddof=1) / n**0.5)
    low, high = round(max(mean - spread, 0.0), 4), round(min(mean + spread, 1.0), 4)
    return Outside(name, n, round(mean, 4), low, high, tuple(features))


def shortcuts_of(run: Path) -> dict[str, tuple[str, ...]]:
    """The classes for which the audit of a run found a shortcut, and the features that give each away."""
    file = run / "audit.json"
    if not file.is_file():
        return {}
    try:
        shortcut = read_json(file).get("shortcut") or {}
        rows = shortcut.get("given_away", []) if shortcut.get("possible") else []
        found: dict[str, tuple[str, ...]] = {}
        for row in rows:
            found[row["label"]] = (*found.get(row["label"], ()), row["feature"])
    except (ValueError, AttributeError, KeyError, TypeError):
        return {}  # the report says what is wrong with an audit.json
    return found


def warnings_of(rows: Sequence[Outside]) -> list[dict[str, Any]]:
    """A warning for each suspicious class, with what to do: fields `class`, `what`, `advice`."""
    return [
        {"class": row.name, "what": _what(row, rows), "advice": _ADVICE}
        for row in sorted(rows, key=lambda row: -row.outside)
        if row.suspicious
    ]


def as_rows(rows: Sequence[Outside]) -> list[Mapping[str, Any]]:
    """For JSON."""
    return [{**asdict(row), "features": list(row.features), "suspicious": row.suspicious} for row in rows]


_ADVICE: Final = (
    "The model may have learned how these photos were made instead of the thing. Look at the class's heat maps; "
    "take photos of all classes from the same sources, or crop to the thing, and fit again. "
    "Distrust the scores until then."
)


def _what(row: Outside, rows: Sequence[Outside]) -> str:
    others = [other.outside for other in rows if other is not row]
    compared = f", of the other classes {percent(float(np.mean(others)), 0)}" if others else ""
    return (
        f"{percent(row.outside, 0)} of what speaks for “{row.name}” lies outside the middle half of its photos "
        f"(of an even map {percent(1 - MIDDLE, 0)}{compared}), and the audit can tell this class by its "
        f"{' and '.join(row.features)} alone."
    )
