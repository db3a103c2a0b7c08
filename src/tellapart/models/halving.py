"""Successive halving: which trials of a search go on, and when the search has gone on for long enough.

At 2, 4, 8, 16 and 32 epochs a trial goes on only where its lowest loss so far is in the better
half of all that came so far. Everything here follows from trials that are finished, so that a
search which was killed and goes on is the same as one that was not; Optuna's own pruners count
a killed trial beside the one that is made in its place.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

RUNGS: Final = (2, 4, 8, 16, 32)
IN_VAIN: Final = 12  # so many trials in a row may bring nothing


def is_behind(losses: Mapping[int, float], others: Sequence[Mapping[int, float]]) -> bool:
    """Whether a trial that has come to a rung is in the worse half there.

    Args:
        losses: Its validation loss after each epoch.
        others: The same of those that it is held against, each with at least one epoch.
    """
    rung = max(losses)
    if rung not in RUNGS:
        return False
    own = min(losses.values())
    rivals = [min(loss for epoch, loss in other.items() if epoch <= rung) for other in others]
    n_better = sum(rival < own for rival in rivals)
    return n_better >= max(1, (len(rivals) + 1) // 2)


@dataclass(frozen=True)
class Rival:
    """A trial that has ended, and that others may be held against.

    Attributes:
        finished: Whether it came to its own end; else it was stopped at a rung.
        losses: Its validation loss after each epoch, at least one.
    """

    finished: bool
    losses: Mapping[int, float]


def rivals_among(trials: Iterable[Any]) -> list[Rival]:
    """Those of Optuna's trials that have ended with at least one epoch."""
    told = [(trial.state.name, trial.intermediate_values) for trial in trials if trial.intermediate_values]
    return [Rival(state == "COMPLETE", losses) for state, losses in told if state in {"COMPLETE", "PRUNED"}]


def at_rung(rivals: Iterable[Rival], rung: int) -> list[Mapping[int, float]]:
    """The losses of the rivals that came to a rung, or to their own end before it."""
    return [rival.losses for rival in rivals if rival.finished or max(rival.losses) >= rung]


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
