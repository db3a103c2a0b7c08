"""Tasks on this machine: fresh processes, any of which may die at any moment without taking the work with it.

Each worker has a pipe of its own. In `concurrent.futures` they share one: a worker that is killed while it writes a
result into it leaves half a result, and whoever reads that waits for ever (seen in Python 3.11).
"""

import multiprocessing
import os
import signal
import threading
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Final

from tellapart.going_on import know_resumable
from tellapart.machine import limit_cores, usable_cores
from tellapart.scale.tasks import AHEAD, TRIES, Function, Outcome, Task, told_of
from tellapart.weights.offline import forbid_network, offline

_FAREWELL: Final = 10.0  # seconds that a worker without a task has to end by itself


class LocalEngine:
    """Runs tasks in processes of this machine, started afresh: none inherits threads or open sessions.

    Args:
        workers: How many; None for one a core.
        ahead: Tasks in flight for each.
    """

    def __init__(self, workers: int | None = None, ahead: int = AHEAD) -> None:
        self._workers = workers or usable_cores()
        self._ahead = ahead

    def run(self, function: Function, tasks: Iterable[Task], shared: bytes = b"") -> Iterator[tuple[Task, Outcome]]:
        """Run a function on each task, as `Engine.run` says."""
        waiting_tasks, crew = iter(tasks), _Crew(self._workers, function, shared)
        try:
            while True:
                crew.ready.extend(islice(waiting_tasks, self._ahead * self._workers - crew.in_flight))
                crew.share_out()
                if not crew.in_flight:
                    return
                for connection in crew.told():
                    done = crew.received(connection)
                    crew.share_out()  # before the result is handed over: what is done with it may take long
                    if done is not None:
                        yield done
        finally:
            crew.end()


class _Crew:
    """The workers, and the tasks that none of them has yet.

    Args:
        size: Workers at most; they are started when there is a task for them.
        function: Runs on each task.
        shared: What all tasks need.
    """

    def __init__(self, size: int, function: Function, shared: bytes) -> None:
        self._size, self._function, self._shared = size, function, shared
        self._idle: list[_Worker] = []
        self._at_work: dict[Connection, tuple[_Worker, Task]] = {}
        self.ready: deque[Task] = deque()
        self._again: deque[Task] = deque()
        self._deaths: Counter[str] = Counter()

    @property
    def in_flight(self) -> int:
        """How many tasks were taken and are not done."""
        return len(self.ready) + len(self._again) + len(self._at_work)

    def share_out(self) -> None:
        """Give tasks to those who have none. One whose worker ended goes alone: memory may be short for two."""
        if self._again:
            self._give(self._again, 0 if self._at_work else 1)
        else:
            self._give(self.ready, self._size - len(self._at_work))

    def _give(self, tasks: deque[Task], most: int) -> None:
        count = min(most, len(tasks))
        # All are started before the first is told anything, as it listens only when its Python runs.
        self._idle += [_Worker.started() for _ in range(count - len(self._idle))]
        for _ in range(count):
            worker, task = self._idle.pop(), tasks.popleft()
            self._at_work[worker.connection] = (worker, task)
            worker.give(self._function, task, self._shared)

    def told(self) -> list[Connection]:
        """Wait for a worker that is done with its task, or has ended."""
        ready = wait(list(self._at_work))
        return [connection for connection in self._at_work if connection in ready]

    def received(self, connection: Connection) -> tuple[Task, Outcome] | None:
        """What came of a worker's task; None where the worker ended, and the task is to be tried again."""
        worker, task = self._at_work.pop(connection)
        try:
            outcome: Outcome = connection.recv()
        except (EOFError, OSError):
            worker.end()
            self._deaths[task.name] += 1
            if self._deaths[task.name] <= TRIES:
                self._again.append(task)
                return None
            outcome = Outcome(None, "its worker ended in every try (killed, or out of memory)")
        else:
            self._idle.append(worker)
        return task, outcome

    def end(self) -> None:
        """End all workers. What they are at is for nobody now."""
        for worker, _ in self._at_work.values():
            worker.process.terminate()
        workers = [*self._idle, *(worker for worker, _ in self._at_work.values())]
        for worker in workers:
            worker.connection.close()
        for worker in workers:
            worker.end()


@dataclass
class _Worker:
    """A process, and the pipe to it."""

    process: SpawnProcess
    connection: Connection
    knows_shared: bool = False

    @classmethod
    def started(cls) -> "_Worker":
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=_work, args=(theirs, offline()))
        process.start()
        theirs.close()  # so that its end is heard
        return cls(process, ours)

    def give(self, function: Function, task: Task, shared: bytes) -> None:
        """Tell it what to do; one that has ended meanwhile is heard of as one that ends at its task."""
        with suppress(OSError):
            if not self.knows_shared:
                self.connection.send_bytes(shared)
                self.knows_shared = True
            self.connection.send((function, task))

    def end(self) -> None:
        """See that it is gone."""
        self.connection.close()
        self.process.join(_FAREWELL)
        self.process.kill()
        self.process.join()


def _work(connection: Connection, is_offline: bool) -> None:
    """What a worker does: one task after the other, until nobody has one."""
    limit_cores(1)
    know_resumable(False)  # a bulk job goes on by itself
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent says what is to end
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if is_offline:
        forbid_network()
    with suppress(EOFError, OSError):  # the parent has closed the pipe
        shared = connection.recv_bytes()
        while True:
            function, task = connection.recv()
            connection.send(_outcome(function, task, shared))


def _outcome(function: Function, task: Task, shared: bytes) -> Outcome:
    try:
        return Outcome(function(task, lambda: shared))
    except Exception as problem:  # whatever it is, it is this task's alone
        return Outcome(None, told_of(problem))


def _end_with_parent() -> None:
    """A parent that is killed cannot end a worker that is in the middle of a task."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
