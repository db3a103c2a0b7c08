"""The application behind a socket: uvicorn, with patience limited and a stop that leaves nobody unanswered."""

import asyncio
import logging
import socket
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import Any, Final, Protocol

import h11
import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol

from tellapart.deploy.serving.security import HEADERS
from tellapart.deploy.serving.service import Service
from tellapart.errors import OptionError, UserError

HEADER_SECONDS: Final = 10.0  # from an open connection, or the first byte of a request, to the end of its headers
MOST_CONNECTIONS: Final = 512
KEEP_ALIVE_SECONDS: Final = 65  # longer than the 60 s of usual proxies, so that these close first
_LAST_SECONDS: Final = 5  # for connections that do not end by themselves, once all is answered


class Handle(Protocol):
    """What a started timer gives."""

    def cancel(self) -> None:
        """Stop it."""
        ...


class PatientProtocol(H11Protocol):
    """HTTP/1.1 with a limit to the time that headers may take, and to the number of connections.

    Uvicorn itself waits for ever for a request that trickles in.
    """

    _clock: Handle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a connection, or turn it away where there are too many."""
        super().connection_made(transport)
        if len(self.connections) > MOST_CONNECTIONS:
            transport.abort()
            return
        # asyncio does this for its own sockets alone. Without it the body of a small answer waits for the sender's
        # word that the head has come, 40 ms later.
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._clock = self.loop.call_later(HEADER_SECONDS, self._give_up)

    def data_received(self, data: bytes) -> None:
        """Take bytes; the clock runs wherever a request has begun and its headers are not whole."""
        super().data_received(data)
        waiting = self.cycle is None or self.cycle.response_complete
        if not waiting:
            self._stop_clock()
        elif self._clock is None and not self.transport.is_closing():
            self._clock = self.loop.call_later(HEADER_SECONDS, self._give_up)

    def connection_lost(self, exc: Exception | None) -> None:
        """Let a connection go."""
        self._stop_clock()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002  uvicorn calls it
        """Answer what is no HTTP, in JSON and with the headers of every other answer."""
        body = b'{"error":"the request is not HTTP/1.1 as it should be"}'
        headers = [(name.lower(), value) for name, value in HEADERS.items()]
        headers += [("content-type", "application/json"), ("content-length", str(len(body))), ("connection", "close")]
        with suppress(h11.LocalProtocolError):  # an answer is on its way already
            for event in (h11.Response(status_code=400, headers=headers), h11.Data(data=body), h11.EndOfMessage()):
                self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    def _give_up(self) -> None:
        self._clock = None
        self.transport.abort()

    def _stop_clock(self) -> None:
        if self._clock is not None:
            self._clock.cancel()
            self._clock = None


class _Server(uvicorn.Server):
    """Stops in two steps: nothing new is let in, and when all that was let in is answered, the sockets close."""

    def __init__(self, config: uvicorn.Config, service: Service) -> None:
        super().__init__(config)
        self._service = service

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002  uvicorn calls it
        """Begin to stop; a second signal stops at once."""
        if self._service.admission.stopping:
            self.should_exit = self.force_exit = True
        self._service.admission.stopping = True

    async def on_tick(self, counter: int) -> bool:
        """Look whether it is time to end."""
        leave = await super().on_tick(counter)
        admission = self._service.admission
        return leave or (admission.stopping and admission.photos == 0)


def open_socket(host: str, port: int) -> socket.socket:
    """Listen at an address.

    Raises:
        OptionError: There is no such address here, or the port is taken.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(address[:2], family=family, backlog=256)
    except (OSError, OverflowError) as problem:
        reason = getattr(problem, "strerror", None) or str(problem)
        raise OptionError(
            f"{host}, port {port}: {reason.lower()}. Accepted: an address of this machine and a free port. "
            f"Next: --port {port + 1 if 0 < port < 65535 else 8000}"
        ) from problem


def run_server(app: FastAPI, listener: socket.socket, started: Callable[[], None]) -> None:
    """Serve until a signal ends it; what was let in is answered first.

    Args:
        app: Of `make_app`.
        listener: Of `open_socket`.
        started: Called once photos are answered.

    Raises:
        UserError: Its workers did not start.
    """
    service: Service = app.state.service
    logging.getLogger("python_multipart").setLevel(logging.CRITICAL)  # it tells of every odd byte that is sent
    config = uvicorn.Config(
        _Announced(app, started),
        http=PatientProtocol,
        ws="none",
        log_config=None,
        log_level="critical",  # of every line that is no HTTP there would be one
        access_log=False,
        server_header=False,
        proxy_headers=False,
        lifespan="on",
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=_LAST_SECONDS,
    )
    try:
        _Server(config, service).run(sockets=[listener])
    except SystemExit as problem:  # uvicorn's way to say that the application did not start; its log has the reason
        raise UserError(
            "The server's workers did not start. Accepted: a machine with memory and time for them. Next: --workers 1"
        ) from problem


class _Announced:
    """The application, and a word when its start is complete."""

    def __init__(self, app: FastAPI, started: Callable[[], None]) -> None:
        self._app, self._started = app, started

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "lifespan":
            await self._app(scope, receive, send)
            return

        async def announce(message: Any) -> None:
            await send(message)
            if message["type"] == "lifespan.startup.complete":
                self._started()

        await self._app(scope, receive, announce)
