"""How long a run will take, and how its steps share a time that it must not exceed."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from tellapart.errors import OptionError
from tellapart.words import duration

_AFTER: Final = 1.3  # times its forecast, what comes after training is kept free
_KNOWN: Final = (0.7, 1.5)  # how far a forecast from the machine's own record may be off
_UNKNOWN: Final = (0.4, 2.5)  # and one from another machine's
_SLOWEST: Final = 1.5  # times, that one step may teach
FLOOR: Final = "majority"
_USEFUL: Final = 0.25  # of its forecast: a step that is cut shorter is not worth its seconds
_TEACHES: Final = 8.0  # seconds: a shorter step tells nothing of longer ones
_CALLED: Final = {
    "more": "the learning curve",
    "map": "the map of photos",
    "heatmaps": "the heat maps",
    "inside": "the look inside",
}


@dataclass(frozen=True)
class Part:
    """A part of a run that is to come.

    Attributes:
        name: Of the recipe.
        seconds: Its forecast.
        least: What it takes at the least: an epoch and all that is not training.
        tail: What comes after its training.
        features: What is saved where they are kept already.
        known: Whether this machine has done it before.
        first: Whether it goes before the others where a budget is too short for all: what brings most for its seconds.
    """

    name: str
    seconds: float
    least: float
    tail: float = 0.0
    features: float = 0.0
    known: bool = False
    first: bool = False


def share_out(parts: Sequence[Part], seconds: float, *, useful: float = 0.0) -> dict[str, float]:
    """Divide time among parts: those that come first get what they need, then the others in their order.

    The one at which the time ends is cut, and those behind it are left out; so is a part that would get less than
    its least. Where there is more than those that are kept need, each gets as many times more: a forecast may be
    too low.

    Args:
        parts: In their order.
        seconds: All that there is.
        useful: The share of its forecast below which a part that does not come first is not worth its seconds.

    Returns:
        Seconds by name; parts that are left out are missing.
    """
    given, left = {}, seconds
    for part in sorted(parts, key=lambda part: not part.first):
        share = min(part.seconds, left)
        if share >= max(part.least, 0.0 if part.first else useful * part.seconds):
            given[part.name] = share
            left -= share
    more = max(1.0, seconds / max(sum(given.values()), 1e-9))
    return {part.name: more * given[part.name] for part in parts if part.name in given}


@dataclass
class Schedule:
    """The forecast of a run, and its budget.

    Attributes:
        parts: The steps to come, in order.
        after: Seconds that what comes after training is expected to take.
        budget: Seconds for the whole run; None for no limit.
        start: When the run began, on the clock.
        clock: Seconds that only go on.
        left_out: A sentence for each step that did not fit, by its name.
        cut: Names of the steps whose training the time ended.
        slower: How many times its share the slowest step so far took: what is to come is taken to be as much dearer.
        unexplained: A sentence for each picture that did not fit.
    """

    parts: tuple[Part, ...]
    after: float
    budget: float | None
    start: float
    clock: Callable[[], float] = time.perf_counter
    left_out: dict[str, str] = field(default_factory=dict)
    cut: list[str] = field(default_factory=list)
    unexplained: list[str] = field(default_factory=list)
    slower: float = 1.0

    def __post_init__(self) -> None:
        """Fix what was spent before; the forecast counts from the start of the run."""
        self._before = self.clock() - self.start
        short = self.budget is not None and self._before + _AFTER * (self.seconds - self._before) > self.budget
        # A time that is only kept free for what comes later is lost where what comes before takes longer than told.
        self._turns = tuple(sorted(self.parts, key=lambda part: not part.first)) if short else self.parts
        first = any(part.first for part in self.parts if part.name != FLOOR)
        self._useful = _USEFUL if first else 0.0

    @property
    def seconds(self) -> float:
        """The forecast of the whole run, without regard to the budget."""
        return self._before + self.after + sum(part.seconds for part in self.parts)

    @property
    def turns(self) -> tuple[str, ...]:
        """Names of the steps as they are climbed: those that come first before the others where time may be short."""
        return tuple(part.name for part in self._turns)

    @property
    def range(self) -> tuple[float, float]:
        """From what it may take where features are kept already, to what it may take at most."""
        known = all(part.known for part in self.parts)
        low, high = _KNOWN if known else _UNKNOWN
        saved = sum(part.features for part in self.parts)
        to_come = self.seconds - self._before
        return self._before + low * (to_come - saved), self._before + high * to_come

    @property
    def left(self) -> float:
        """Seconds of the budget that are left."""
        return float("inf") if self.budget is None else self.budget - (self.clock() - self.start)

    def told(self) -> str:
        """One line for the terminal."""
        low, high = self.range
        steps = ", ".join(f"{part.name} {duration(part.seconds)}" for part in self.parts if part.seconds >= 1)
        whole = f"Forecast: {duration(self.seconds)} ({duration(low)} to {duration(high)})"
        line = f"{whole}: {steps + ', ' if steps else ''}what comes after {duration(self.after)}"
        return line if self.budget is None else f"{line}. Budget: {duration(self.budget)}"

    def check(self) -> None:
        """Refuse a budget in which no step that learns has room.

        Raises:
            OptionError: It is too small.
        """
        if self.budget is None:
            return
        learning = [part for part in self.parts if part.name != FLOOR] or list(self.parts)
        least = min(part.least for part in learning)
        if learning and least > self.left - _AFTER * self.after:
            needed = self.clock() - self.start + _AFTER * self.after + least
            raise OptionError(
                f"A budget of {duration(self.budget)} is too short for any step: the least takes about "
                f"{duration(needed)}. Next: a larger --budget, or cheaper --recipes"
            )

    def before(self, name: str) -> float | None:
        """Seconds that a step may take from now on; None where it is left out, which `left_out` then tells.

        Without a budget there is no limit.
        """
        if self.budget is None:
            return float("inf")
        free = self.left - _AFTER * self.slower * self.after
        to_come = [self.part(other) for other in self.turns[self.turns.index(name) :]]
        given = share_out(to_come, free, useful=self._useful).get(name)
        if given is None:
            part = self.part(name)
            self.left_out[name] = (
                f"{name} was left out: it takes {duration(part.least)} at the least, {duration(part.seconds)} in full, "
                f"and of the budget of {duration(self.budget)} there was {duration(max(free, 0.0))} left for training."
            )
        return given

    def fitting(self, after: Mapping[str, float]) -> Callable[[str], bool]:
        """Give what tells whether one more picture fits before the report; what does not is noted.

        Args:
            after: Seconds of each part of what comes after training, `report` among them.
        """

        def fits(name: str) -> bool:
            if _AFTER * self.slower * (after[name] + after["report"]) <= self.left:
                return True
            self.unexplained.append(f"The report goes without {_CALLED.get(name, name)}: the time was over.")
            return False

        return fits

    def told_after(self) -> str:
        """One line for the terminal: the forecast beside what it took."""
        took = f"took {duration(self.clock() - self.start)}"
        limit = "" if self.budget is None else f" of a budget of {duration(self.budget)}"
        return f"Forecast {duration(self.seconds)}; {took}{limit}"

    def part(self, name: str) -> Part:
        """The forecast of a step, by how slow the steps before it were."""
        told = next(part for part in self.parts if part.name == name)
        more = {what: self.slower * getattr(told, what) for what in ("seconds", "least", "tail", "features")}
        return replace(told, **more)

    def done(self, seconds: float, given: float) -> None:
        """Learn from a step that took longer than it was given."""
        if given >= _TEACHES:
            self.slower *= max(1.0, min(seconds / given, _SLOWEST))

    def as_json(self, to_come: float = 0.0) -> dict[str, Any]:
        """`forecast` of results.json; `took` is what was spent until now, and what is still to come."""
        low, high = self.range
        return {
            "seconds": round(self.seconds, 1),
            "low": round(low, 1),
            "high": round(high, 1),
            "took": round(self.clock() - self.start + to_come, 1),
            "steps": {part.name: round(part.seconds, 1) for part in self.parts},
            "after": round(self.after, 1),
            "known": all(part.known for part in self.parts),
            "budget": self.budget,
            "cut": list(self.cut),
            "left_out": list(self.left_out),
        }
