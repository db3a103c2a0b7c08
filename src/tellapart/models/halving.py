"""Successive halving: which trials of a search go on, and when the search has gone on for long enough.

Rungs are at the cost of 2, 4, 8, 16 and 32 epochs on photos of the recipe's size: there a trial goes on only where its
lowest loss so far is in the better half of all that came so far. Everything here follows from trials that are finished,
so that a search which was killed and goes on is the same as one that was not; Optuna's own pruners count a killed trial
beside the one that is made in its place.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

RUNGS: Final = (2, 4, 8, 16, 32)
IN_VAIN: Final = 12  # so many trials in a row may bring nothing


@dataclass(frozen=True)
class Rival:
    """A trial that has ended, and that others may be held against.

    Attributes:
        finished: Whether it came to its own end; else it was stopped at a rung.
        losses: Its validation loss after each epoch, at least one.
        cost: Of an epoch, as `cost_of` gives it.
    """

    finished: bool
    losses: Mapping[int, float]
    cost: float = 1.0

    def came_to(self, rung: int) -> bool:
        """Whether it came to a rung, or to its own end before it."""
        return self.finished or max(self.losses) * self.cost >= rung

    def lowest(self, rung: int) -> float:
        """Its lowest loss until a rung."""
        return min(loss for epoch, loss in self.losses.items() if epoch * self.cost <= rung)


def cost_of(settings: Mapping[str, Any]) -> float:
    """What an epoch of a trial costs, where one on photos of the recipe's size costs 1; at most that."""
    return float(settings.get("image_scale", 1.0)) ** 2


def is_behind(losses: Mapping[int, float], rivals: Iterable[Rival], cost: float = 1.0) -> bool:
    """Whether a trial has just come to a rung, and is in the worse half there.

    Args:
        losses: Its validation loss after each epoch.
        rivals: Those that it is held against; of them count those that came to that rung.
        cost: Of its epochs.
    """
    spent = max(losses) * cost
    rung = next((rung for rung in RUNGS if spent - cost < rung <= spent), None)
    if rung is None:
        return False
    theirs = [rival.lowest(rung) for rival in rivals if rival.came_to(rung)]
    n_better = sum(loss < min(losses.values()) for loss in theirs)
    return n_better >= max(1, (len(theirs) + 1) // 2)


def rivals_among(trials: Iterable[Any]) -> list[Rival]:
    """Those of Optuna's trials that have ended with at least one epoch."""
    ended = [trial for trial in trials if trial.state.name in {"COMPLETE", "PRUNED"} and trial.intermediate_values]
    return [Rival(one.state.name == "COMPLETE", one.intermediate_values, cost_of(one.params)) for one in ended]


def is_in_vain(trials: Sequence[Any]) -> bool:
    """Whether so many trials in a row lowered the loss no further that the search may end.

    Args:
        trials: Of the study, in order; those that a kill ended are left out.
    """
    lowest, since = float("inf"), 0
    for trial in trials:
        if trial.state.name == "COMPLETE" and trial.value < lowest:
            lowest, since = trial.value, 0
        elif trial.state.is_finished():
            since += 1
    return since >= IN_VAIN
