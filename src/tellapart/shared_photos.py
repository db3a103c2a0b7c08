"""Which photos two runs may be compared on: those that both tested and neither learned from."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from tellapart.evaluation.intervals import group_numbers
from tellapart.run import Run
from tellapart.run_rows import RunRow, rows_of

_TEST = "test"


@dataclass(frozen=True)
class Shared:
    """Photos that two runs may be compared on.

    Attributes:
        first: Their paths in the first run.
        second: Their paths in the second run, in the same order.
        groups: The group of each, (photos,): what either run kept together is together.
        tested: How many photos each of the two runs tested.
        learned: Photos that one run tested and that the other learned from or validated with, or a copy of them.
        relabelled: Photos that both tested, under another class.
        unknown: Why nothing is known of the two runs' photos; empty where it is.
    """

    first: list[str]
    second: list[str]
    groups: np.ndarray
    tested: tuple[int, int]
    learned: int = 0
    relabelled: int = 0
    unknown: str = ""

    @property
    def whole(self) -> bool:
        """Whether both runs tested just these photos."""
        return self.tested == (len(self.first), len(self.first))

    @property
    def n_groups(self) -> int:
        """How many votes they have."""
        return len(np.unique(self.groups))


def shared_photos(first: Run, second: Run) -> Shared:
    """Find the photos that both runs tested and neither learned from.

    A photo is known by its content, so that folders may have been moved and files
    renamed. What either run kept together as copies is one group; a group of which
    either run learned from a member is left out whole. In a run with folds every
    photo was tested by a model that did not learn from it.

    Raises:
        RunFolderError: A table of a run is missing.
    """
    rows = [rows_of(run, "compare it without this run") for run in (first, second)]
    tested = [{key: row for key, row in _keyed(each).items() if _is_test(row)} for each in rows]
    sizes = (len(tested[0]), len(tested[1]))
    nothing = Shared([], [], np.zeros(0, int), sizes)
    if not all(row.content for each in rows for row in each):
        if _prints(first) != _prints(second):
            why = "a run of an earlier version did not write down the content of its photos"
            return Shared([], [], nothing.groups, sizes, unknown=why)
        rows = [[RunRow(row.path, row.label, row.path, row.part, row.group) for row in each] for each in rows]
        tested = [{key: row for key, row in _keyed(each).items() if _is_test(row)} for each in rows]
    together = _components(rows)
    seen = _seen(rows, together)
    there = [{row.content for row in each} for each in rows]
    learned = sum(
        row.content in there[1 - side] and together[row.content] in seen
        for side, each in enumerate(tested)
        for row in each.values()
    )
    both = [key for key in tested[0] if key in tested[1] and together[key[0]] not in seen]
    kept = [key for key in both if tested[0][key].label == tested[1][key].label]
    groups = group_numbers([key[0] for key in kept], {content: str(number) for content, number in together.items()})
    paths = [[each[key].path for key in kept] for each in tested]
    return Shared(paths[0], paths[1], groups, sizes, learned, len(both) - len(kept))


def _prints(run: Run) -> str:
    return str(run.results["photos"].get("fingerprint", run.folder))


def _is_test(row: RunRow) -> bool:
    return row.part == _TEST or _is_fold(row)


def _is_fold(row: RunRow) -> bool:
    return row.part.startswith("fold-")


def _keyed(rows: Iterable[RunRow]) -> dict[tuple[str, int], RunRow]:
    """By content; files with the same content are told apart by their order."""
    found: Counter[str] = Counter()
    keyed = {}
    for row in rows:
        keyed[row.content, found[row.content]] = row
        found[row.content] += 1
    return keyed


def _components(rows: Iterable[Iterable[RunRow]]) -> dict[str, int]:
    """The number of the group of each content, where what either run kept together is together."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    numbers: dict[tuple[str, object], int] = {}
    edges = []
    for side, each in enumerate(rows):
        for row in each:
            content = numbers.setdefault(("content", row.content), len(numbers))
            group = ("group", (side, row.group)) if row.group else ("content", row.content)
            edges.append((content, numbers.setdefault(group, len(numbers))))
    size = len(numbers)
    ends = np.array(edges).reshape(-1, 2).T
    _, found = connected_components(coo_array((np.ones(len(edges)), ends), shape=(size, size)), directed=False)
    return {str(key): int(found[number]) for (kind, key), number in numbers.items() if kind == "content"}


def _seen(rows: Iterable[Iterable[RunRow]], together: Mapping[str, int]) -> set[int]:
    """Groups that a model saw a member of before it was tested with another."""
    seen = set()
    for each in rows:
        folds: dict[int, set[str]] = {}
        for row in each:
            number = together[row.content]
            if _is_fold(row):
                folds.setdefault(number, set()).add(row.part)
            elif row.part != _TEST:
                seen.add(number)
        seen |= {number for number, parts in folds.items() if len(parts) > 1}
    return seen
