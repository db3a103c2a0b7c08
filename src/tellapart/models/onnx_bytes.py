"""The bytes of an ONNX file, written by hand: Protocol Buffers are tags, lengths and contents.

The package `onnx` is not needed for it, and the same network always gives the same bytes. Numbers of fields and
types are those of the public `onnx.proto`.
"""

import struct
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import numpy as np

_NAME: Final = b"tellapart"  # of the maker and of the graph
_IR, _OPSET = 8, 17  # versions of the file's format and of its operators
_VARINT, _FIXED32, _BYTES = 0, 5, 2  # wire types
_FLOAT: Final = 1  # as ONNX numbers its types of elements
_KINDS: Final = {"<f4": _FLOAT, "<i8": 7}

Constant = tuple[bytes, memoryview]  # all of it but its numbers; and these


def model(
    nodes: Iterable[bytes], constants: Iterable[Constant], inputs: Iterable[bytes], outputs: Iterable[bytes]
) -> bytes:
    """A whole file, of what the functions below give."""
    graph: list[bytes | memoryview] = [_field(1, one) for one in nodes]
    graph.append(_field(2, _NAME))
    for told, data in constants:
        graph += [head(5, len(told) + len(data)), told, data]
    graph += [*(_field(11, one) for one in inputs), *(_field(12, one) for one in outputs)]
    size = sum(len(part) for part in graph)
    # Joined once: weights are most of it, and every copy of them takes as long as the rest.
    return b"".join([_number(1, _IR), _field(2, _NAME), head(7, size), *graph, _field(8, _number(2, _OPSET))])


def node(kind: str, name: str, inputs: Sequence[str], outputs: Sequence[str], how: Mapping[str, Any]) -> bytes:
    """A node of the graph.

    Args:
        kind: Its operator.
        name: Its own.
        inputs: Names of tensors; "" for one that is left out.
        outputs: Names of tensors.
        how: Its attributes: whole numbers, floats, texts, or lists of whole numbers.
    """
    fields = [_field(1, text.encode()) for text in inputs]
    fields += [_field(2, text.encode()) for text in outputs]
    fields += [_field(3, name.encode()), _field(4, kind.encode())]
    fields += [_field(5, _attribute(key, how[key])) for key in sorted(how)]
    return b"".join(fields)


def constant(name: str, array: np.ndarray) -> Constant:
    """A constant of the graph, float32 or int64."""
    told = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
    data = told.reshape(-1).view(np.uint8).data
    fields = [_number(1, side) for side in array.shape]
    fields += [_number(2, _KINDS[told.dtype.str]), _field(8, name.encode()), head(9, len(data))]
    return b"".join(fields), data


def end(name: str, sides: Sequence[int | str]) -> bytes:
    """An input or output of the graph, float32; a side that is free has a name instead of a number."""
    told = (_field(2, side.encode()) if isinstance(side, str) else _number(1, side) for side in sides)
    shape = b"".join(_field(1, side) for side in told)
    return _field(1, name.encode()) + _field(2, _field(1, _number(1, _FLOAT) + _field(2, shape)))


def metadata(key: str, value: str) -> bytes:
    """An entry of a file's metadata, to be put behind the bytes of `model`."""
    return _field(14, _field(1, key.encode()) + _field(2, value.encode()))


def _attribute(name: str, value: Any) -> bytes:
    if isinstance(value, float):
        content, kind = _tag(2, _FIXED32) + struct.pack("<f", value), 1
    elif isinstance(value, int):
        content, kind = _number(3, value), 2
    elif isinstance(value, str):
        content, kind = _field(4, value.encode()), 3
    else:
        content, kind = b"".join(_number(8, one) for one in value), 7
    return _field(1, name.encode()) + content + _number(20, kind)


def _field(number: int, content: bytes) -> bytes:
    return head(number, len(content)) + content


def head(number: int, length: int) -> bytes:
    """What stands before a field's content of some bytes."""
    return _tag(number, _BYTES) + _varint(length)


def _number(number: int, value: int) -> bytes:
    return _tag(number, _VARINT) + _varint(value)


def _tag(number: int, kind: int) -> bytes:
    return _varint(number << 3 | kind)


def _varint(value: int) -> bytes:
    value &= (1 << 64) - 1  # negative ones as two's complement
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    found.append(value)
    return bytes(found)
