import asyncio
from collections.abc import Callable
from threading import Event

import numpy as np
import pytest

from tellapart.deploy.runtime import Answer
from tellapart.deploy.serving.batching import Batcher
from tellapart.deploy.serving.meters import Metrics
from tellapart.deploy.serving.options import ServerSettings


class Recorder:
    """A model that says the first number of each picture, and remembers its batches."""

    def __init__(self) -> None:
        self.batches: list[tuple[int, bool]] = []
        self.go = Event()
        self.go.set()

    def answer_pixels(self, pictures: np.ndarray, *, threshold: float = 0.0, heat: bool = False) -> list[Answer]:
        assert threshold == 0
        assert self.go.wait(30)
        self.batches.append((len(pictures), heat))
        if pictures.max() == 255:
            raise FloatingPointError("white")
        return [Answer("", picture.ravel()[:1]) for picture in pictures]


def picture(number: int) -> np.ndarray:
    return np.full((4, 4, 3), number, dtype=np.uint8)


def batcher_of(model: Recorder, learned: list[int], coming: Callable[[], int] = lambda: 0) -> Batcher:
    settings = ServerSettings(batch=4, batch_seconds=5)
    return Batcher(model, settings, metrics=Metrics(), coming=coming, learn=lambda photos, _: learned.append(photos))


def test_what_waits_is_answered_together_each_with_its_own() -> None:
    model, learned = Recorder(), list[int]()
    batcher = batcher_of(model, learned)

    async def run() -> None:
        waiting = [asyncio.create_task(batcher.answer(picture(n), heat=n == 2)) for n in range(10)]
        await asyncio.sleep(0)
        assert batcher.length == 10
        batcher.start()
        found = await asyncio.gather(*waiting)
        assert [int(answer.probabilities[0]) for answer in found if answer.probabilities is not None] == list(range(10))
        await batcher.stop()

    asyncio.run(run())
    assert model.batches == [(4, True), (4, False), (2, False)]
    assert learned == [4, 4, 2]


def test_a_lone_photo_does_not_wait_and_one_that_is_expected_is_waited_for() -> None:
    model, coming = Recorder(), [0]
    batcher = batcher_of(model, [], lambda: coming[0])

    async def run() -> None:
        batcher.start()
        async with asyncio.timeout(3):  # less than it waits for others
            await batcher.answer(picture(1), heat=False)
        coming[0] = 3
        first = asyncio.create_task(batcher.answer(picture(1), heat=False))
        await asyncio.sleep(0.05)
        rest = [asyncio.create_task(batcher.answer(picture(n), heat=False)) for n in range(3)]
        await asyncio.gather(first, *rest)
        await batcher.stop()

    asyncio.run(run())
    assert model.batches == [(1, False), (4, False)]


def test_a_photo_that_nobody_waits_for_is_left_out() -> None:
    model = Recorder()
    batcher = batcher_of(model, [])

    async def run() -> None:
        given_up = asyncio.create_task(batcher.answer(picture(1), heat=True))
        wanted = asyncio.create_task(batcher.answer(picture(2), heat=False))
        await asyncio.sleep(0)
        given_up.cancel()
        await asyncio.sleep(0)
        batcher.start()
        await wanted
        await batcher.stop()

    asyncio.run(run())
    assert model.batches == [(1, False)]


def test_a_fault_is_told_and_the_thread_lives_on() -> None:
    batcher = batcher_of(Recorder(), [])

    async def run() -> None:
        batcher.start()
        with pytest.raises(FloatingPointError):
            await batcher.answer(picture(255), heat=False)
        await batcher.answer(picture(3), heat=False)
        assert batcher.alive
        await batcher.stop()
        assert not batcher.alive

    asyncio.run(run())


def test_stopping_answers_what_waits() -> None:
    model = Recorder()
    batcher = batcher_of(model, [])

    async def run() -> None:
        model.go.clear()
        batcher.start()
        waiting = [asyncio.create_task(batcher.answer(picture(n), heat=False)) for n in range(7)]
        await asyncio.sleep(0.05)
        stopping = asyncio.create_task(batcher.stop())
        await asyncio.sleep(0.05)
        model.go.set()
        assert len(await asyncio.gather(*waiting)) == 7
        await stopping

    asyncio.run(run())
