"""One thread that runs the network, on as many photos at once as wait for it."""

import asyncio
import queue
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Thread
from time import perf_counter
from typing import Protocol

import numpy as np

from tellapart.deploy.runtime import Answer
from tellapart.deploy.serving.meters import Metrics
from tellapart.deploy.serving.options import ServerSettings

Learn = Callable[[int, float], None]


class Answering(Protocol):
    """What the thread needs of a model."""

    def answer_pixels(self, pictures: np.ndarray, *, threshold: float = 0.0, heat: bool = False) -> list[Answer]:
        """Answer pictures of the network's size."""
        ...


@dataclass(frozen=True)
class _Waiting:
    pixels: np.ndarray
    heat: bool
    answer: asyncio.Future[Answer]
    since: float = field(default_factory=perf_counter)


class Batcher:
    """Collects photos of all requests into batches.

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
        self._thread = Thread(target=self._run, name="network", daemon=True)
        self._learn = learn

    @property
    def length(self) -> int:
        """Photos that wait for the network."""
        return self._waiting.qsize()

    @property
    def alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    async def stop(self) -> None:
        """Answer what waits, then end the thread."""
        self._waiting.put(None)
        await asyncio.to_thread(self._thread.join)

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
                self._answer(wanted)
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

    def _answer(self, batch: list[_Waiting]) -> None:
        began = perf_counter()
        for one in batch:
            self._metrics.took("wait", began - one.since)
        loop = batch[0].answer.get_loop()
        try:
            answers = self._model.answer_pixels(
                np.stack([one.pixels for one in batch]), heat=any(one.heat for one in batch)
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
            loop.call_soon_threadsafe(self._learn, len(batch), seconds)


def _deliver(batch: list[_Waiting], answers: list[Answer]) -> None:
    for one, answer in zip(batch, answers, strict=True):
        if not one.answer.done():
            one.answer.set_result(answer)


def _fail(batch: list[_Waiting], problem: Exception) -> None:
    for one in batch:
        if not one.answer.done():
            one.answer.set_exception(problem)
