"""What a random split would have promised, where photos belong together."""

from typing import Any, Final

import numpy as np

from tellapart.evaluation.draws import Frozen, answers, folds
from tellapart.evaluation.intervals import Z, bca, by_group, resampled
from tellapart.models.probe import FOLDS, one_thread
from tellapart.progress import Progress
from tellapart.words import counted, decimal, percent

_REPEATS: Final = 5  # of five folds: 25 splits of each kind


def naive_score(frozen: Frozen, *, seed: int, progress: Progress) -> dict[str, Any] | None:
    """Score a linear head on splits that tear groups apart, and on splits that keep them whole.

    A fifth is left out each time, and each photo is left out as often in both kinds of
    split, so that they differ in the groups alone. The splits share their photos, so
    that the spread between them says too little: the interval of the difference is a
    bootstrap over whole groups (BCa: few groups make all the difference, which skews
    it), of the difference on each photo, widened by the spread between repetitions.
    The corrected resampled t-test of Nadeau and Bengio, Machine Learning 52 (2003)
    239-281, would take photos to be independent of each other, which is in question here.

    Args:
        frozen: The photos learned from and validated with; the test photos have no part.
        seed: Fixes the splits.
        progress: Where to tell how far it is.

    Returns:
        `naive` of results.json; None where no two photos share a group, or a class has but one group.
    """
    sizes = np.bincount(np.unique(frozen.groups, return_inverse=True)[1])
    together = sizes[sizes > 1]
    if not len(together) or frozen.different.min() < 2:
        return None
    right = _right(frozen, seed=seed, progress=progress)
    naive, honest = (float(scores.mean()) for scores in right)
    differences = right[0] - right[1]
    low, high = _interval(differences, frozen.groups)
    told = {
        "features": frozen.backbone,
        "naive": naive,
        "honest": honest,
        "difference": naive - honest,
        "low": low,
        "high": high,
        "groups": len(together),
        "photos_in_groups": int(together.sum()),
    }
    return {**told, "sentence": _sentence(told)}


def _right(frozen: Frozen, *, seed: int, progress: Progress) -> np.ndarray:
    """Which photos were right: naive and honest, (2, repeats, photos)."""
    n, n_repeats = len(frozen.labels), frozen.repeats(_REPEATS)
    right = np.zeros((2, n_repeats, n))
    kinds = (np.arange(n), frozen.groups)
    with one_thread(), progress.bar("Random splits against honest ones", right.shape[1] * FOLDS * 2) as bar:
        for kind, groups in enumerate(kinds):
            for repeat in range(n_repeats):
                generator = np.random.default_rng([seed, repeat])
                for asked in folds(frozen.labels, groups, generator):
                    right[kind, repeat, asked] = answers(frozen, ~asked, asked) == frozen.labels[asked]
                    bar.advance()
    return right


def _interval(differences: np.ndarray, groups: np.ndarray) -> tuple[float, float]:
    """Of the mean of (repeats, photos), 95 %."""
    value = float(differences.mean())
    sums = by_group(np.column_stack([differences.mean(axis=0), np.ones(differences.shape[1])]), groups)
    drawn, left_out = resampled(sums), sums.sum(axis=0) - sums
    low, high = bca(drawn[:, 0] / drawn[:, 1], value, left_out[:, 0] / left_out[:, 1])
    by_chance = Z**2 * float(differences.mean(axis=1).var(ddof=1)) / len(differences)
    return value - ((value - low) ** 2 + by_chance) ** 0.5, value + ((high - value) ** 2 + by_chance) ** 0.5


def _sentence(told: dict[str, Any]) -> str:
    scores = percent(told["naive"]), percent(told["honest"])
    ends = " to ".join(decimal(100 * told[end], 1) for end in ("low", "high"))
    groups = f"{counted(told['photos_in_groups'], 'photo')} in {counted(told['groups'], 'group')} that belong together"
    if told["low"] > 0:
        points = decimal(100 * told["difference"], 1)
        return (
            f"A random split would have promised {scores[0]} where {scores[1]} is honest: {points} points too many "
            f"({ends}), by {groups}."
        )
    return (
        f"A random split would have made no difference that these photos can show: {scores[0]}, and {scores[1]} with "
        f"groups kept whole (difference {ends} points; {groups})."
    )
