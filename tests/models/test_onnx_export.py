import hashlib
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from tiny_set import QUIET

from ladder_models import floor
from tellapart.models import networks, onnx_export
from tellapart.models.backend import keras
from tellapart.models.forward import Forward
from tellapart.models.onnx_export import converted, to_onnx

pytestmark = QUIET

PHOTOS = np.random.default_rng(0).uniform(0, 255, (5, 32, 32, 3)).astype(np.float32)
Export = Callable[[Any], bytes]
EITHER = pytest.mark.parametrize("export", [to_onnx, converted])  # written directly, and by a converter
SCRIPT = """
import hashlib
from tellapart.models import networks, onnx_export
from tellapart.models.backend import keras
networks.baseline(2, 32)
keras.utils.set_random_seed(0)
print(hashlib.sha256(onnx_export.to_onnx(networks.deeper(3, 32, dropout=0.5))).hexdigest())
"""


def built(name: str) -> Any:
    keras.utils.set_random_seed(0)
    return {
        "majority": lambda: floor(32),
        "baseline": lambda: networks.baseline(3, 32),
        "deeper": lambda: networks.deeper(3, 32, dropout=0.5),
    }[name]()


def built_otherwise() -> Any:
    """With a layer that is not written directly."""
    network = built("baseline")
    photo = keras.Input((32, 32, 3))
    return keras.Model(photo, network(keras.layers.LayerNormalization()(photo)))


@EITHER
@pytest.mark.parametrize("name", ["majority", "baseline", "deeper"])
def test_the_exported_network_equals_keras(name: str, export: Export) -> None:
    network = built(name)
    exported = Forward(export(network))
    expected = keras.ops.convert_to_numpy(network.predict_on_batch(PHOTOS))
    assert np.abs(exported(PHOTOS) - expected).max() < 1e-5


@EITHER
def test_means_inside_a_network_are_no_further_inputs(export: Export) -> None:
    """As EfficientNet holds them."""
    photo = keras.Input((32, 32, 3))
    scaled = keras.layers.Normalization(mean=[1.0, 2.0, 3.0], variance=[4.0, 9.0, 16.0])(photo)
    inner = keras.Model(photo, scaled)
    network = keras.Model(photo, keras.layers.GlobalAveragePooling2D()(inner(photo)))
    exported = Forward(export(network))
    assert [end.name for end in exported.inputs] == ["photo"]
    expected = (PHOTOS.mean(axis=(1, 2)) - [1, 2, 3]) / [2, 3, 4]
    assert np.abs(exported(PHOTOS) - expected).max() < 1e-3


@EITHER
def test_the_ends_have_names_and_a_free_batch_axis(export: Export) -> None:
    model = onnx.load_from_string(export(built("deeper")))
    (photo,), (probabilities,) = model.graph.input, model.graph.output
    assert (photo.name, probabilities.name) == ("photo", "probabilities")
    axes = [end.type.tensor_type.shape.dim for end in (photo, probabilities)]
    shapes = [[axis.dim_param or axis.dim_value for axis in dims] for dims in axes]
    assert shapes == [["photos", 32, 32, 3], ["photos", 3]]
    forward = Forward(model.SerializeToString())
    assert [len(forward(PHOTOS[:n])) for n in (1, 2, 5)] == [1, 2, 5]


def test_the_same_network_gives_the_same_bytes() -> None:
    network = built("deeper")
    first = to_onnx(network)
    assert to_onnx(network) == first
    # Layers of another number, as after other recipes in the same process, change nothing.
    assert to_onnx(built("deeper")) == first
    assert to_onnx(built("baseline")) != first


@pytest.mark.slow
def test_another_process_gives_the_same_bytes() -> None:
    # It has random hashes of its own, and its layers have other numbers.
    result = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    here = hashlib.sha256(to_onnx(built("deeper"))).hexdigest()
    assert result.stdout.splitlines()[-1] == here


@EITHER
def test_features_are_a_second_output(export: Export) -> None:
    network = built("deeper")
    both = keras.Model(network.input, [network.output, network.layers[-1].input])
    content = export(both)
    model = onnx.load_from_string(content)
    assert [end.name for end in model.graph.output] == ["probabilities", "features"]
    shapes = [
        [axis.dim_param or axis.dim_value for axis in end.type.tensor_type.shape.dim] for end in model.graph.output
    ]
    assert shapes == [["photos", 3], ["photos", 128]]
    probabilities, features = Forward(content).named_outputs(PHOTOS).values()
    expected = [keras.ops.convert_to_numpy(output) for output in both.predict_on_batch(PHOTOS)]
    assert np.abs(probabilities - expected[0]).max() < 1e-5
    assert np.abs(features - expected[1]).max() < 1e-4
    assert np.ptp(features) > 0.1
    other = built("deeper")
    assert export(keras.Model(other.input, [other.output, other.layers[-1].input])) == content


@EITHER
def test_nothing_of_this_machine_is_inside(export: Export) -> None:
    content = export(built("baseline"))
    model = onnx.load_from_string(content)
    for place in (str(Path.home()), str(Path(__file__).parent), sys.prefix, "tellapart-", "/tmp"):
        assert place.encode() not in content
    assert model.producer_name == "tellapart"
    assert not any(tensor.external_data for tensor in model.graph.initializer)


def test_what_cannot_be_written_is_converted() -> None:
    network = built_otherwise()
    exported = Forward(to_onnx(network))
    expected = keras.ops.convert_to_numpy(network.predict_on_batch(PHOTOS))
    assert np.abs(exported(PHOTOS) - expected).max() < 1e-5
    names = [output.name for output in Forward(to_onnx(network, outputs=("maps",))).outputs]
    assert names == ["maps"]


def test_plain_networks_need_no_converter_and_no_other_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    monkeypatch.setattr(onnx_export, "converted", None)
    for name in ("majority", "baseline", "deeper"):
        assert to_onnx(built(name), outputs=("shares",)) != to_onnx(built(name))


def test_an_export_from_jax_goes_through_another_process(monkeypatch: pytest.MonkeyPatch) -> None:
    network = built_otherwise()
    expected = keras.ops.convert_to_numpy(network.predict_on_batch(PHOTOS))
    sent: list[list[str]] = []

    def run(command: list[str], **how: Any) -> Any:  # noqa: ARG001
        sent.append(command)
        onnx_export.export(keras.models.load_model(command[-2]), Path(command[-1]))
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    monkeypatch.setattr(subprocess, "run", run)
    exported = Forward(to_onnx(network))
    assert len(sent) == 1
    assert np.abs(exported(PHOTOS) - expected).max() < 1e-5
