"""What a model file says of itself, put into its bytes and bound to them by a digest; no package `onnx` is needed.

The digest guards against accidents: a bit that fell over, a file that was edited by hand. It is no signature:
whoever alters a file on purpose can make a new one.
"""

import hashlib
import json
from collections.abc import Iterator
from typing import Any, Final

from tellapart.models.onnx_bytes import head, metadata

KEY: Final = "tellapart"  # of the metadata
DIGEST: Final = "digest"  # of the passport
_GRAPH, _METADATA = 7, 14  # fields of a model in `onnx.proto`
_OUTPUT: Final = 12  # of a graph
_NAME: Final = 1  # of a metadata entry; an output's name is its first field too
_BYTES: Final = 2  # the wire type of all that has a length

Span = tuple[int, int, int, int]  # number of a field; where it begins, where its content begins, and where it ends


def sealed(network: bytes, passport: dict[str, Any]) -> bytes:
    """The bytes of a model file: a network in ONNX form, its passport, and the digest of both.

    Args:
        network: An ONNX file; a passport that it has already is replaced.
        passport: What the file says of itself; a digest in it is replaced.

    Raises:
        ValueError: The network is no Protocol Buffers message.
    """
    told = {**passport, DIGEST: digest_of(network, passport)}
    return b"".join((*_without_passport(network), metadata(KEY, _as_json(told))))


def digest_of(content: bytes, passport: dict[str, Any]) -> str:
    """SHA-256, in hexadecimal digits, of all that a file holds beside its passport, and of the passport.

    Args:
        content: The file.
        passport: What it says of itself; its own digest does not count.

    Raises:
        ValueError: The file is no Protocol Buffers message.
    """
    found = hashlib.sha256()
    for part in _without_passport(content):
        found.update(part)
    found.update(_as_json({name: value for name, value in passport.items() if name != DIGEST}).encode())
    return found.hexdigest()


def without_output(content: bytes, name: str) -> bytes:
    """The file with one output less, so that what that output alone needs is not computed.

    Raises:
        ValueError: The file is no Protocol Buffers message, or holds two graphs.
    """
    view = memoryview(content)
    graphs = [span for span in _spans(view, 0, len(view)) if span[0] == _GRAPH]
    if len(graphs) != 1:
        raise ValueError("it holds no network, or two")
    _, begin, body, end = graphs[0]
    outputs = [span for span in _spans(view, body, end) if span[0] == _OUTPUT and _name(view, span) == name.encode()]
    if not outputs:
        return content
    kept, at = [], body
    for _, first, _, last in outputs:
        kept.append(view[at:first])
        at = last
    kept.append(view[at:end])
    before = head(_GRAPH, sum(len(part) for part in kept))
    return b"".join((view[:begin], before, *kept, view[end:]))


def _without_passport(content: bytes) -> Iterator[memoryview]:
    view, at = memoryview(content), 0
    for span in _spans(view, 0, len(view)):
        if span[0] == _METADATA and _name(view, span) == KEY.encode():
            yield view[at : span[1]]
            at = span[3]
    yield view[at:]


def _name(view: memoryview, span: Span) -> bytes:
    """The first field of a message within another, where that is its name."""
    _, _, body, end = span
    for number, _, first, last in _spans(view, body, end):
        return bytes(view[first:last]) if number == _NAME else b""
    return b""


def _spans(view: memoryview, at: int, end: int) -> Iterator[Span]:
    """The fields of a message, in the order of its bytes."""
    while at < end:
        tag, body = _read_varint(view, at, end)
        last = _end_of(view, tag & 7, body, end)
        if last > end:
            raise ValueError("it is cut off")
        if tag & 7 == _BYTES:
            _, body = _read_varint(view, body, end)
        yield tag >> 3, at, body, last
        at = last


def _end_of(view: memoryview, kind: int, at: int, end: int) -> int:
    if kind == _BYTES:
        length, body = _read_varint(view, at, end)
        return body + length
    if kind == 0:
        return _read_varint(view, at, end)[1]
    if kind in (1, 5):
        return at + (8 if kind == 1 else 4)
    raise ValueError("it is no ONNX file, or damaged")


def _read_varint(view: memoryview, at: int, end: int) -> tuple[int, int]:
    """A whole number as Protocol Buffers write it, and where it ends."""
    value = 0
    for place in range(at, min(at + 10, end)):
        value |= (view[place] & 0x7F) << 7 * (place - at)
        if view[place] < 0x80:
            return value, place + 1
    raise ValueError("it is cut off")


def _as_json(passport: dict[str, Any]) -> str:
    return json.dumps(passport, ensure_ascii=False, sort_keys=True)
