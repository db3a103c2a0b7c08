import io
import json
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from photo_maker import png_of, quarters
from served_model import photo_bytes
from tellapart.deploy.serving.decoding_worker import (
    ANSWER,
    PHOTO,
    TASK,
    TENSORS,
    limit_memory,
    pixels_of_photo,
    send,
    work,
)
from tellapart.errors import UnreadablePhotoError
from tellapart.photos.pixels import PixelSpec, to_pixels

SPEC = PixelSpec(16)


def answers_in(stream: bytes) -> list[tuple[dict[str, Any], bytes]]:
    found, file = [], io.BytesIO(stream)
    while head := file.read(ANSWER.size):
        n_text, n_data = ANSWER.unpack(head)
        found.append((json.loads(file.read(n_text)), file.read(n_data)))
    return found


def task(kind: bytes, content: bytes) -> bytes:
    return TASK.pack(kind, len(content)) + content


def test_pixels_are_those_of_the_one_decoder() -> None:
    photo = quarters((48, 32))
    file = io.BytesIO()
    photo.save(file, "PNG")
    facts, pixels = pixels_of_photo(file.getvalue(), SPEC, 25)
    assert facts == {"width": 48, "height": 32}
    assert pixels is not None
    assert np.array_equal(pixels, to_pixels(photo, SPEC))
    with pytest.raises(UnreadablePhotoError, match="26 megapixels; at most 25"):
        pixels_of_photo(png_of(5200, 5000), SPEC, 25)


def test_tasks_are_answered_in_their_order_and_faults_do_not_end_it() -> None:
    def tensors(content: bytes) -> tuple[dict[str, Any], np.ndarray | None]:
        raise MemoryError(content)

    def photo(content: bytes) -> tuple[dict[str, Any], np.ndarray | None]:
        return pixels_of_photo(content, SPEC, 25)

    source = task(PHOTO, photo_bytes()) + task(PHOTO, b"junk") + task(TENSORS, b"x") + task(PHOTO, photo_bytes())
    target = io.BytesIO()
    work(io.BytesIO(source + b"P\0\0\0\5ab"), target, {PHOTO: photo, TENSORS: tensors})  # the last one is cut off
    ready, first, second, third, fourth = answers_in(target.getvalue())
    assert ready == ({"ready": True}, b"")
    assert first == fourth
    assert first[0] == {"width": 24, "height": 18, "shape": [16, 16, 3], "dtype": "|u1"}
    assert len(first[1]) == 16 * 16 * 3
    assert "not a photo" in second[0]["error"]
    assert "too much memory" in third[0]["error"]


def test_an_array_crosses_whole() -> None:
    target = io.BytesIO()
    array = np.arange(12, dtype=np.float32).reshape(3, 4).T
    send(target, {}, array)
    ((facts, data),) = answers_in(target.getvalue())
    assert np.array_equal(np.frombuffer(data, facts["dtype"]).reshape(facts["shape"]), array)


def test_a_new_worker_loads_little() -> None:
    script = (
        "import tellapart.deploy.serving.decoding_worker, sys; print(*{name.split('.')[0] for name in sys.modules})"
    )
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    heavy = {"onnxruntime", "fastapi", "starlette", "uvicorn", "sklearn", "scipy", "matplotlib", "typer", "onnx"}
    assert not set(found.stdout.split()) & heavy


@pytest.mark.skipif(sys.platform != "linux", reason="the limit is Linux's")
def test_memory_is_limited() -> None:
    script = f"from {limit_memory.__module__} import limit_memory; limit_memory(400); bytearray(500_000_000)"
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert "MemoryError" in found.stderr
