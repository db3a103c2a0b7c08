"""Requests that no good client sends: junk, too much, half, slow, and tricks; and the tally of what came of all."""

import http.client
import random
import re
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

PHOTOS: Final = ("image/png", "image/jpeg")
REFUSED: Final = {429, 503, 504}
PATIENCE: Final = 60.0  # seconds
_HOST: Final = b"Host: 127.0.0.1\r\n"
_POST: Final = b"POST /predict HTTP/1.1\r\n" + _HOST


@dataclass
class Tally:
    """What came of the requests, told by all threads.

    Attributes:
        counts: By kind of request and what came of it.
        faults: What must not be: wrong answers, none, a 500.
        waited: Seconds of each good answer.
    """

    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    waited: list[float] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, kind: str, came: str) -> None:
        """Count a request."""
        with self._lock:
            self.counts[kind, came] += 1

    def fault(self, kind: str, what: str) -> None:
        """Count a request that went wrong, and keep why."""
        with self._lock:
            self.counts[kind, "FAULT"] += 1
            self.faults.append(f"{kind}: {what}"[:300])


def post(port: int, content: bytes, kind: str) -> tuple[int, bytes]:
    """Status and body of the answer to one photo.

    Raises:
        OSError: There is none.
    """
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request("POST", "/predict", content, {"Content-Type": kind})
        answer = connection.getresponse()
        return answer.status, answer.read()
    except http.client.HTTPException as problem:
        raise ConnectionError(repr(problem)) from problem
    finally:
        connection.close()


def ask_junk(port: int, chance: random.Random, tally: Tally) -> None:
    """Bytes that are no photo, and photos that are cut off."""
    content = chance.randbytes(chance.randrange(20_000))
    if chance.random() < 0.5:
        content = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + content
    try:
        status, body = post(port, content, chance.choice(PHOTOS))
    except OSError as problem:
        tally.fault("junk", f"no answer: {problem!r}")
        return
    if status in {400, 413, 415, 422, *REFUSED}:
        tally.add("junk", str(status))
    else:
        tally.fault("junk", f"{status} {body[:200]!r}")


def ask_too_much(port: int, _: random.Random, tally: Tally) -> None:
    """A body of over 10 MB: 413, or a closed door."""
    try:
        status, body = post(port, bytes(12_000_000), "image/png")
    except OSError:
        tally.add("oversized", "cut off")
        return
    if status in {413, *REFUSED}:
        tally.add("oversized", str(status))
    else:
        tally.fault("oversized", f"{status} {body[:200]!r}")


def ask_half(port: int, chance: random.Random, tally: Tally) -> None:
    """A body that ends before it should: the sender goes, or closes its half and waits."""
    sent = _POST + b"Content-Type: image/png\r\nContent-Length: 5000\r\n\r\n" + bytes(chance.randrange(4000))
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as connection:
        connection.sendall(sent)
        if chance.random() < 0.5:
            tally.add("half", "gone")
            return
        connection.shutdown(socket.SHUT_WR)
        _tell_raw("half", _read_all(connection), tally)


def ask_slowly(port: int, _: random.Random, tally: Tally) -> None:
    """Headers that come letter by letter: cut off after 10 seconds."""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as connection:
        try:
            for letter in _POST + b"X-Slow: " + b"y" * 40:
                connection.sendall(bytes([letter]))
                time.sleep(0.5)
        except OSError:
            tally.add("slow", "cut off")
            return
        _tell_raw("slow", _read_all(connection), tally)


def _multipart(name: str, parts: Sequence[bytes], boundary: str = "x") -> bytes:
    disposition = f'Content-Disposition: form-data; name="photo"; filename="{name}"\r\nContent-Type: image/png\r\n\r\n'
    body = b"".join(b"--x\r\n" + disposition.encode() + part + b"\r\n" for part in parts) + b"--x--\r\n"
    head = f"Content-Type: multipart/form-data; boundary={boundary}\r\nContent-Length: {len(body)}\r\n\r\n"
    return _POST + head.encode() + body


