import asyncio
from collections.abc import Callable
from threading import Barrier, Event

import numpy as np
import pytest

from tellapart.deploy.runtime import Answer
from tellapart.deploy.serving.batching import Answering, Batcher
from tellapart.deploy.serving.meters import Metrics
from tellapart.deploy.serving.options import ServerSettings


class Recorder:
    """A model that says the first number of each picture, and remembers its batches."""

    def __init__(self) -> None:
        self.batches: list[tuple[int, bool]] = []
        self.beside: list[bool] = []
        self.go = Event()
        self.go.set()

    def answer_pixels(self, pictures: np.ndarray, *, heat: bool = False, beside: bool = False) -> list[Answer]:
        assert self.go.wait(30)
        self.batches.append((len(pictures), heat))
        self.beside.append(beside)
        if pictures.max() == 255:
            raise FloatingPointError("white")
        return [Answer("", picture.ravel()[:1]) for picture in pictures]


def picture(number: int) -> np.ndarray:
    return np.full((4, 4, 3), number, dtype=np.uint8)


def batcher_of(
    model: Answering, learned: list[int], coming: Callable[[], int] = lambda: 0, *, streams: int = 1
) -> Batcher:
    settings = ServerSettings(batch=4, batch_seconds=5, streams=streams)
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


def test_batches_are_answered_beside_each_other_and_a_lone_one_is_told_so() -> None:
    class Together(Recorder):
        both = Barrier(2, timeout=30)

        def answer_pixels(self, pictures: np.ndarray, *, heat: bool = False, beside: bool = False) -> list[Answer]:
            if heat:
                self.both.wait()
            return super().answer_pixels(pictures, heat=heat, beside=beside)

    model = Together()
    batcher = batcher_of(model, [], streams=2)

    async def run() -> None:
        waiting = [asyncio.create_task(batcher.answer(picture(n), heat=True)) for n in range(8)]
        await asyncio.sleep(0)
        batcher.start()
        found = await asyncio.gather(*waiting)
        assert [int(answer.probabilities[0]) for answer in found if answer.probabilities is not None] == list(range(8))
        assert True in model.beside
        for _ in range(2):
            await asyncio.sleep(0.05)  # the thread that answered waits again
            model.beside.clear()
            await batcher.answer(picture(1), heat=False)
            assert model.beside == [False]
        await batcher.stop()
        assert not batcher.alive

    asyncio.run(run())


def test_stopping_ends_every_thread_and_answers_what_waits() -> None:
    model = Recorder()
    batcher = batcher_of(model, [], streams=3)

    async def run() -> None:
        model.go.clear()
        batcher.start()
        waiting = [asyncio.create_task(batcher.answer(picture(n), heat=False)) for n in range(30)]
        await asyncio.sleep(0.05)
        stopping = asyncio.create_task(batcher.stop())
        await asyncio.sleep(0.05)
        model.go.set()
        assert len(await asyncio.gather(*waiting)) == 30
        await stopping
        assert not batcher.alive

    asyncio.run(run())


def test_a_single_thread_has_all_cores() -> None:
    model = Recorder()
    batcher = batcher_of(model, [], lambda: 1)

    async def run() -> None:
        batcher.start()
        await asyncio.gather(*(batcher.answer(picture(n), heat=False) for n in range(4)))
        await batcher.stop()

    asyncio.run(run())
    assert model.beside == [False]
