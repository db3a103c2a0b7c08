"""Which recipe is handed over: the cheapest that cannot be told from the best on validation."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from tellapart.evaluation.comparison import LEVEL, Comparison, Marks, compare_pairs, percent
from tellapart.schedule import FLOOR

UNTOUCHED: Final = "The test photos had no part in the choice."
# With tens of photos no test tells anything, and "not told apart" alone would hand over the cheapest recipe whatever
# it is worth. benchmarks/choice.py has the figures behind both numbers; docs/LOG.md has its table.
MARGIN: Final = 0.02
# Seconds of the same work differ by up to so much between two runs on a busy machine.
_CLEARLY: Final = 2.0


def choose(
    entries: Sequence[dict[str, Any]], marked: Mapping[str, Marks], groups: np.ndarray | None = None
) -> dict[str, str]:
    """The cheapest recipe that cannot be told from the best on validation.

    The best has the highest validation accuracy; of equal ones the lower log
    loss, to two digits (less than that is the arithmetic, not the recipe), then
    the one that comes first. Another is level with it where it is at most 2 points
    less accurate, and neither McNemar's test nor the paired bootstrap of the log
    losses says at 5 % that it is worse, on the same photos. Neither is corrected
    for the number of recipes: here the dangerous mistake is to miss a difference.
    The floor is no rival: a model that never looks at the photo is chosen only
    where nothing ranks higher.

    Seconds are not the same twice. So of those that take less than twice as long
    as the cheapest, the first on the ladder is chosen.

    Args:
        entries: Of results.json, in the order of the ladder.
        marked: By recipe, its marks on the validation photos.
        groups: The group of each of these photos.
    """

    def rank(place: int) -> tuple[float, float, int]:
        valid = entries[place]["valid"]
        return -valid["accuracy"], round(valid["log_loss"], 2), place

    best = entries[min(range(len(entries)), key=rank)]
    rivals = [entry["name"] for entry in entries if entry is not best and entry["name"] != FLOOR]
    pairs = {pair.b: pair for pair in compare_pairs([(best["name"], name) for name in rivals], marked, groups)}
    held = [entry for entry in entries if entry is best or _is_level(pairs.get(entry["name"]))]
    cheapest = min(_seconds(entry) for entry in held)
    chosen = next(entry for entry in held if _seconds(entry) < _CLEARLY * cheapest or _seconds(entry) == cheapest)
    if chosen is not best:
        why = _why_cheaper(best, chosen, pairs[chosen["name"]])
    else:
        why = f"{_of_best(best)}{_why_best(best, entries, pairs)}."
    return {"recipe": chosen["name"], "why": f"{why} {UNTOUCHED}"}


def _is_level(pair: Comparison | None) -> bool:
    return pair is not None and not _is_worse(pair) and _is_near(pair)


def _is_worse(pair: Comparison) -> bool:
    """Whether a test tells at 5 % that `b` is worse than `a`."""
    return (pair.p_value < LEVEL and pair.difference < 0) or (
        pair.log_loss_p_value < LEVEL and pair.log_loss_difference > 0
    )


def _is_near(pair: Comparison) -> bool:
    return pair.difference >= -MARGIN - 1e-9  # the difference is a rounded one


def _seconds(entry: Mapping[str, Any]) -> float:
    """What a recipe takes by itself, work that it found done included."""
    return float(entry["seconds"]["total"])


def _of_best(best: Mapping[str, Any]) -> str:
    valid = best["valid"]
    return (
        f"{best['name']} is the best on the {valid['n']} validation photos "
        f"(accuracy {percent(valid['accuracy'])}, log loss {valid['log_loss']:.2f})"
    )


def _why_best(best: Mapping[str, Any], entries: Sequence[Mapping[str, Any]], pairs: Mapping[str, Comparison]) -> str:
    if not pairs:
        return ""
    if any(_is_level(pair) for pair in pairs.values()):
        return "; of the recipes that cannot be told from it there none takes less than half its time"
    told = (
        f"; every other recipe is more than {100 * MARGIN:.0f} points less accurate there, or told by a test to be "
        "worse (5 % level)"
    )
    cheaper = [entry["name"] for entry in entries if _seconds(entry) < _seconds(best)]
    doubtful = [pairs[name] for name in cheaper if name in pairs and not _is_worse(pairs[name])]
    if not doubtful:
        return told
    pair = max(doubtful, key=lambda pair: pair.difference)
    return (
        f"{told}. So few photos cannot tell {pair.b} from it either (p = {pair.p_value:.2f}), "
        f"but it is {-100 * pair.difference:.1f} points less accurate, too much to give up for a cheaper one"
    )


def _why_cheaper(best: Mapping[str, Any], chosen: Mapping[str, Any], pair: Comparison) -> str:
    score, (ours, theirs) = chosen["valid"], (_seconds(entry) for entry in (chosen, best))
    level = (
        f"{_of_best(best)}. {chosen['name']} (accuracy {percent(score['accuracy'])}, log loss "
        f"{score['log_loss']:.2f}) is within {100 * MARGIN:.0f} points and cannot be told from it there "
        f"(5 % level: p = {pair.p_value:.2f} for accuracy, {pair.log_loss_p_value:.2f} for log loss)"
    )
    if ours < theirs:
        return f"{level} and took {ours:.0f} seconds instead of {theirs:.0f}: the cheapest of those is chosen."
    return f"{level}, took about as long ({ours:.0f} seconds, {theirs:.0f}) and comes earlier on the ladder."
