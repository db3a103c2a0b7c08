"""The body of a request: counted as it streams, in a limited time, taken apart into photos."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, Final

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from tellapart.deploy.serving.admission import Ticket
from tellapart.deploy.serving.options import ServerSettings
from tellapart.deploy.serving.refusals import RefusedError

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
_ACCEPTED: Final = "accepted: multipart/form-data, image/* or application/octet-stream"
_MOST_FIELDS: Final = 16  # parts that are no files


async def read_body(receive: Receive, headers: Mapping[str, str], settings: ServerSettings, ticket: Ticket) -> bytes:
    """Read a whole body.

    Args:
        receive: Of the ASGI request.
        headers: Names in small letters.
        settings: The limits.
        ticket: Counts what is held.

    Raises:
        RefusedError: 413 over the limit, 408 too slow, 415 compressed, 429 no room, 400 the sender went away.
    """
    if headers.get("content-encoding", "identity").lower() != "identity":
        raise RefusedError(415, "the body is compressed (Content-Encoding); accepted: as it is")
    declared = headers.get("content-length", "")
    if declared.isdecimal() and int(declared[:20]) > settings.body_bytes:
        raise _too_large(settings)
    try:
        async with asyncio.timeout(settings.body_seconds):
            return await _collect(receive, settings, ticket)
    except TimeoutError:
        line = f"the body did not arrive within {settings.body_seconds:g} s"
        raise RefusedError(408, line, {"Connection": "close"}) from None


async def _collect(receive: Receive, settings: ServerSettings, ticket: Ticket) -> bytes:
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise RefusedError(400, "the sender went away before the body was whole")
        chunk: bytes = message.get("body", b"")
        size += len(chunk)
        if size > settings.body_bytes:
            raise _too_large(settings)
        ticket.hold(len(chunk))
        chunks.append(chunk)
        if not message.get("more_body", False):
            return b"".join(chunks)


def _too_large(settings: ServerSettings) -> RefusedError:
    line = f"the body is over {settings.body_megabytes:g} MB; accepted: up to that a request"
    # Not "Connection: close": a sender that is cut off in the middle never reads why. What it still sends is dropped
    # unread, and for a limited time (`running.PatientProtocol`).
    return RefusedError(413, line)


def photos_in(body: bytes, content_type: str, most: int) -> list[bytes]:
    """Take the photos out of a body; their names are dropped.

    Args:
        body: The whole of it.
        content_type: The header.
        most: How many photos are accepted.

    Raises:
        RefusedError: 415 of another type, 400 not multipart or no photo, 413 too many.
    """
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        photos = _Parts(content_type, most).read(body)
    elif kind == "application/octet-stream" or kind.startswith("image/"):
        photos = [body] if body else []
    else:
        raise RefusedError(415, f"the Content-Type is {'of another kind' if kind else 'missing'}; {_ACCEPTED}")
    if not photos:
        raise RefusedError(400, "there is no photo in the body; accepted: file parts of a form, or one photo as it is")
    return photos


class _Parts:
    """Collects the file parts of one multipart body."""

    def __init__(self, content_type: str, most: int) -> None:
        _, options = parse_options_header(content_type)
        self._boundary = options.get(b"boundary", b"")
        self._most = most
        self._found: list[bytes] = []
        self._fields = 0
        self._ended = False
        self._start()

    def read(self, body: bytes) -> list[bytes]:
        """The file parts, in order."""
        if not self._boundary:
            raise RefusedError(400, "multipart/form-data without a boundary; accepted: Content-Type with boundary=")
        calls: dict[str, Callable[..., None]] = {
            "on_part_begin": self._start,
            "on_header_field": lambda data, start, end: self._name.extend(data[start:end]),
            "on_header_value": lambda data, start, end: self._value.extend(data[start:end]),
            "on_header_end": self._header,
            "on_part_data": lambda data, start, end: self._data.append(data[start:end]),
            "on_part_end": self._finish,
            "on_end": self._end,
        }
        try:
            parser = MultipartParser(self._boundary, calls)  # type: ignore[arg-type]  # a TypedDict of these names
            parser.write(body)
            parser.finalize()
        except FormParserError:
            raise RefusedError(400, "the body is not the multipart/form-data that its header says") from None
        if not self._ended:
            raise RefusedError(400, "the multipart body ends too early: its last boundary is missing")
        return self._found

    def _start(self) -> None:
        self._name, self._value, self._data = bytearray(), bytearray(), list[bytes]()
        self._is_file = False

    def _header(self) -> None:
        if self._name.lower() == b"content-disposition":
            _, options = parse_options_header(bytes(self._value))
            self._is_file = b"filename" in options or b"filename*" in options
        self._name, self._value = bytearray(), bytearray()

    def _finish(self) -> None:
        if self._is_file:
            self._found.append(b"".join(self._data))
        else:
            self._fields += 1
        if len(self._found) > self._most or self._fields > _MOST_FIELDS:
            raise RefusedError(413, f"there are too many parts; accepted: up to {self._most} photos a request")

    def _end(self) -> None:
        self._ended = True
