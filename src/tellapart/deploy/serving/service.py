"""What stands behind the addresses: the model, its workers, its queue, put together."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, Final, TypeVar

import numpy as np

from tellapart.deploy.runtime import HEAT, PROBABILITIES, STRANGER, Answer, Model
from tellapart.deploy.serving.admission import Admission, Ticket
from tellapart.deploy.serving.batching import Batcher
from tellapart.deploy.serving.decoding import Decoded, DecodingPool
from tellapart.deploy.serving.decoding_worker import PHOTO, TENSORS
from tellapart.deploy.serving.inference_request import TensorsError
from tellapart.deploy.serving.meters import Metrics
from tellapart.deploy.serving.options import ServerSettings
from tellapart.deploy.serving.photo_answers import as_json
from tellapart.deploy.serving.refusals import RefusedError, leaving
from tellapart.errors import UnreadablePhotoError

T = TypeVar("T")
_GREY: Final = 128


class Service:
    """Answers photos for as many requests as are let in.

    Args:
        model: Loaded and checked.
        settings: Limits and sizes.

    Attributes:
        has_heat: Whether the model file tells heat maps.
        outputs: What it tells: probabilities, stranger, heat.
    """

    def __init__(self, model: Model, settings: ServerSettings) -> None:
        self.model, self.settings = model, settings
        self.metrics = Metrics()
        self.admission = Admission(settings)
        first = _try(model)
        self.has_heat = first.heat is not None
        self.outputs = (PROBABILITIES, *([STRANGER] if first.stranger is not None else []), *([HEAT] * self.has_heat))
        self._decoding = 0
        self._pool: DecodingPool | None = None
        self._batcher: Batcher | None = None
        self.metrics.watch(
            "tellapart_photos_under_way", "Photos let in and not answered.", lambda: self.admission.photos
        )
        self.metrics.watch("tellapart_queue_photos", "Photos that wait for the network.", lambda: self.waiting)
        self.metrics.watch("tellapart_workers", "Decoding workers that live.", lambda: len(self.worker_ids))

    @property
    def waiting(self) -> int:
        """Photos that wait for the network."""
        return self._batcher.length if self._batcher else 0

    @property
    def worker_ids(self) -> list[int]:
        """Process ids of the decoding workers that live."""
        return self._pool.process_ids if self._pool else []

    @property
    def ready(self) -> bool:
        """Whether photos are answered now."""
        running = self._batcher is not None and self._batcher.alive
        return running and bool(self.worker_ids) and not self.admission.stopping

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Workers and thread, as long as the block runs; what was let in is answered before they end."""
        batcher = Batcher(
            self.model, self.settings, metrics=self.metrics, coming=lambda: self._decoding, learn=self.admission.learn
        )
        pool = DecodingPool(self.model.spec, self.settings, self.metrics)
        try:
            await pool.start()
            batcher.start()
            self._pool, self._batcher = pool, batcher
            self.admission.stopping = False
            yield
        finally:
            self.admission.stopping = True
            if batcher.alive:
                await batcher.stop()
            await pool.stop()
            self._pool = self._batcher = None

    async def answer_photos(self, photos: list[bytes], *, threshold: float, heat: bool) -> list[dict[str, Any]]:
        """Answer photos in their order; one that cannot be read has an error instead.

        Raises:
            RefusedError: 504, the deadline has passed.
        """
        return await self._in_time([self._answer_photo(content, threshold, heat) for content in photos])

    async def answer_tensors(self, body: bytes, ticket: Ticket) -> tuple[dict[str, Any], list[Answer]]:
        """Answer a request of the Open Inference Protocol.

        Args:
            body: JSON.
            ticket: Counts the photos, once they are known.

        Returns:
            What it asked for, and an answer for each photo, with heat where the file has it.

        Raises:
            RefusedError: 400 for another tensor, 429 for no room, 504 where the deadline has passed.
        """
        (found,) = await self._in_time([self._answer_tensors(body, ticket)])
        return found

    async def _in_time(self, work: list[Coroutine[Any, Any, T]]) -> list[T]:
        try:
            async with asyncio.timeout(self.settings.deadline_seconds):
                return await asyncio.gather(*work)
        except TimeoutError:
            raise RefusedError(504, f"no answer within {self.settings.deadline_seconds:g} s; try again later") from None

    async def _answer_photo(self, content: bytes, threshold: float, heat: bool) -> dict[str, Any]:
        pool, batcher = self._parts()
        try:
            decoded = await self._decode(pool, PHOTO, content)
        except UnreadablePhotoError as problem:
            self.metrics.photos.labels("unreadable").inc()
            return {"error": str(problem)}
        answer = await batcher.answer(decoded.pixels, heat=heat)
        size = decoded.facts["width"], decoded.facts["height"]
        told = as_json(self.model, answer, size=size, threshold=threshold, heat=heat)
        self.count(told["answer"])
        return told

    async def _answer_tensors(self, body: bytes, ticket: Ticket) -> tuple[dict[str, Any], list[Answer]]:
        pool, batcher = self._parts()
        try:
            decoded = await self._decode(pool, TENSORS, body)
        except TensorsError as problem:
            raise RefusedError(400, str(problem)) from None
        ticket.take(len(decoded.pixels))
        wanted = decoded.facts["outputs"]
        if not set(wanted) <= set(self.outputs):
            raise RefusedError(400, f"an output of another name is asked for; accepted: {', '.join(self.outputs)}")
        heat = self.has_heat and (not wanted or HEAT in wanted)
        answers = await asyncio.gather(*(batcher.answer(one, heat=heat) for one in decoded.pixels))
        for answer in answers:
            self.count(answer.answer)
        return decoded.facts, answers

    def count(self, answer: str) -> None:
        """Count a photo by kind of answer; a class is just that, so that class names are no labels."""
        kind = "class" if answer in self.model.classes else answer
        self.metrics.photos.labels(kind).inc()

    def _parts(self) -> tuple[DecodingPool, Batcher]:
        if self._pool is None or self._batcher is None:
            raise leaving()
        return self._pool, self._batcher

    async def _decode(self, pool: DecodingPool, kind: bytes, content: bytes) -> Decoded:
        self._decoding += 1
        try:
            with self.metrics.timed("decode"):
                return await pool.decode(kind, content)
        finally:
            self._decoding -= 1


def _try(model: Model) -> Answer:
    """Answer a grey photo in every way: the first pass takes longest, and shows what the model file tells."""
    grey = np.full((1, model.spec.size, model.spec.size, 3), _GREY, dtype=np.uint8)
    model.answer_pixels(grey, beside=True)
    return model.answer_pixels(grey, heat=True)[0]
