"""A server whose every word a test can choose, for the page alone; and any application run in a thread."""

import io
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Thread
from typing import Any

import uvicorn
from PIL import Image
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from tellapart.deploy.serving.pages import START, Pages
from tellapart.deploy.serving.security import HEADERS
from tellapart.errors import UnreadablePhotoError
from tellapart.photos.decode import decode

CLASSES = ("chair", "sofa", "table")
RED, GREEN, BLUE = (200, 20, 20), (20, 180, 20), (20, 20, 200)  # a sure chair, an unsure sofa, a stranger
TEST = {"n": 178, "accuracy": 0.972, "accuracy_low": 0.936, "accuracy_high": 0.988, "macro_f1": 0.973}


@dataclass
class Plan:
    """What the server says, and what it was asked.

    Attributes:
        classes: Three names.
        heat: Whether it tells heat maps.
        token: What a request has to show.
        busy: So many requests are turned away first.
        least: The least share of wrong answers that can be promised.
        status: With which /predict fails, 0 for none.
        seconds: How long an answer takes.
        asked: The query of each request for answers, and how many photos it had.
    """

    classes: tuple[str, ...] = CLASSES
    heat: bool = True
    token: str = ""
    busy: int = 0
    least: float = 0.02
    status: int = 0
    seconds: float = 0.0
    asked: list[tuple[dict[str, str], int]] = field(default_factory=list)

    def model(self) -> dict[str, Any]:
        """What /model tells."""
        limits = {
            "body_megabytes": 10, "photo_megapixels": 25, "photos_per_request": 16, "deadline_seconds": 10,
            "formats": ["JPEG", "PNG", "WebP", "BMP", "GIF", "TIFF"],
        }  # fmt: skip
        return {
            "name": "furniture", "classes": self.classes, "recipe": "bottleneck", "backbone": "mobilenet_v2",
            "licence": "Apache-2.0", "image_size": 224, "geometry": "squash", "scores": {"test": TEST},
            "fingerprints": {"photos": "0" * 64}, "knows_strangers": True, "has_sets": True, "has_heat": self.heat,
            "limits": limits, "stranger_false_alarms": 0.05, "version": "0.1.0",
        }  # fmt: skip

    def answer(self, content: bytes, reject: float | None, *, heat: bool) -> dict[str, Any]:
        """What it says of a photo, by its colour."""
        try:
            red, green, blue = decode(content).resize((1, 1)).getpixel((0, 0))  # type: ignore[misc]
        except UnreadablePhotoError as problem:
            return {"error": str(problem)}
        first, second, third = self.classes[:3]
        shares = {first: 0.942, second: 0.05, third: 0.008}
        if green > max(red, blue):
            shares = {first: 0.31, second: 0.61, third: 0.08}
        top = max(shares, key=lambda name: shares[name])
        unsure = reject is not None and shares[top] < 0.9
        return {
            "answer": "none of these" if blue > max(red, green) else "not sure" if unsure else top,
            "predicted": top,
            "probabilities": shares,
            "set": [name for name in self.classes if shares.get(name, 0) > 0.2],
            "stranger": 3.1 if blue > max(red, green) else 0.4,
            "heat": {"rows": 3, "columns": 3, "values": [1, 0.2, 0, 0.2, 0, 0, 0, 0, 0], "covers": [0, 0, 1, 1]}
            if heat and self.heat
            else None,
        }


def app_of(plan: Plan) -> Starlette:
    """The application: the real files and headers of the page, and answers by plan."""
    pages = Pages()

    def locked(request: Request) -> Response | None:
        if plan.token and request.headers.get("authorization") != f"Bearer {plan.token}":
            return JSONResponse({"error": "the token is wrong"}, 401, {"WWW-Authenticate": "Bearer"})
        return None

    async def model(request: Request) -> Response:
        time.sleep(plan.seconds)
        return locked(request) or JSONResponse(plan.model())

    async def predict(request: Request) -> Response:
        refused = locked(request) or _refusal(plan, request)
        if refused:
            return refused
        query = dict(request.query_params)
        async with request.form() as form:
            photos = [await part.read() for _, part in form.multi_items() if not isinstance(part, str)]
        plan.asked.append((query, len(photos)))
        time.sleep(plan.seconds)
        reject = float(query["reject"]) if "reject" in query else None
        answers = [plan.answer(photo, reject, heat=query.get("heat") == "true") for photo in photos]
        return JSONResponse({"answers": answers}, 200 if any("answer" in one for one in answers) else 422)

    async def static(request: Request) -> Response:
        return pages.response(request.path_params.get("name", START))

    routes = [Route("/", static), Route("/static/{name}", static), Route("/model", model)]
    app = Starlette(routes=[*routes, Route("/predict", predict, methods=["POST"])])
    app.add_middleware(_WithHeaders)
    return app


def _refusal(plan: Plan, request: Request) -> Response | None:
    if plan.busy:
        plan.busy -= 1
        return JSONResponse({"error": "the queue is full"}, 429, {"Retry-After": "1"})
    if plan.status:
        return JSONResponse({"error": "the deadline passed"}, plan.status)
    if float(request.query_params.get("reject", 1)) < plan.least:
        line = f"An error rate of 0.01 cannot be promised. Accepted: {plan.least:g} or more. Next: give that."
        return JSONResponse({"error": line}, 400)
    return None


class _WithHeaders:
    """The headers of the real server, its content policy before all."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_more(message: Any) -> None:
            if message["type"] == "http.response.start":
                message["headers"] += [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]
            await send(message)

        await self._app(scope, receive, send_more)


@contextmanager
def running(app: ASGIApp, port: int = 0) -> Iterator[str]:
    """Run an application in a thread; its address, until the block ends."""
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="critical", timeout_graceful_shutdown=1))
    thread = Thread(target=server.run, daemon=True)
    thread.start()
    until = time.monotonic() + 30
    while not server.started and thread.is_alive() and time.monotonic() < until:
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/"
    finally:
        server.should_exit = True
        thread.join(10)


def file_of(name: str, colour: tuple[int, int, int] = RED, *, kind: str = "PNG", **options: Any) -> dict[str, Any]:
    """A photo of one colour, 60 wide and 40 high, as Playwright gives a file to a page."""
    buffer = io.BytesIO()
    Image.new("RGB", (60, 40), colour).save(buffer, kind, **options)
    return {"name": name, "mimeType": f"image/{kind.lower()}", "buffer": buffer.getvalue()}
