"""A model file that was altered in any way is refused with one line, or answers as it did; nothing else is raised."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from altered_models import ALTERATIONS, drawn_passport_of_all, refused_or_harmless
from drawn_model import SIZE, changed, drawn_model, drawn_network
from onnx import numpy_helper

from tellapart.deploy.seal import KEY, sealed

HERE = Path(__file__).parent
# Bytes of address space for what is hostile: a guard for the machine. Loading has a lower limit of its own, of data;
# at the end of its address space a process can die of the first allocation of a thread, however small.
ROOM = 8 << 30
MOST = 3000  # megabytes that hostile files may take, one after the other


@pytest.fixture(scope="module")
def content() -> bytes:
    return drawn_model()


@pytest.mark.parametrize("seed", range(5))
def test_altered_bytes_are_refused(content: bytes, seed: int) -> None:
    generator = np.random.default_rng(seed)
    for _ in range(50):
        altered = ALTERATIONS[int(generator.integers(0, len(ALTERATIONS)))](content, generator)
        assert altered == content or refused_or_harmless(altered)


@pytest.mark.parametrize("seed", range(5))
def test_altered_networks_with_a_digest_that_fits_are_refused_or_harmless(
    seed: int, record_property: Callable[[str, object], None]
) -> None:
    """The digest is no signature: behind it every check has to hold by itself."""
    generator, refused = np.random.default_rng(seed), 0
    network, passport = drawn_network(), drawn_passport_of_all()
    for _ in range(50):
        altered = ALTERATIONS[int(generator.integers(0, len(ALTERATIONS)))](network, generator)
        try:
            again = sealed(altered, passport)
        except ValueError:  # no message any more
            again = altered
        refused += refused_or_harmless(again)
    record_property("refused", refused)
    assert 20 < refused < 50


def metadata() -> Iterator[tuple[str, object]]:
    """Every field of the passport replaced by values of other kinds."""
    for name in drawn_passport_of_all():
        for value in (None, 0, -1, 1e308, "x", [], {}, [None], ["a", "b", "c"], {"a": 1}, True, "9" * 5000):
            yield name, value


def test_altered_fields_are_refused_or_harmless(content: bytes) -> None:
    assert sum(refused_or_harmless(changed(content, **{name: value})) for name, value in metadata()) > 40


def test_a_field_less_is_refused_or_harmless(content: bytes) -> None:
    passport = drawn_passport_of_all()
    refused = {
        name: refused_or_harmless(sealed(content, {key: value for key, value in passport.items() if key != name}))
        for name in passport
    }
    assert [name for name, told in refused.items() if told] == ["format", "classes", "pixels", "golden"]


def of_constant(name: str, value: float) -> Callable[[Any], None]:
    def alter(model: Any) -> None:
        tensor = next(one for one in model.graph.initializer if one.name == name)
        values = numpy_helper.to_array(tensor).copy()
        values.flat[-1] = value
        tensor.CopyFrom(numpy_helper.from_array(values, name))

    return alter


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), 1e30, 50.0])
@pytest.mark.parametrize("name", ["kernels", "more_kernels", "weights", "offsets"])
def test_weights_that_answer_otherwise_are_refused(content: bytes, name: str, value: float) -> None:
    model = onnx.load_from_string(content)
    of_constant(name, value)(model)
    assert refused_or_harmless(sealed(model.SerializeToString(), drawn_passport_of_all()))


HOSTILE = """
import json, resource, sys
resource.setrlimit(resource.RLIMIT_AS, ({room}, {room}))
sys.path[:0] = [{here!r}, {tests!r}]
from hostile_files import HOSTILE
from tellapart.deploy.runtime import Model
from tellapart.errors import ModelFileError
from tellapart.memory import peak_mb  # not ru_maxrss: that of a new process begins with its parent's
told = {{}}
for name, make in HOSTILE.items():
    try:
        Model(make(), "m")
        told[name] = "accepted"
    except ModelFileError as problem:
        told[name] = str(problem)
    except BaseException as problem:
        told[name] = f"raised {{type(problem).__name__}}: {{problem}}"
print(json.dumps({{"told": told, "peak": peak_mb()}}))
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux alone counts the memory of a process")
def test_hostile_files_are_refused_in_little_memory() -> None:
    program = HOSTILE.format(room=ROOM, here=str(HERE), tests=str(HERE.parent))
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
    told = json.loads(done.stdout.splitlines()[-1])
    assert len(told["told"]) > 10
    for name, line in told["told"].items():
        assert line.startswith("m is "), (name, line)
        assert "\n" not in line
        assert "Next: give the model.onnx" in line
    assert told["peak"] < MOST
    assert "Error" not in done.stderr


def test_what_makes_these_tests_tests(content: bytes) -> None:
    """Sealing anew and changing nothing breaks nothing by itself."""
    assert not refused_or_harmless(content)
    assert not refused_or_harmless(changed(content))
    assert not refused_or_harmless(sealed(content, drawn_passport_of_all()))
    model = onnx.load_from_string(content)
    assert not refused_or_harmless(sealed(model.SerializeToString(), drawn_passport_of_all()))
    assert [entry.key for entry in model.metadata_props] == [KEY]
    assert SIZE == 16
