"""Tasks on this machine: a pool of fresh processes, which may die without taking the work with them."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from itertools import islice

from tellapart.going_on import know_resumable
from tellapart.machine import limit_cores, usable_cores
from tellapart.scale.tasks import AHEAD, TRIES, Function, Made, Outcome, Task, told_of
from tellapart.weights.offline import forbid_network, offline

_shared = b""  # of this worker process


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
        waiting_tasks = iter(tasks)
        while True:
            suspects: list[Task] = []
            yield from self._in_pool(function, waiting_tasks, shared, suspects)
            if not suspects:
                return
            yield from _one_by_one(function, suspects, shared)

    def _in_pool(
        self, function: Function, tasks: Iterator[Task], shared: bytes, suspects: list[Task]
    ) -> Iterator[tuple[Task, Outcome]]:
        """Run tasks until they are done or a worker dies; those that were in flight then are `suspects`.

        The pool breaks as a whole and does not say which of them the worker died of.
        """
        flying: dict[Future[Made], Task] = {}
        pool = _pool(self._workers, shared)
        try:
            while True:
                for task in islice(tasks, self._ahead * self._workers - len(flying)):
                    future = _given(pool, function, task)
                    if future is None:
                        suspects += [task, *flying.values()]
                        return
                    flying[future] = task
                if not flying:
                    return
                done, _ = wait(flying, return_when=FIRST_COMPLETED)
                for future in done:
                    task = flying.pop(future)
                    if isinstance(future.exception(), BrokenProcessPool):
                        suspects.append(task)
                    else:
                        yield task, _outcome(future)
                if suspects:
                    suspects += flying.values()
                    return
        finally:
            pool.shutdown(wait=not suspects, cancel_futures=True)


def _one_by_one(function: Function, suspects: list[Task], shared: bytes) -> Iterator[tuple[Task, Outcome]]:
    """Run tasks alone: a worker that dies again died of the one that it had."""
    pool = _pool(1, shared)
    try:
        for task in suspects:
            for _ in range(TRIES):
                future = _given(pool, function, task)
                if future is not None and not isinstance(future.exception(), BrokenProcessPool):
                    yield task, _outcome(future)
                    break
                pool.shutdown(wait=False)
                pool = _pool(1, shared)
            else:
                yield task, Outcome(None, "its worker ended in every try (killed, or out of memory)")
    finally:
        pool.shutdown(cancel_futures=True)


def _given(pool: ProcessPoolExecutor, function: Function, task: Task) -> Future[Made] | None:
    """Hand a task to a pool; None where a worker has died meanwhile, and the pool takes no more."""
    try:
        return pool.submit(_worked, function, task)
    except BrokenProcessPool:
        return None


def _pool(workers: int, shared: bytes) -> ProcessPoolExecutor:
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(workers, context, initializer=_begin, initargs=(shared, offline()))


def _begin(shared: bytes, is_offline: bool) -> None:
    """What a worker does first."""
    global _shared  # noqa: PLW0603  one for the life of the process
    _shared = shared
    limit_cores(1)
    know_resumable(False)  # a bulk job goes on by itself
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent says what is to end
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if is_offline:
        forbid_network()


def _end_with_parent() -> None:
    """A parent that is killed does not close the queue: its workers hold both ends, and would wait for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _worked(function: Function, task: Task) -> Made:
    return function(task, lambda: _shared)


def _outcome(future: Future[Made]) -> Outcome:
    problem = future.exception()
    return Outcome(future.result()) if problem is None else Outcome(None, told_of(problem))
