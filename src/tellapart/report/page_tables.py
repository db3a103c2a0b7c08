"""The figures of the page as tables, for those who cannot see a picture and those who want the number."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tellapart.plain_text import isolated
from tellapart.report.curves import Row, best_epoch_of, column, epochs_of, number
from tellapart.words import counted, decimal, percent

if TYPE_CHECKING:
    from tellapart.evaluation.class_scores import ClassChange

MOST_CLASSES = 30  # a wider table of a confusion matrix helps nobody
_MOST_MISTAKES = 100
_MOST_TRIALS = 200


@dataclass(frozen=True)
class PageTable:
    """A table of the page: the first cell of each row names it.

    Attributes:
        summary: What it is opened by.
        caption: What it shows.
        columns: Heads.
        rows: As many cells as heads.
    """

    summary: str
    caption: str
    columns: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]


def epochs_table(history: Sequence[Row], best: int | None) -> PageTable | None:
    """The curves of a recipe, a row an epoch; None without epochs."""
    marked = best_epoch_of(history, best)
    parts = [
        ("training accuracy", [percent(share) for share in column(history, "accuracy")]),
        ("validation accuracy", [percent(share) for share in column(history, "valid_accuracy")]),
        ("training loss", [decimal(loss, 3) for loss in column(history, "loss")]),
        ("validation loss", [decimal(loss, 3) for loss in column(history, "valid_loss")]),
        ("learning rate", [_short(rate) for rate in column(history, "learning_rate")]),
    ]
    kept = [(name, cells) for name, cells in parts if any(cell != "–" for cell in cells)]
    names = [f"{epoch} (best)" if epoch == marked else str(epoch) for epoch in epochs_of(history)]
    rows = list(zip(names, *(cells for _, cells in kept), strict=True))
    if not rows:
        return None
    heads = ("Epoch", *(name for name, _ in kept))
    return PageTable("The curves as a table", "Accuracy and loss, epoch by epoch.", heads, rows)


def matrix_table(matrix: Sequence[Sequence[int]], classes: Sequence[str], photos: str = "test photos") -> PageTable:
    """The counts of a confusion matrix; of more than 30 classes only the mistakes, the most frequent first."""
    if len(classes) > MOST_CLASSES:
        return _mistakes_table(matrix, classes, photos)
    names = [f"{at} {isolated(name)}" for at, name in enumerate(classes, 1)]
    heads = ("The photo shows", *(f"called {at}" for at in range(1, len(classes) + 1)))
    rows = [(name, *map(str, row)) for name, row in zip(names, matrix, strict=True)]
    caption = (
        f"{photos.capitalize()} of each class, and as which class they were named; the columns count as the rows do."
    )
    return PageTable("The confusion matrix as a table", caption, heads, rows)


def _mistakes_table(matrix: Sequence[Sequence[int]], classes: Sequence[str], photos: str) -> PageTable:
    pairs = sorted((-count, i, j) for i, row in enumerate(matrix) for j, count in enumerate(row) if count and i != j)
    rows = [(isolated(classes[i]), isolated(classes[j]), str(-count)) for count, i, j in pairs[:_MOST_MISTAKES]]
    left = len(pairs) - len(rows)
    more = f"; {left:,} rarer mistakes are left out." if left else "."
    caption = f"{photos.capitalize()} that were named wrongly{more}"
    return PageTable("The mistakes as a table", caption, ("The photo shows", "it was called", "photos"), rows)


def reliability_table(calibration: Mapping[str, Any] | None, photos: str = "test photos") -> PageTable | None:
    """The marks of a reliability diagram, as the model file answers; None without calibration."""
    if not calibration:
        return None
    rows = [
        (percent(row["confidence"]), str(row["n"]), percent(row["accuracy"]),
         f"{percent(row['low'])} to {percent(row['high'])}")
        for row in calibration["bins_after"]
    ]  # fmt: skip
    heads = ("How sure, on average", photos, "of these right", "95 % interval")
    return PageTable("The diagram as a table", "How often it is right where it is how sure.", heads, rows)


def trials_table(trials: Sequence[Row], settings: Sequence[str]) -> PageTable | None:
    """The trials of the search, the best first; None where there were none."""
    if not trials:
        return None
    ends = {"COMPLETE": "ran to its end", "PRUNED": "stopped early", "FAIL": "failed"}
    ordered = sorted(trials, key=lambda row: (row.get("state") != "COMPLETE", _or_last(number(row.get("valid_loss")))))
    rows = [
        (str(row.get("trial", "")), ends.get(str(row.get("state")), str(row.get("state"))),
         decimal(number(row.get("valid_loss")), 3), *(_cell(row.get(name)) for name in settings))
        for row in ordered[:_MOST_TRIALS]
    ]  # fmt: skip
    heads = ("Trial", "how it ended", "validation loss", *(name.replace("_", " ") for name in settings))
    caption = f"{counted(len(trials), 'trial')}, those of the lowest validation loss first."
    return PageTable("The trials as a table", caption, heads, rows)


def steps_table(
    classes: Sequence[str], recipes: Sequence[str], changes: "Sequence[Sequence[ClassChange]]"
) -> PageTable:
    """The recall of each class with each recipe, and what the recipe changed."""
    rows = [(isolated(name), *map(_told_change, row)) for name, row in zip(classes, changes, strict=True)]
    caption = "Share of each class's test photos that were found, and the change in points against the recipe before."
    return PageTable("The classes, step by step, as a table", caption, ("Class", *recipes), rows)


def _told_change(cell: "ClassChange") -> str:
    change = f" ({100 * cell.change:+.0f}{', more than chance' if cell.real else ''})"
    return percent(cell.recall, 0) + (change if math.isfinite(cell.change) else "")


def _or_last(loss: float) -> float:
    return loss if math.isfinite(loss) else math.inf


def _short(value: float) -> str:
    return f"{value:.3g}" if math.isfinite(value) else "–"


def _cell(value: str | float | None) -> str:
    return _short(number(value)) if math.isfinite(number(value)) else str(value or "–")