TRICKS: Final[tuple[bytes, ...]] = (
    *(
        b"GET " + path + b" HTTP/1.1\r\n" + _HOST + b"\r\n"
        for path in (
            b"/static/../../../../etc/passwd",
            b"/static/..%2f..%2f..%2f..%2fetc%2fpasswd",
            b"/static/%2e%2e/%2e%2e/etc/passwd",
            b"/static/....//....//etc/passwd",
            b"/static/..%5c..%5cetc%5cpasswd",
            b"/static/%00index.html",
            b"/static//etc/passwd",
            b"//etc/passwd",
            b"/v2/models/..%2f..%2fetc%2fpasswd",
            b"http://evil.example/static/index.html",
            b"/" + b"a" * 30_000,
        )
    ),
    b"GET /metrics HTTP/1.1\r\nHost: evil.example\r\n\r\n",
    b"GET /model HTTP/1.1\r\n" + _HOST + b"Origin: http://evil.example\r\n\r\n",
    b"GET /model HTTP/1.1\r\n" + _HOST + _HOST + b"\r\n",
    b"GET /model HTTP/1.1\r\n" + _HOST + b"X-A: b\x00c\r\n\r\n",
    b"GET /model HTTP/1.1\r\n" + _HOST + b"X-A: b\r\n folded\r\n\r\n",
    b"GET /model HTTP/1.1\r\n" + _HOST + b"X" * 100_000 + b": y\r\n\r\n",
    b"TRACE / HTTP/1.1\r\n" + _HOST + b"\r\n",
    b"PUT /static/app.js HTTP/1.1\r\n" + _HOST + b"Content-Length: 1\r\n\r\nx",
    b"DELETE /model HTTP/1.1\r\n" + _HOST + b"\r\n",
    # Two lengths, and a length beside chunks: what one reader takes for a body another takes for a request.
    _POST + b"Content-Type: image/png\r\nContent-Length: 1\r\nContent-Length: 9\r\n\r\nx",
    _POST + b"Content-Type: image/png\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"0\r\n\r\nGET /x HTTP/1.1\r\n\r\n",
    _POST + b"Content-Type: image/png\r\nContent-Length: -1\r\n\r\n",
    _POST + b"Content-Type: image/png\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    _POST + b"Content-Type: image/png\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
    _POST + b"Content-Type: image/png\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc",
    _multipart("../../../../etc/passwd", [b"no photo"]),
    _multipart("\\0\\r\\nSet-Cookie: a=b", [b"no photo"]),
    _multipart("a.png", [b"no photo"] * 200),
    _multipart("a.png", [b"no photo"], boundary="y" * 3000),
    _multipart("a.png", [], boundary=""),
    _POST + b"Content-Type: multipart/form-data\r\nContent-Length: 3\r\n\r\nabc",
    _POST
    + b"Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 60000\r\n\r\n--x\r\n"
    + b"A: b\r\n" * 9998,
)


def ask_trick(port: int, chance: random.Random, tally: Tally) -> None:
    """A request that asks for what it may not have, or reads in two ways."""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as connection:
        sent = chance.choice(TRICKS)
        try:
            connection.sendall(sent)
            connection.shutdown(socket.SHUT_WR)
        except OSError:
            tally.add("trick", "cut off")
            return
        _tell_raw("trick", _read_all(connection), tally, sent)


def _read_all(connection: socket.socket) -> bytes:
    found = b""
    try:
        while chunk := connection.recv(65536):
            found += chunk
    except ConnectionError:
        pass
    return found


def _tell_raw(kind: str, found: bytes, tally: Tally, sent: bytes = b"") -> None:
    """An answer to what nobody should send: refused, cut off, or harmless; never a fault of the server or a secret."""
    statuses = re.findall(rb"^HTTP/1\.1 (\d{3})", found, re.MULTILINE)
    if b"root:" in found or b"Set-Cookie" in found or b"Traceback" in found or b"500" in statuses:
        tally.fault(kind, f"{sent[:100]!r}: {found[:200]!r}")
    elif b"200" in statuses and not sent.startswith(b"GET /model"):
        tally.fault(kind, f"{sent[:100]!r} was served: {found[:200]!r}")
    else:
        tally.add(kind, statuses[0].decode() if statuses else "cut off")


ODD: Final[tuple[tuple[float, Callable[[int, random.Random, Tally], None]], ...]] = (
    (0.06, ask_junk),
    (0.06, ask_trick),
    (0.04, ask_half),
    (0.005, ask_too_much),
    (0.005, ask_slowly),
)
