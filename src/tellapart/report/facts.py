"""What the page says beside the figures, worked out from the tables of a run."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tellapart.plain_text import isolated
from tellapart.report.curves import Row, best_epoch_of, column, epochs_of
from tellapart.words import counted, percent

_PARTS = ("train", "valid", "test")


@dataclass(frozen=True)
class ClassScore:
    """How one class fared: of its photos, and of the photos that were given its name."""

    name: str
    photos: int
    recall: float
    precision: float
    f1: float


@dataclass(frozen=True)
class ClassCount:
    """How many photos of one class stand in each part of the split."""

    name: str
    parts: tuple[int, ...]
    total: int


def class_scores(matrix: Sequence[Sequence[int]], classes: Sequence[str]) -> list[ClassScore]:
    """Score each class from the confusion matrix; a share of nothing is 0."""
    said = [sum(row[j] for row in matrix) for j in range(len(classes))]
    scores = []
    for i, name in enumerate(classes):
        right, photos = matrix[i][i], sum(matrix[i])
        scores.append(
            ClassScore(
                name,
                photos,
                right / (photos or 1),
                right / (said[i] or 1),
                2 * right / (photos + said[i] or 1),
            )
        )
    return scores


def mistakes(matrix: Sequence[Sequence[int]], classes: Sequence[str], most: int = 3) -> list[str]:
    """Tell the commonest mistakes in words, the most frequent first."""
    pairs = sorted((-count, i, j) for i, row in enumerate(matrix) for j, count in enumerate(row) if count and i != j)
    return [
        f"{-count} of {counted(sum(matrix[i]), 'photo')} of “{isolated(classes[i])}” taken for “{isolated(classes[j])}”"
        for count, i, j in pairs[:most]
    ]


def right_of(matrix: Sequence[Sequence[int]]) -> tuple[int, int]:
    """Count the photos on the diagonal, and all photos."""
    return sum(row[i] for i, row in enumerate(matrix)), sum(map(sum, matrix))


def parts_of(split: Sequence[Mapping[str, str]]) -> list[str]:
    """Name the parts of a split in their order: train, valid, test, or fold-1 to fold-K."""
    found = {row.get("part", "") for row in split} - {""}
    return sorted(found, key=lambda part: (_PARTS.index(part) if part in _PARTS else 9, len(part), part))


def class_counts(split: Sequence[Mapping[str, str]], counts: Mapping[str, int]) -> list[ClassCount]:
    """Count the photos of each class by part; without a split only in all."""
    parts = parts_of(split)
    seen = Counter((row.get("class", ""), row.get("part", "")) for row in split)
    return [ClassCount(name, tuple(seen[name, part] for part in parts), total) for name, total in counts.items()]


def about_trials(trials: Sequence[Mapping[str, str]]) -> str:
    """Tell in words how many trials were made and how they ended."""
    states = Counter(row.get("state", "") for row in trials)
    ends = [
        (states["COMPLETE"], "ran to the end"),
        (states["PRUNED"], "stopped early, because others were clearly ahead"),
        (states["FAIL"], "failed"),
    ]
    told = "; ".join(f"{count} {end}" for count, end in ends if count)
    return f"{counted(len(trials), 'trial')}: {told}."


def about_importance(rows: Sequence[Row]) -> str:
    """Tell in words how much each searched setting mattered, the one that mattered most first."""
    shares = zip(column(rows, "importance"), (str(row.get("parameter", "")) for row in rows), strict=True)
    told = sorted(((share, name) for share, name in shares if share > 0), reverse=True)
    return ", ".join(f"{name.replace('_', ' ')} {percent(share, 0)}" for share, name in told) + ("." if told else "")


def about_curves(history: Sequence[Row], best_epoch: int | None, phases: Sequence[int] = ()) -> str:
    """Tell in words what the curves show at the best epoch."""
    best = best_epoch_of(history, best_epoch)
    if best is None:
        return f"{counted(len(history), 'epoch')}, without validation figures."
    at = epochs_of(history).index(best)
    train, valid = column(history, "accuracy")[at], column(history, "valid_accuracy")[at]
    return (
        f"Best epoch {best} of {len(history)}: accuracy {percent(train)} on training photos, "
        f"{percent(valid)} on validation photos." + _about_phases(phases)
    )


def _about_phases(phases: Sequence[int]) -> str:
    if not phases:
        return ""
    return (
        f" Up to epoch {phases[0]} the head learned alone, from then on the last block as well, on augmented photos "
        "and softened labels, for which the training loss reads higher."
    )


def about_calibration(calibration: Mapping[str, Any]) -> str:
    """Tell in words what the temperature did, on test photos."""
    error, loss = (
        f"from {calibration[f'{score}_before']:.3f} to {calibration[f'{score}_after']:.3f}"
        for score in ("ece", "log_loss")
    )
    temperature = float(calibration["temperature"])
    worse = calibration["log_loss_after"] > calibration["log_loss_before"]
    if temperature == 1:
        return (
            f"Temperature {calibration['why'] or 'kept at 1'}. "
            f"Calibration error on test photos: {calibration['ece_after']:.3f}."
        )
    was = "too sure of itself" if temperature > 1 else "not sure enough of itself"
    stopped = f" ({calibration['why']})" if calibration["why"] else ""
    return (
        f"On validation photos it was {was}: a temperature of {temperature:.2f}{stopped} gives the lowest log loss "
        f"there. On test photos the calibration error goes {error}, the log loss {loss}."
        + (" It did no good there: so few photos do not fit a temperature finely." if worse else "")
    )


def gap_of(recipe: Mapping[str, Any]) -> float:
    """Give the over-fitting gap in points: training accuracy less test accuracy."""
    return 100 * float(recipe["train"]["accuracy"] - recipe["test"]["accuracy"])
