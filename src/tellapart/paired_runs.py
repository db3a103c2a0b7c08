"""Paired tests between recipes of different runs, on the photos that the runs share."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from tellapart.answer_tables import TEST, AnswerTable, read_answers
from tellapart.errors import RunFolderError
from tellapart.evaluation.comparison import PLANNED, Comparison, Votes, compare_pairs, judge, marks, votes
from tellapart.run import Run
from tellapart.shared_photos import Shared


@dataclass(frozen=True)
class Paired:
    """Two scores compared on the photos that their runs share.

    Attributes:
        photos: How many these are.
        accuracy_a: On these photos.
        accuracy_b: Likewise.
        comparison: `b` less `a`, corrected for all comparisons that were made.
    """

    photos: int
    accuracy_a: float
    accuracy_b: float
    comparison: Comparison


@dataclass(frozen=True)
class _Asked:
    """One question before the correction."""

    pair: Comparison
    votes: Votes
    accuracies: tuple[float, float]


def paired(
    runs: Mapping[str, Run],
    shared: Mapping[tuple[str, str], Shared],
    asked: Mapping[tuple[str, str], Sequence[tuple[str, str]]],
) -> list[Paired]:
    """Compare recipes of different runs, corrected for all of these comparisons together.

    Args:
        runs: By name.
        shared: By two runs' names, the photos to compare them on.
        asked: By two runs' names, pairs of a recipe of the first and one of the second.

    Raises:
        RunFolderError: A run lacks the answers of a recipe.
    """
    found = [
        _ask(((a, ours), (b, theirs)), runs, photos)
        for (a, b), photos in shared.items()
        for ours, theirs in asked[a, b]
    ]
    if not found:
        return []
    judged = judge([replace(each.pair, family=PLANNED) for each in found], [each.votes for each in found])
    return [Paired(each.votes.photos, *each.accuracies, pair) for each, pair in zip(found, judged, strict=True)]


def _ask(sides: tuple[tuple[str, str], tuple[str, str]], runs: Mapping[str, Run], shared: Shared) -> _Asked:
    (a, ours), (b, theirs) = sides
    first, second = _answers(runs[a], ours, shared.first), _answers(runs[b], theirs, shared.second)
    classes, others = (runs[name].results["photos"]["classes"] for name in (a, b))
    in_order = second.probabilities[:, [others.index(name) for name in classes]]
    names = f"{a}/{ours}", f"{b}/{theirs}"
    marked = dict(zip(names, (marks(first.labels, first.probabilities), marks(first.labels, in_order)), strict=True))
    (pair,) = compare_pairs([names], marked, shared.groups)
    one, other = marked.values()
    accuracies = float(one.correct.mean()), float(other.correct.mean())
    return _Asked(pair, votes(one, other, shared.groups), accuracies)


def _answers(run: Run, recipe: str, paths: Sequence[str]) -> AnswerTable:
    """What a recipe answered to these photos, in their order."""
    file = run.folder / "recipes" / recipe / TEST
    if not file.is_file():
        raise RunFolderError(f"{run.folder} is not whole: it has no recipes/{recipe}/{TEST}. Next: leave this run out")
    table = read_answers(file, run.results["photos"]["classes"])
    places = {path: place for place, path in enumerate(table.paths)}
    if not places.keys() >= set(paths):
        raise RunFolderError(f"{file} is not of the photos in split.csv. Next: leave this run out")
    rows = np.array([places[path] for path in paths])
    return AnswerTable(list(paths), table.labels[rows], table.probabilities[rows])
