"""A process that turns bytes into pixels for the server, and may die of them.

    python -P -m tellapart.deploy.serving.decoding_worker '{"size": 224, ...}'

It reads tasks from standard input and answers each on standard output; it ends when its input does. A task is a kind
(P for a photo, T for tensors in JSON) and a length, then the content. An answer is the length of a JSON object and
that of an array, then both. It imports Pillow, NumPy and `tellapart.photos` alone, so that a new one is there at once.
"""

import json
import os
import signal
import struct
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import IO, Any, Final

import numpy as np

from tellapart.deploy.serving.inference_request import read_tensors
from tellapart.errors import TellapartError, UnreadablePhotoError
from tellapart.photos.decode import decode_bytes, upright_size
from tellapart.photos.pixels import PixelSpec, to_pixels

TASK: Final = struct.Struct(">cI")
ANSWER: Final = struct.Struct(">II")
PHOTO: Final = b"P"
TENSORS: Final = b"T"

Result = tuple[dict[str, Any], np.ndarray | None]


def limit_memory(megabytes: int) -> None:
    """Limit the address space of this process, and what it may write, where the platform can.

    Over it an allocation fails, which is an unreadable photo; without it one photo could take the machine's memory.
    """
    with suppress(ImportError, OSError, ValueError):  # no such module on Windows, no such limit on some systems
        import resource

        most = megabytes * 1_000_000
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))  # it has no file to write


def pixels_of_photo(content: bytes, spec: PixelSpec, megapixels: float) -> Result:
    """Decode a photo and bring it to the network's size.

    Returns:
        Width and height of the upright photo, and pixels of shape (size, size, 3), uint8.

    Raises:
        UnreadablePhotoError: It cannot be decoded.
    """
    photo = decode_bytes(content, megapixels=megapixels, at_least=spec.size)
    width, height = upright_size(content)
    return {"width": width, "height": height}, to_pixels(photo, spec)


def work(source: IO[bytes], target: IO[bytes], act: dict[bytes, Callable[[bytes], Result]]) -> None:
    """Answer tasks until there are no more."""
    send(target, {"ready": True}, None)
    while len(head := source.read(TASK.size)) == TASK.size:
        kind, length = TASK.unpack(head)
        content = source.read(length)
        if len(content) < length:
            return
        try:
            told, array = act[kind](content)
        except TellapartError as problem:
            told, array = {"error": str(problem)}, None
        except MemoryError:
            told, array = {"error": str(UnreadablePhotoError("it takes too much memory to decode"))}, None
        send(target, told, array)


def send(target: IO[bytes], told: dict[str, Any], array: np.ndarray | None) -> None:
    """Write one answer."""
    if array is not None:
        told = {**told, "shape": array.shape, "dtype": array.dtype.str}
    text = json.dumps(told).encode()
    data = b"" if array is None else np.ascontiguousarray(array).tobytes()
    target.write(ANSWER.pack(len(text), len(data)) + text)
    target.write(data)
    target.flush()


def main() -> None:
    """Serve the process that started this one."""
    told = json.loads(sys.argv[1])
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the server, which ends its workers by itself
    limit_memory(told["memory_megabytes"])
    spec = PixelSpec.from_dict(told["pixels"])
    # The answers have the pipe to themselves: whatever a C library prints goes nowhere.
    target = os.fdopen(os.dup(1), "wb")
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), 1)
        os.dup2(nowhere.fileno(), 2)
    act: dict[bytes, Callable[[bytes], Result]] = {
        PHOTO: lambda content: pixels_of_photo(content, spec, told["megapixels"]),
        TENSORS: lambda content: read_tensors(content, spec.size, told["photos"]),
    }
    work(sys.stdin.buffer, target, act)


if __name__ == "__main__":
    main()
