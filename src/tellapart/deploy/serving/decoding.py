"""Workers that decode, each a process of its own: one that dies takes one photo with it, and is replaced."""

import asyncio
import json
import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from tellapart.deploy.serving import decoding_worker
from tellapart.deploy.serving.inference_request import TensorsError
from tellapart.deploy.serving.meters import Metrics
from tellapart.deploy.serving.options import VARIABLE, ServerSettings
from tellapart.errors import UnreadablePhotoError
from tellapart.photos.pixels import PixelSpec

_START_SECONDS: Final = 60  # on a machine with much else to do
_PAUSE_SECONDS: Final = 0.5  # before a worker that cannot even start is tried again
_PIPE_BYTES: Final = 4 << 20  # the pixels of a photo arrive in one piece


@dataclass(frozen=True)
class Decoded:
    """What a worker made of some bytes.

    Attributes:
        facts: Width and height of a photo, or what a request of tensors asked for.
        pixels: Shape (size, size, 3), or (photos, size, size, 3) of tensors.
    """

    facts: dict[str, Any]
    pixels: np.ndarray


class _Worker:
    """One process and its two pipes."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("a worker without pipes")
        self.process = process
        self._to, self._from = process.stdin, process.stdout

    @property
    def alive(self) -> bool:
        return self.process.returncode is None

    async def read(self) -> tuple[dict[str, Any], bytes]:
        head = await self._from.readexactly(decoding_worker.ANSWER.size)
        n_text, n_data = decoding_worker.ANSWER.unpack(head)
        text = await self._from.readexactly(n_text)
        return json.loads(text), await self._from.readexactly(n_data) if n_data else b""

    async def ask(self, kind: bytes, content: bytes) -> tuple[dict[str, Any], bytes]:
        self._to.write(decoding_worker.TASK.pack(kind, len(content)))
        self._to.write(content)
        await self._to.drain()
        return await self.read()

    def kill(self) -> None:
        if self.alive:
            with suppress(ProcessLookupError):
                self.process.kill()

    async def end(self) -> None:
        self.kill()
        with suppress(ConnectionError):
            self._to.close()
            await self._to.wait_closed()
        await self.process.wait()


class DecodingPool:
    """Some workers, as many as are set, each replaced when it dies.

    Args:
        spec: What pixels the network takes.
        settings: How many workers, and what they may use.
        metrics: Counts the deaths.
    """

    def __init__(self, spec: PixelSpec, settings: ServerSettings, metrics: Metrics) -> None:
        self._settings, self._metrics = settings, metrics
        told = {
            "pixels": spec.as_dict(),
            "megapixels": settings.photo_megapixels,
            "photos": settings.photos_per_request,
            "memory_megabytes": settings.worker_megabytes,
        }
        # -P: no module is taken from the folder that the server was started in.
        self._command = (sys.executable, "-P", "-m", decoding_worker.__name__, json.dumps(told))
        self._idle: asyncio.Queue[_Worker] = asyncio.Queue()
        self._workers: set[_Worker] = set()
        self._keepers: list[asyncio.Task[None]] = []
        self._asked: set[asyncio.Task[Decoded]] = set()

    @property
    def alive(self) -> int:
        """How many workers are there."""
        return sum(worker.alive for worker in self._workers)

    @property
    def process_ids(self) -> list[int]:
        """Of the workers that are there."""
        return [worker.process.pid for worker in self._workers if worker.alive]

    async def start(self) -> None:
        """Start the workers, and wait until the first can work."""
        self._keepers = [asyncio.create_task(self._keep_one()) for _ in range(self._settings.workers)]
        async with asyncio.timeout(_START_SECONDS):
            self._idle.put_nowait(await self._idle.get())

    async def stop(self) -> None:
        """End the workers."""
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)
        await asyncio.gather(*self._asked, return_exceptions=True)

    async def decode(self, kind: bytes, content: bytes) -> Decoded:
        """Have a worker turn bytes into pixels.

        Args:
            kind: `decoding_worker.PHOTO` or `TENSORS`.
            content: The bytes.

        Raises:
            UnreadablePhotoError: It cannot be decoded, takes too long, or its worker died of it.
            TensorsError: The same of tensors.
        """
        worker = await self._idle.get()
        while not worker.alive:  # it died with nothing to do; its keeper starts another
            worker = await self._idle.get()
        # A request that is given up leaves its worker in peace: that ends the task and is free again.
        task = asyncio.create_task(self._ask(worker, kind, content))
        self._asked.add(task)
        task.add_done_callback(self._forget)
        return await asyncio.shield(task)

    def _forget(self, task: asyncio.Task[Decoded]) -> None:
        self._asked.discard(task)
        if not task.cancelled():
            task.exception()  # it is told to whoever still waits

    async def _ask(self, worker: _Worker, kind: bytes, content: bytes) -> Decoded:
        problem = TensorsError if kind == decoding_worker.TENSORS else UnreadablePhotoError
        try:
            async with asyncio.timeout(self._settings.decode_seconds):
                facts, data = await worker.ask(kind, content)
        except TimeoutError:
            worker.kill()
            raise problem(f"it takes over {self._settings.decode_seconds:g} s to decode") from None
        except (asyncio.IncompleteReadError, ConnectionError):
            worker.kill()
            raise problem("its decoder broke off in the middle of it") from None
        self._idle.put_nowait(worker)
        if "error" in facts:
            raise problem(facts["error"])
        return Decoded(facts, np.frombuffer(data, facts["dtype"]).reshape(facts["shape"]))

    async def _keep_one(self) -> None:
        """See to it that there is one worker more, as long as the server runs."""
        while True:
            process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                limit=_PIPE_BYTES,
                env=_environment(os.environ),
            )
            worker = _Worker(process)
            try:
                await self._serve(worker)
            finally:
                self._workers.discard(worker)
                await worker.end()
            self._metrics.worker_deaths.inc()

    async def _serve(self, worker: _Worker) -> None:
        try:
            await worker.read()
        except (asyncio.IncompleteReadError, ConnectionError):
            await asyncio.sleep(_PAUSE_SECONDS)
            return
        self._workers.add(worker)
        self._idle.put_nowait(worker)
        await worker.process.wait()


def _environment(inherited: Mapping[str, str]) -> dict[str, str]:
    """One thread a worker, as there is one worker a core; and without the token, should a photo ever take one over."""
    single = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    return {name: value for name, value in {**inherited, **single}.items() if name != VARIABLE}
