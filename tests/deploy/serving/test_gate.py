import asyncio
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from served_model import served_model
from tellapart.deploy.serving.gate import TICKET, Gate
from tellapart.deploy.serving.options import ServerSettings
from tellapart.deploy.serving.security import HEADERS
from tellapart.deploy.serving.service import Service


def through(
    app: Any, path: str = "/predict", service: Service | None = None, method: str = "POST"
) -> tuple[int, dict[str, str]]:
    """The status and the headers of an answer."""
    gate = Gate(app, service or Service(served_model(), ServerSettings()))
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "http.request", "body": b""}

    scope = {"type": "http", "method": method, "path": path, "headers": [(b"host", b"localhost")]}
    asyncio.run(gate(scope, receive, send))
    return sent[0]["status"], {name.decode(): value.decode() for name, value in sent[0]["headers"]}


async def keeps(_: Scope, receive: Receive, send: Send) -> None:
    assert (await receive())["type"] == "http.request"
    await send({"type": "http.response.start", "status": 200, "headers": [(b"cache-control", b"no-cache")]})
    await send({"type": "http.response.body", "body": b""})


async def fails(*_: object) -> None:
    raise KeyError("a secret of the inside")


async def fails_halfway(scope: Scope, receive: Receive, send: Send) -> None:
    await keeps(scope, receive, send)
    raise KeyError("late")


def test_every_answer_has_the_headers_and_what_is_cached_says_so() -> None:
    _, headers = through(keeps)
    assert {name.lower(): value for name, value in HEADERS.items()}.items() <= headers.items()
    assert headers["cache-control"] == "no-cache"


@pytest.mark.parametrize(("app", "status"), [(fails, 500), (fails_halfway, 200)])
def test_a_fault_is_logged_and_not_told(app: Any, status: int, caplog: pytest.LogCaptureFixture) -> None:
    service = Service(served_model(), ServerSettings())
    found, headers = through(app, service=service)
    assert found == status
    assert headers["content-security-policy"]
    assert "KeyError" in caplog.text
    assert service.admission.photos == 0


def test_only_work_takes_a_place_in_the_queue() -> None:
    held: list[Any] = []

    async def notes(scope: Scope, receive: Receive, send: Send) -> None:
        held.append(scope.get(TICKET))
        await keeps(scope, receive, send)

    service = Service(served_model(), ServerSettings(name="shop"))
    for path in ("/predict", "/v2/models/shop/infer", "/predict\n"):
        through(notes, path, service)
        assert held.pop() is not None
    through(notes, "/model", service, method="GET")
    assert held == [None]
    assert service.admission.photos == 0
