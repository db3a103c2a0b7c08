"""A server of its own process, over real sockets: signals, slow senders, what is no HTTP."""

import asyncio
import json
import os
import signal
import socket
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
import uvicorn
from uvicorn.server import ServerState

from running_server import Running
from served_model import photo_bytes, served_content, served_model
from tellapart.deploy.server import ServerSettings, make_app
from tellapart.deploy.serving import decoding
from tellapart.deploy.serving.running import PatientProtocol, open_socket, run_server
from tellapart.errors import OptionError, UserError

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals of Unix")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("served") / "slow.onnx"
    file.write_bytes(served_content())
    return file


@pytest.fixture(scope="module")
def quick(place: Path) -> Iterator[Running]:
    running = Running(place, 0)
    yield running
    running.close()


@pytest.fixture
def doomed(place: Path) -> Iterator[Running]:
    running = Running(place, 0)
    yield running
    running.close()


def test_a_stop_while_busy_answers_and_says_503_to_the_next(place: Path) -> None:
    running = Running(place, 0.8)
    try:
        with httpx.Client(base_url=running.address, timeout=30) as client, ThreadPoolExecutor(1) as pool:
            kind = {"Content-Type": "image/png"}
            waiting = pool.submit(
                httpx.post, f"{running.address}/predict", content=photo_bytes(), headers=kind, timeout=30
            )
            while "tellapart_photos_under_way 1" not in client.get("/metrics").text:
                time.sleep(0.01)
            running.process.send_signal(signal.SIGTERM)
            time.sleep(0.2)
            assert client.get("/readyz").status_code == 503
            assert client.get("/healthz").status_code == 200
            late = client.post("/predict", content=photo_bytes(), headers=kind)
            assert late.status_code == 503
            assert late.headers["retry-after"]
            assert waiting.result().status_code == 200
        assert running.end() == "ended\n"
        assert running.process.returncode == 0
    finally:
        running.close()


def test_workers_do_not_outlive_a_server_that_is_killed(doomed: Running) -> None:
    if not Path("/proc").is_dir():
        pytest.skip("there is no /proc to see processes in")
    children = (
        Path(f"/proc/{doomed.process.pid}/task/{doomed.process.pid}/children").read_text(encoding="ascii").split()
    )
    assert children
    doomed.process.kill()
    doomed.process.wait()
    until = time.monotonic() + 20
    while any(_runs(child) for child in children) and time.monotonic() < until:
        time.sleep(0.02)
    assert not any(_runs(child) for child in children)


def _runs(process: str) -> bool:
    """Whether a process is there and not merely unburied."""
    try:
        return " Z " not in Path(f"/proc/{process}/stat").read_text(encoding="ascii")
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_a_killed_worker_is_replaced_while_photos_are_answered(quick: Running) -> None:
    if not Path("/proc").is_dir():
        pytest.skip("there is no /proc to see processes in")
    with httpx.Client(base_url=quick.address, timeout=30) as client:
        for number in range(1, 4):
            children = Path(f"/proc/{quick.process.pid}/task/{quick.process.pid}/children").read_text(encoding="ascii")
            os.kill(int(children.split()[0]), signal.SIGKILL)
            answer = client.post("/predict", content=photo_bytes(), headers={"Content-Type": "image/png"})
            assert answer.status_code in {200, 422}  # at most the photo that it had in hand
            until = time.monotonic() + 30
            while f"tellapart_worker_deaths_total {number}.0" not in client.get("/metrics").text:
                assert time.monotonic() < until
                time.sleep(0.02)
        while client.get("/readyz").status_code != 200:
            assert time.monotonic() < until


