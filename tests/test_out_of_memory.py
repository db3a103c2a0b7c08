"""Batches that do not fit into memory are halved until they do."""

import os
import subprocess
import sys

import numpy as np
import pytest

from tellapart.errors import MemoryShortError, StorageError
from tellapart.going_on import same_command
from tellapart.out_of_memory import HALVINGS, Halvings, in_halves, is_out_of_memory, memory_short


class ResourceExhaustedError(Exception):
    """As TensorFlow has one, for memory and for disks."""


class OutOfMemoryError(RuntimeError):
    """As PyTorch has one."""


@pytest.mark.parametrize(
    "problem",
    [
        MemoryError(),
        MemoryShortError("x"),
        ResourceExhaustedError("OOM when allocating tensor with shape[32,512,512,64]"),
        OutOfMemoryError("CUDA out of memory."),
        RuntimeError("[enforce fail at alloc_cpu.cpp:118] . DefaultCPUAllocator: can't allocate memory"),
        RuntimeError("[ONNXRuntimeError] : 6 : RUNTIME_EXCEPTION : std::bad_alloc"),
        RuntimeError("[ONNXRuntimeError] : Failed to allocate memory for requested buffer of size 12"),
        RuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 8 bytes."),
    ],
)
def test_what_says_that_memory_is_short(problem: Exception) -> None:
    assert is_out_of_memory(problem)


@pytest.mark.parametrize(
    "problem",
    [
        ResourceExhaustedError("a/variables.data; No space left on device"),
        StorageError("Cannot write out of memory.txt"),
        RuntimeError("shapes differ"),
        KeyboardInterrupt(),
    ],
)
def test_what_does_not(problem: BaseException) -> None:
    assert not is_out_of_memory(problem)


def joined(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return np.concatenate([first, second])


@pytest.mark.parametrize(("most", "sizes"), [(16, [13]), (5, [13, 6, 3, 3, 7, 3, 4]), (1, None)])
def test_a_batch_is_halved_until_it_fits(most: int, sizes: list[int] | None) -> None:
    HALVINGS.told()
    asked = []

    def run(batch: np.ndarray) -> np.ndarray:
        asked.append(len(batch))
        if len(batch) > most:
            raise MemoryError
        return batch * 2

    batch = np.arange(13)
    assert in_halves(run, batch, joined).tolist() == (batch * 2).tolist()
    assert sizes is None or asked == sizes
    fitted = {16: "", 5: "batches of 3", 1: "batches of 1."}[most]
    assert fitted in HALVINGS.told()
    assert HALVINGS.told() == ""


def test_one_photo_that_does_not_fit_is_one_line() -> None:
    def run(_: np.ndarray) -> np.ndarray:
        raise MemoryError

    with pytest.raises(MemoryShortError, match=r"not enough memory for a single photo, and .* are available\. Next:"):
        in_halves(run, np.arange(5), joined)
    HALVINGS.told()


def test_other_errors_pass_at_once() -> None:
    asked = []

    def run(batch: np.ndarray) -> np.ndarray:
        asked.append(len(batch))
        raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011  it has no words
        in_halves(run, np.arange(5), joined)
    assert asked == [5]


def test_the_smallest_batch_is_told() -> None:
    halvings = Halvings()
    assert halvings.told() == ""
    for asked, now in ((32, 16), (16, 8), (32, 16)):
        halvings.note(asked, now)
    assert halvings.told() == "A batch of 32 photos did not fit into memory; it was computed in batches of 8."


def test_the_line_says_what_helps() -> None:
    assert "Next: end other programs, or a smaller --image-size" in str(memory_short("this"))
    assert str(memory_short("this")).endswith(f"then {same_command()}.")


@pytest.mark.skipif(sys.platform != "linux", reason="Linux alone limits the address space of a process")
def test_a_real_limit_of_memory_halves_a_real_batch() -> None:
    """Under `ulimit -v`, ONNX Runtime fails at 64 photos and answers them all the same."""
    script = """
import resource, sys
import numpy as np
from tellapart.memory import _STATUS, available_bytes
from tellapart.models.forward import Forward
from tellapart.going_on import same_command
from tellapart.out_of_memory import HALVINGS
from tiny_backbone import SIZE, tiny_backbone
import onnx

model = onnx.load_from_string(tiny_backbone())
model.graph.input[0].type.tensor_type.shape.dim[1].dim_param = "rows"
model.graph.input[0].type.tensor_type.shape.dim[2].dim_param = "columns"
for output in model.graph.output:
    output.type.tensor_type.ClearField("shape")
forward = Forward(model.SerializeToString(), threads=1)
photos = np.random.default_rng(0).integers(0, 256, (64, 384, 384, 3)).astype(np.float32)


def means(some):
    return forward.named_outputs(some, ["features"])["features"]


expected = np.concatenate([means(photo[np.newaxis]) for photo in photos])
taken = next(int(line.split()[1]) << 10 for line in _STATUS.read_text().splitlines() if line.startswith("VmSize"))
most = taken + 150_000_000
resource.setrlimit(resource.RLIMIT_AS, (most, most))
assert available_bytes() <= 150_000_000
assert np.allclose(means(photos), expected, rtol=1e-5)
sys.stdout.write(HALVINGS.told())
"""
    paths = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, env=paths)
    assert result.returncode == 0, result.stderr
    assert "A batch of 64 photos did not fit into memory" in result.stdout
