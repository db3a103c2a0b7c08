import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import TypeVar

import numpy as np
import pytest

from photo_maker import png_of
from served_model import photo_bytes
from tellapart.deploy.serving.decoding import DecodingPool, _environment
from tellapart.deploy.serving.decoding_worker import PHOTO, TENSORS
from tellapart.deploy.serving.inference_request import TensorsError
from tellapart.deploy.serving.meters import Metrics
from tellapart.deploy.serving.options import ServerSettings
from tellapart.errors import UnreadablePhotoError
from tellapart.photos.pixels import PixelSpec

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals of Unix")
T = TypeVar("T")


def with_pool(settings: ServerSettings, work: Callable[[DecodingPool, Metrics], Awaitable[T]]) -> T:
    async def run() -> T:
        metrics = Metrics()
        pool = DecodingPool(PixelSpec(16), settings, metrics)
        await pool.start()
        try:
            return await work(pool, metrics)
        finally:
            await pool.stop()
            assert pool.alive == 0

    return asyncio.run(run())


def deaths(metrics: Metrics) -> float:
    return metrics.registry.get_sample_value("tellapart_worker_deaths_total") or 0.0


def test_a_worker_does_not_get_the_token() -> None:
    found = _environment({"TELLAPART_TOKEN": "secret", "PATH": "/bin", "OMP_NUM_THREADS": "8"})
    assert "secret" not in found.values()
    assert (found["PATH"], found["OMP_NUM_THREADS"]) == ("/bin", "1")


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not true():
            await asyncio.sleep(0.01)


def test_photos_are_decoded_by_all_workers() -> None:
    async def work(pool: DecodingPool, metrics: Metrics) -> None:
        found = await asyncio.gather(*(pool.decode(PHOTO, photo_bytes((n, 0, 0))) for n in range(20)))
        assert [int(one.pixels[0, 0, 0]) for one in found] == list(range(20))
        assert found[0].facts["width"] == 24
        with pytest.raises(UnreadablePhotoError, match="not a photo"):
            await pool.decode(PHOTO, b"junk")
        with pytest.raises(TensorsError, match="not JSON"):
            await pool.decode(TENSORS, b"junk")
        assert deaths(metrics) == 0

    with_pool(ServerSettings(workers=2), work)


def test_a_worker_that_is_killed_takes_one_photo_with_it() -> None:
    async def work(pool: DecodingPool, metrics: Metrics) -> None:
        (worker,) = pool.process_ids
        os.kill(worker, signal.SIGSTOP)  # it has the photo, and does not get on with it
        lost = asyncio.create_task(pool.decode(PHOTO, photo_bytes()))
        others = [asyncio.create_task(pool.decode(PHOTO, photo_bytes())) for _ in range(3)]
        await asyncio.sleep(0.1)
        os.kill(worker, signal.SIGKILL)  # as the system does where memory is short
        since = monotonic()
        with pytest.raises(UnreadablePhotoError, match="broke off"):
            await lost
        assert monotonic() - since < 5
        assert len(await asyncio.gather(*others)) == 3
        assert worker not in pool.process_ids
        assert deaths(metrics) == 1

    with_pool(ServerSettings(workers=1), work)


def test_a_worker_that_dies_with_nothing_to_do_costs_no_photo() -> None:
    async def work(pool: DecodingPool, metrics: Metrics) -> None:
        for worker in pool.process_ids:
            os.kill(worker, signal.SIGKILL)
        await until(lambda: deaths(metrics) == 1)
        assert np.all((await pool.decode(PHOTO, photo_bytes((9, 9, 9)))).pixels == 9)
        await until(lambda: pool.alive == 1)

    with_pool(ServerSettings(workers=1), work)


def test_a_photo_that_takes_too_long_ends_its_worker() -> None:
    async def work(pool: DecodingPool, metrics: Metrics) -> None:
        (worker,) = pool.process_ids
        os.kill(worker, signal.SIGSTOP)
        began = monotonic()
        with pytest.raises(UnreadablePhotoError, match=r"over 0\.3 s"):
            await pool.decode(PHOTO, photo_bytes())
        assert monotonic() - began < 5
        await until(lambda: pool.process_ids not in ([], [worker]))
        assert deaths(metrics) == 1

    with_pool(ServerSettings(workers=1, decode_seconds=0.3), work)


def test_a_request_that_is_given_up_leaves_the_worker_in_peace() -> None:
    async def work(pool: DecodingPool, metrics: Metrics) -> None:
        (worker,) = pool.process_ids
        os.kill(worker, signal.SIGSTOP)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await pool.decode(PHOTO, photo_bytes())
        os.kill(worker, signal.SIGCONT)
        assert np.all((await pool.decode(PHOTO, photo_bytes((7, 7, 7)))).pixels == 7)
        assert (pool.process_ids, deaths(metrics)) == ([worker], 0)

    with_pool(ServerSettings(workers=1), work)


@pytest.mark.skipif(sys.platform != "linux", reason="the limit is Linux's")
def test_a_photo_that_takes_too_much_memory_is_an_error_and_no_more() -> None:
    async def work(pool: DecodingPool, metrics: Metrics) -> None:
        with pytest.raises(UnreadablePhotoError):
            await pool.decode(PHOTO, png_of(5000, 4900))
        assert deaths(metrics) == 0
        assert (await pool.decode(PHOTO, photo_bytes())).facts["height"] == 18

    with_pool(ServerSettings(workers=1, worker_megabytes=150), work)
