"""The server's application without a network: an event loop in a thread, and plain calls from the test."""

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Any, TypeVar

import httpx
from fastapi import FastAPI

from tellapart.deploy.runtime import Model
from tellapart.deploy.server import ServerSettings, make_app
from tellapart.deploy.serving.service import Service

T = TypeVar("T")
HERE = "http://127.0.0.1:8000"


class Client:
    """Speaks to an application that runs in another thread."""

    def __init__(self, app: FastAPI, loop: asyncio.AbstractEventLoop) -> None:
        self.app, self.loop = app, loop
        self.service: Service = app.state.service
        self._client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=HERE, timeout=60)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run something in the application's loop, and wait for it."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(timeout=120)

    def ask(self, method: str, path: str, **given: Any) -> httpx.Response:
        """One request."""
        return self.run(self.ask_async(method, path, **given))

    async def ask_async(self, method: str, path: str, **given: Any) -> httpx.Response:
        """One request, from within the loop."""
        return await self._client.request(method, path, **given)

    def get(self, path: str, **given: Any) -> httpx.Response:
        """GET."""
        return self.ask("GET", path, **given)

    def post(self, path: str, **given: Any) -> httpx.Response:
        """POST."""
        return self.ask("POST", path, **given)

    def close(self) -> None:
        """End the client."""
        self.run(self._client.aclose())


@contextmanager
def serving(model: Model, settings: ServerSettings) -> Iterator[Client]:
    """An application with its workers, for the length of a block."""
    app = make_app(model, settings)
    with _loop() as loop:
        client = Client(app, loop)
        life = app.router.lifespan_context(app)
        client.run(life.__aenter__())
        try:
            yield client
        finally:
            client.run(life.__aexit__(None, None, None))
            client.close()


@contextmanager
def _loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    thread = Thread(target=loop.run_forever, name="application")
    thread.start()
    try:
        yield loop
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()
