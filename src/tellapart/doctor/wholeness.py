"""Whether a file that is kept is whole, by its own lengths and seals; nothing heavy is imported for it.

An array that is kept carries no digest: a file that was cut off is found, a bit that fell over inside is not. Networks
in the cache carry one.
"""

import ast
import hashlib
import json
import math
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any, Final

_LONGEST_HEADER: Final = 100 << 20  # bytes: of many small arrays, far above any of ours
_SEAL: Final = 76  # bytes that `models.backbone_file` puts behind a network
_KINDS: Final = re.compile(r"[<>|=]?[biufV?](\d+)")


def fault_of(path: Path) -> str:
    """What is wrong with a file, by its suffix; "" where it is whole, or of a kind that says nothing of itself."""
    look = _LOOKS.get(path.suffix)
    if look is None:
        return ""
    try:
        with path.open("rb") as file:
            return look(file, path.stat().st_size)
    except OSError as problem:
        return f"cannot be read: {(problem.strerror or str(problem)).lower()}"
    except (ValueError, TypeError, KeyError, IndexError, SyntaxError, AttributeError, RecursionError):
        return "its header makes no sense"


def _of_tensors(file: IO[bytes], size: int) -> str:
    """Safetensors: the length of a JSON header in 8 bytes, the header, the numbers."""
    length = int.from_bytes(file.read(8), "little")
    if length > min(size, _LONGEST_HEADER):
        return "it is cut off"
    header = json.loads(file.read(length))
    ends = [told["data_offsets"][1] for name, told in header.items() if name != "__metadata__"]
    return _of_length(8 + length + max(ends, default=0), size)


def _of_array(file: IO[bytes], size: int) -> str:
    """NumPy's format 1: a mark, two bytes of version, the length of the header in two, the header, the numbers."""
    if file.read(8) != b"\x93NUMPY\x01\x00":
        return "it is no array of NumPy"
    length = int.from_bytes(file.read(2), "little")
    header = ast.literal_eval(file.read(length).decode("latin-1"))
    kind = _KINDS.fullmatch(header["descr"])
    if kind is None:
        return "its header makes no sense"
    return _of_length(10 + length + int(kind[1]) * math.prod(header["shape"]), size)


def _of_network(file: IO[bytes], size: int) -> str:  # noqa: ARG001  the shape of a look
    """A network of the cache: its last entry of metadata holds the SHA-256 of all before it, in hexadecimal digits."""
    content = file.read()
    told = hashlib.sha256(content[:-_SEAL]).hexdigest()
    return "" if content.endswith(told.encode()) else "its digest differs"


def _of_json(file: IO[bytes], size: int) -> str:  # noqa: ARG001  the shape of a look
    told: Any = json.loads(file.read())
    return "" if isinstance(told, dict) else "it is no record"


def _of_length(wanted: int, found: int) -> str:
    if found == wanted:
        return ""
    return f"{found:,} bytes, not {wanted:,}"


_LOOKS: Final[Mapping[str, Callable[[IO[bytes], int], str]]] = {
    ".safetensors": _of_tensors,
    ".npy": _of_array,
    ".onnx": _of_network,
    ".json": _of_json,
}
