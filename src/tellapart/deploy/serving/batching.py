"""Threads that run the network, each on as many photos at once as wait for it."""

import asyncio
import queue
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from threading import Lock, Thread
from time import perf_counter
from typing import Protocol

import numpy as np

from tellapart.deploy.runtime import Answer
from tellapart.deploy.serving.meters import Metrics
from tellapart.deploy.serving.options import ServerSettings

Learn = Callable[[int, float], None]


class Answering(Protocol):
    """What the threads need of a model."""

    def answer_pixels(self, pictures: np.ndarray, *, heat: bool = False, beside: bool = False) -> list[Answer]:
        """Answer pictures of the network's size; `beside` others, or with all cores."""
        ...


@dataclass(frozen=True)
class _Waiting:
    pixels: np.ndarray
    heat: bool
    answer: asyncio.Future[Answer]
    since: float = field(default_factory=perf_counter)


class Batcher:
    """Collects photos of all requests into batches.

    A batch that is alone has all cores, so that its answer comes soonest; batches beside each other, or beside photos
    that are being decoded, have a core each: threads that share out every operator would wait for each other.

    Args:
        model: Answers a batch.
        settings: How large a batch may be, and how long it waits for more.
        metrics: Told of sizes and seconds.
        coming: How many photos are being decoded: with none there is nothing to wait for.
        learn: Told how many photos took how many seconds.
    """

    def __init__(
        self, model: Answering, settings: ServerSettings, *, metrics: Metrics, coming: Callable[[], int], learn: Learn
    ) -> None:
        self._model, self._settings, self._metrics, self._coming = model, settings, metrics, coming
        self._waiting: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._threads = [Thread(target=self._run, name="network", daemon=True) for _ in range(settings.streams)]
        self._learn = learn
        self._lock, self._busy = Lock(), 0

    @property
    def length(self) -> int:
        """Photos that wait for the network."""
        return self._waiting.qsize()

    @property
    def alive(self) -> bool:
        """Whether all threads run."""
        return all(thread.is_alive() for thread in self._threads)

    def start(self) -> None:
        """Start the threads."""
        for thread in self._threads:
            thread.start()

    async def stop(self) -> None:
        """Answer what waits, then end the threads."""
        for _ in self._threads:
            self._waiting.put(None)  # each thread takes one
        for thread in self._threads:
            await asyncio.to_thread(thread.join)

    async def answer(self, pixels: np.ndarray, *, heat: bool) -> Answer:
        """Answer one photo, in a batch with others; with the threshold 0.

        Args:
            pixels: Shape (size, size, 3).
            heat: Whether the heat map is wanted.
        """
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.put(_Waiting(pixels, heat, future))
        return await future

    def _run(self) -> None:
        while (first := self._waiting.get()) is not None:
            batch, ended = self._collect(first)
            wanted = [one for one in batch if not one.answer.cancelled()]  # past its deadline, or given up
            if wanted:
                with self._at_work() as busy:
                    self._answer(wanted, busy)
            if ended:
                return

    def _collect(self, first: _Waiting) -> tuple[list[_Waiting], bool]:
        batch = [first]
        until = perf_counter() + self._settings.batch_seconds
        with suppress(queue.Empty):
            while len(batch) < self._settings.batch:
                left = until - perf_counter() if self._coming() else 0.0
                one = self._waiting.get(timeout=left) if left > 0 else self._waiting.get_nowait()
                if one is None:
                    return batch, True
                batch.append(one)
        return batch, False

    @contextmanager
    def _at_work(self) -> Iterator[int]:
        """How many threads are at work now, this one among them."""
        with self._lock:
            self._busy += 1
            busy = self._busy
        try:
            yield busy
        finally:
            with self._lock:
                self._busy -= 1

    def _answer(self, batch: list[_Waiting], busy: int) -> None:
        began = perf_counter()
        for one in batch:
            self._metrics.took("wait", began - one.since)
        loop = batch[0].answer.get_loop()
        beside = len(self._threads) > 1 and (busy > 1 or self.length > 0 or self._coming() > 0)
        try:
            answers = self._model.answer_pixels(
                np.stack([one.pixels for one in batch]), heat=any(one.heat for one in batch), beside=beside
            )
        except Exception as problem:
            # The thread lives on: the batch is told, the next one may be well.
            loop.call_soon_threadsafe(_fail, batch, problem)
            return
        seconds = perf_counter() - began
        self._metrics.took("network", seconds)
        self._metrics.batches.observe(len(batch))
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(_deliver, batch, answers)
            loop.call_soon_threadsafe(self._learn, len(batch), seconds / busy)


def _deliver(batch: list[_Waiting], answers: list[Answer]) -> None:
    for one, answer in zip(batch, answers, strict=True):
        if not one.answer.done():
            one.answer.set_result(answer)


def _fail(batch: list[_Waiting], problem: Exception) -> None:
    for one in batch:
        if not one.answer.done():
            one.answer.set_exception(problem)
