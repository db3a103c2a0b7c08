"""The seam between a plan and what runs it: tasks, a pure function from a task to a result file, and engines.

A plan is a stream of independent tasks. An engine gives each to a function of a module, in some other process, and
hands over what came of it. The same tasks give the same bytes on every engine: the function sees the task and the
bytes that all tasks share, and nothing else.
"""

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final, Protocol

from tellapart.errors import OptionError

LOCAL: Final = "local"
RAY: Final = "ray"
TRIES: Final = 3  # further ones, after a worker ended in the middle of a task
AHEAD: Final = 2  # tasks in flight for each worker: one at work, one that waits for it
_ADDRESS: Final = re.compile(r"ray://[^/\s]+:\d+")


@dataclass(frozen=True)
class Task:
    """One piece of a plan.

    Attributes:
        name: Of the result file; unlike all others of the plan.
        inputs: What the function needs, as JSON holds it.
        gpu: Whether it runs on a GPU where a cluster has some.
    """

    name: str
    inputs: Mapping[str, Any]
    gpu: bool = False

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the inputs, in hexadecimal digits."""
        return hashlib.sha256(json.dumps(self.inputs, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class Made:
    """What a function makes of a task: the bytes of its result file, and numbers that are told of it."""

    content: bytes
    facts: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """What came of a task: what was made, or in one line why there is nothing."""

    made: Made | None
    error: str = ""


Shared = Callable[[], bytes]  # gives what all tasks share; asked for once a process, as it may be large
Function = Callable[[Task, Shared], Made]


class Engine(Protocol):
    """Runs tasks in other processes."""

    def run(self, function: Function, tasks: Iterable[Task], shared: bytes = b"") -> Iterator[tuple[Task, Outcome]]:
        """Run a function on each task.

        A task whose worker ended in the middle of it is tried again, `TRIES` times at most. One whose function raised
        is not: a pure function raises again.

        Args:
            function: Of a module, so that another process finds it by its name. The same task gives the same bytes.
            tasks: Any number of them; a bounded number is taken ahead.
            shared: What all of them need, such as a model file; brought to each worker once.

        Yields:
            Each task once, as it is done.
        """
        ...


def open_engine(on: str = LOCAL, *, workers: int | None = None, ahead: int = AHEAD) -> Engine:
    """The engine of a name.

    Args:
        on: `local`, `ray` (a cluster of its own on this machine), or `ray://HOST:PORT` (one that runs).
        workers: Processes at once; None for one a core, on a cluster for one a core of it.
        ahead: Tasks in flight for each worker; with 1 a task is asked for when a worker is free for it.

    Raises:
        OptionError: No such engine, or no worker.
        MissingExtraError: Ray is asked for and not installed.
    """
    if workers is not None and workers < 1:
        raise OptionError(f"--workers {workers}. Accepted: 1 or more. Next: leave it out for one a core")
    if on == LOCAL:
        from tellapart.scale.local import LocalEngine

        return LocalEngine(workers, ahead)
    if on == RAY or _ADDRESS.fullmatch(on):
        from tellapart.scale.on_ray import RayEngine

        return RayEngine(None if on == RAY else on, workers, ahead)
    raise OptionError(f"--on {on}. Accepted: local, ray, ray://HOST:PORT. Next: --on local")


def check_workers(on: str | None, workers: int | None) -> None:
    """Refuse a number of workers where no engine is asked for.

    Raises:
        OptionError: There is one.
    """
    if on is None and workers is not None:
        raise OptionError(f"--workers {workers} without --on. Next: --on local --workers {workers}")


def told_of(problem: BaseException) -> str:
    """A problem as part of one line; of a traceback that came from elsewhere its last line."""
    before, traceback, after = str(problem).partition("Traceback (most recent call last)")
    text = f"{before} {after.strip().splitlines()[-1]}" if traceback and after.strip() else before
    told = " ".join(text.split())[:300]
    return f"{type(problem).__name__}: {told}" if told else type(problem).__name__
