"""A web server on this machine that can do everything wrong that the world's servers do."""

import hashlib
import http.server
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tellapart.weights.download import Patience
from tellapart.weights.pins import Pin

CONTENT = bytes(range(256)) * 4000
HALF = len(CONTENT) // 2
QUICK = Patience(seconds=0.3, attempts=3, pause=0.01)


class Server(http.server.ThreadingHTTPServer):
    """Keeps what it was asked; `content` may be changed while it runs."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.content = CONTENT
        self.asked: list[tuple[str, str]] = []  # path, Range
        self.release = threading.Event()

    def address(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}{path}"


class Handler(http.server.BaseHTTPRequestHandler):
    """Each path is a way to serve a file; `/good/NAME` is any file, served well."""

    server: Server

    def do_GET(self) -> None:
        self.server.asked.append((self.path, self.headers.get("Range", "")))
        way = self.path.split("/")[1]
        getattr(self, f"_{way}", self._missing)()

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _head(self, status: int, **headers: object) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()

    @property
    def _tag(self) -> str:
        return f'"{hashlib.md5(self.server.content).hexdigest()}"'

    def _start(self) -> int:
        """The byte to go on at, 0 where the whole file is wanted."""
        wanted = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        return int(wanted[1]) if wanted and self.headers.get("If-Range") == self._tag else 0

    def _send(self, most: int | None = None, **headers: object) -> None:
        """Serve the file, or what follows the byte asked for; cut off after `most` bytes."""
        content, start = self.server.content, self._start()
        if start >= len(content):
            self._head(416, Content_Range=f"bytes */{len(content)}", Content_Length=0)
            return
        rest = content[start:]
        headers = {"Content_Length": len(rest), "ETag": self._tag} | headers
        if start:
            headers["Content_Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        self._head(206 if start else 200, **headers)
        self.wfile.write(rest[:most])

    def _good(self) -> None:
        self._send()

    def _cut(self) -> None:
        self._send(most=HALF if not self._start() else None)

    def _cut_then_gone(self) -> None:
        if len(self.server.asked) == 1:
            self._cut()
        else:
            self._missing()

    def _always_cut(self) -> None:
        self._send(most=1000)

    def _no_range(self) -> None:
        del self.headers["Range"]
        self._send(most=HALF if len(self.server.asked) == 1 else None)

    def _never_whole(self) -> None:
        del self.headers["Range"]
        self._send(most=HALF)

    def _no_tag(self) -> None:
        self._head(200, Content_Length=len(CONTENT))
        self.wfile.write(CONTENT[: HALF if len(self.server.asked) == 1 else None])

    def _other_part(self) -> None:
        if not self._start():
            self._send(most=HALF if len(self.server.asked) == 1 else None)
            return
        self._head(206, Content_Range=f"bytes 0-9/{len(CONTENT)}", Content_Length=10, ETag=self._tag)
        self.wfile.write(CONTENT[:10])

    def _changed(self) -> None:
        """Says 416 whatever If-Range says, as some servers do."""
        if self.headers.get("Range"):
            self._head(416, Content_Range="bytes */10", Content_Length=0)
        else:
            self._send()

    def _long(self) -> None:
        self._head(200, Content_Length=len(CONTENT) + 1)

    def _short(self) -> None:
        self._head(200, Content_Length=10)
        self.wfile.write(CONTENT[:10])

    def _huge(self) -> None:
        self._head(200, Content_Length=10**15)

    def _endless(self) -> None:
        """Tells no length and sends on and on."""
        self._head(200)
        try:
            for _ in range(20):
                self.wfile.write(CONTENT)
        except OSError:
            pass  # hung up on

    def _stall(self) -> None:
        if self._start():
            self._send()
            return
        self._head(200, Content_Length=len(CONTENT), ETag=self._tag)
        self.wfile.write(CONTENT[:HALF])
        self.wfile.flush()
        self.server.release.wait(5)

    def _silent(self) -> None:
        self.server.release.wait(5)

    def _slow(self) -> None:
        """Waits until the test says so."""
        self.server.release.wait(10)
        self._send()

    def _busy(self) -> None:
        if len(self.server.asked) == 1:
            self.send_error(503)
        else:
            self._send()

    def _garbage(self) -> None:
        self.wfile.write(b"this is no HTTP\r\n\r\n")

    def _to(self) -> None:
        """`/to/good` redirects to `/good`, `/to/file` to a file of this machine, `/to/to` in a circle."""
        target = self.path.removeprefix("/to")
        self._head(302, Location={"/file": "file:///etc/hostname", "/to": "/to/to"}.get(target, target))

    def _missing(self) -> None:
        self.send_error(404)


@contextmanager
def running() -> Iterator[Server]:
    """A server that stops with the block."""
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        yield server
        server.release.set()
        server.shutdown()
        thread.join(timeout=5)


def pin_to(address: str, **changes: Any) -> Pin:
    """A pin of `CONTENT` at an address."""
    rows: dict[str, Any] = {
        "backbone": "tiny",
        "file": "tiny.h5",
        "address": address,
        "size": len(CONTENT),
        "sha256": hashlib.sha256(CONTENT).hexdigest(),
        "md5": None,
        "parameters": 1000,
        "image_size": 32,
        "licence": "Apache-2.0",
        "source": "this test",
        "top1": None,
        "top5": None,
    }
    return Pin(**rows | changes)


@pytest.fixture(name="server")
def server_fixture(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A web server of this machine, not asked by way of a proxy."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with running() as server:
        yield server


@pytest.fixture(name="keras_home", autouse=True)
def keras_home_fixture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keras' own cache, empty; and no mirror."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.delenv("TELLAPART_MIRROR", raising=False)
    (tmp_path / "keras" / "models").mkdir(parents=True)
    return tmp_path / "keras" / "models"
