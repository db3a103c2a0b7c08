"""What every request passes: its checks, its place in the queue, its headers and its line in the metrics."""

import logging
from time import perf_counter
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tellapart.deploy.serving.refusals import RefusedError
from tellapart.deploy.serving.security import HEADERS, Guard
from tellapart.deploy.serving.service import Service

TICKET: Final = "tellapart.ticket"
_SECURE: Final = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]
_UNKEPT: Final = (b"cache-control", b"no-store")
_PLAIN: Final = frozenset({"/", "/predict", "/model", "/metrics", "/healthz", "/readyz", "/v2"})
_log = logging.getLogger("tellapart.server")


class Gate:
    """Middleware around all routes, in plain ASGI: it must stay cheap where requests are refused by the thousand.

    Args:
        app: What lies behind.
        service: Its queue, metrics and settings.
    """

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self._app, self._service = app, service
        self._guard = Guard(service.settings)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = perf_counter()
        answer = _Answer(send)
        try:
            await self._serve(scope, receive, answer)
        except RefusedError as refusal:
            await refusal.response()(scope, receive, answer.send)
        except Exception:
            _log.exception("an answer failed")
            if answer.status == 0:
                await RefusedError(500, "the server failed at this; its log says more").response()(
                    scope, receive, answer.send
                )
        self._service.metrics.requests.labels(_route_of(scope), str(answer.status)).inc()
        self._service.metrics.took("request", perf_counter() - began)

    async def _serve(self, scope: Scope, receive: Receive, answer: "_Answer") -> None:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        self._guard.check(scope["method"], scope["path"], headers)
        if scope["method"] != "POST":  # those alone bring photos; which address they are for, the routes know best
            await self._app(scope, receive, answer.send)
            return
        ticket = self._service.admission.enter()
        try:
            scope[TICKET] = ticket
            await self._app(scope, receive, answer.send)
        finally:
            ticket.leave()


class _Answer:
    """Passes an answer on, with the headers that every answer has."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.status = 0

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            given: list[tuple[bytes, bytes]] = list(message.get("headers", []))
            kept = [] if any(name == b"cache-control" for name, _ in given) else [_UNKEPT]
            message = {**message, "headers": [*given, *_SECURE, *kept]}
        await self._send(message)


def _route_of(scope: Scope) -> str:
    """The template of a route, which are few; what was typed could be anything."""
    route = scope.get("route")
    if route is not None:
        return str(getattr(route, "path", "other"))
    return str(scope["path"]) if scope["path"] in _PLAIN else "other"