def test_headers_that_trickle_are_cut_off(quick: Running) -> None:
    began = time.monotonic()
    assert quick.raw(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ") == b""
    assert quick.raw(b"") == b""  # a connection that asks nothing
    first = quick.raw(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\nGET /he")
    assert first.startswith(b"HTTP/1.1 200")
    assert time.monotonic() - began < 15


def test_a_body_that_trickles_is_408(quick: Running) -> None:
    head = b"POST /predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: image/png\r\nTransfer-Encoding: chunked\r\n\r\n"
    found = quick.raw(head + b"1\r\nx\r\n")
    assert found.startswith(b"HTTP/1.1 408")
    assert json.loads(found.split(b"\r\n\r\n", 1)[1])["error"]


@pytest.mark.parametrize("chunked", [False, True])
def test_a_sender_of_too_much_learns_why_and_may_go_on(quick: Running, chunked: bool) -> None:
    body = bytes(30_000_000)
    with httpx.Client(base_url=quick.address, timeout=30) as client:
        kind = {"Content-Type": "image/png"}
        content = iter([body[:20_000_000], body[20_000_000:]]) if chunked else body
        answer = client.post("/predict", content=content, headers=kind)
        assert answer.status_code == 413
        assert "10 MB" in answer.json()["error"]
        assert client.post("/predict", content=photo_bytes(), headers=kind).status_code == 200


def test_a_body_without_end_is_cut_off(quick: Running) -> None:
    head = b"POST /predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: image/png\r\nTransfer-Encoding: chunked\r\n\r\n"
    with socket.create_connection(("127.0.0.1", quick.port), timeout=20) as connection:
        connection.sendall(head)
        chunk = b"%x\r\n" % 100_000 + bytes(100_000) + b"\r\n"
        with pytest.raises((BrokenPipeError, ConnectionResetError)):  # noqa: PT012  somewhere in here
            for _ in range(1_000_000):
                connection.sendall(chunk)
    assert httpx.get(f"{quick.address}/readyz").status_code == 200


def test_what_is_no_http_is_an_error_in_json_with_all_headers(quick: Running) -> None:
    for sent in (b"\x16\x03\x01\x02\x00\x01\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n", b"GET /\xff HTTP/1.1\r\n\r\n"):
        found = quick.raw(sent)
        head, body = found.split(b"\r\n\r\n", 1)
        assert head.startswith(b"HTTP/1.1 400")
        assert b"content-security-policy" in head.lower()
        assert list(json.loads(body)) == ["error"]
    with suppress(ConnectionResetError):  # it reads no further, and says so where there is time
        assert quick.raw(_with_many_headers()).startswith(b"HTTP/1.1 4")
    assert httpx.get(f"{quick.address}/readyz").status_code == 200


def _with_many_headers() -> bytes:
    many = b"".join(b"X-%d: y\r\n" % number for number in range(20_000))
    return b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n" + many + b"\r\n"


def test_too_many_connections_are_turned_away(quick: Running) -> None:
    held = [socket.create_connection(("127.0.0.1", quick.port), timeout=10) for _ in range(20)]
    try:
        assert quick.raw(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n") == b""
    except ConnectionResetError:
        pass
    finally:
        for connection in held:
            connection.close()
    until = time.monotonic() + 20
    while time.monotonic() < until:
        try:
            assert httpx.get(f"{quick.address}/healthz").status_code == 200
            break
        except httpx.TransportError:
            time.sleep(0.05)
    else:
        pytest.fail("the server does not answer any more")


def test_an_address_that_cannot_be_had_is_one_line() -> None:
    with open_socket("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(OptionError, match=f"port {port}: .*Next: --port {port + 1}"):
            open_socket("127.0.0.1", port)
    with pytest.raises(OptionError, match="Accepted: an address of this machine"):
        open_socket("203.0.113.1", 0)


def test_workers_that_do_not_start_are_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "_START_SECONDS", 0)
    app = make_app(served_model(), ServerSettings(workers=1))
    with open_socket("127.0.0.1", 0) as listener, pytest.raises(UserError, match="workers did not start"):
        run_server(app, listener, lambda: pytest.fail("it says that it serves"))


def test_small_answers_do_not_wait_for_the_sender() -> None:
    async def connect() -> int:
        config = uvicorn.Config(make_app(served_model(), ServerSettings()), http=PatientProtocol, log_config=None)
        config.load()
        with open_socket("127.0.0.1", 0) as listener, socket.create_connection(listener.getsockname()):
            accepted, _ = listener.accept()
            accepted.setblocking(False)
            transport, _ = await asyncio.get_running_loop().connect_accepted_socket(
                lambda: PatientProtocol(config, ServerState(), {}), accepted
            )
            found: int = accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            transport.abort()
            await asyncio.sleep(0.01)  # for the connection to be lost
        return found

    assert asyncio.run(connect()) == 1
