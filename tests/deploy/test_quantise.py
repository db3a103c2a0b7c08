import numpy as np
import onnx
import pytest

from ladder_models import SIZE, nested, photos, recipe
from tellapart.deploy.int8 import outputs_of
from tellapart.deploy.quantise import quantise
from tellapart.deploy.runtime import HEAT, PROBABILITIES, STRANGER
from tellapart.errors import ModelFileError
from tellapart.explain.heat_output import with_heat
from tellapart.models.forward import Forward
from tellapart.models.quantisation import scaling_nodes


@pytest.fixture(scope="module")
def pair() -> tuple[bytes, bytes]:
    """A model file with a backbone, and its quantised network."""
    content = nested("small_vgg", SIZE)[1].content
    return content, quantise(content, photos(12, SIZE))


def graph_of(content: bytes) -> onnx.GraphProto:
    return onnx.load_from_string(content).graph


def test_it_answers_much_as_before(pair: tuple[bytes, bytes]) -> None:
    before, after = (outputs_of(content, photos(30, SIZE, seed=1)) for content in pair)
    assert before.keys() == after.keys() == {PROBABILITIES, STRANGER}
    assert 1e-6 < np.abs(before[PROBABILITIES] - after[PROBABILITIES]).max() < 0.05
    assert np.allclose(after[PROBABILITIES].sum(axis=1), 1, atol=1e-5)
    assert np.allclose(before[STRANGER], after[STRANGER], rtol=0.2)


def test_it_is_made_of_standard_operators_and_is_smaller(pair: tuple[bytes, bytes]) -> None:
    graph = graph_of(pair[1])
    whole = onnx.load_from_string(pair[1])
    assert {node.domain for node in graph.node} | {one.domain for one in whole.opset_import} == {""}
    assert not whole.metadata_props
    assert {"QuantizeLinear", "DequantizeLinear"} <= {node.op_type for node in graph.node}
    kernels = [one for one in graph.initializer if one.data_type == onnx.TensorProto.INT8 and len(one.dims) == 4]
    assert len(kernels) == 6
    assert len(pair[1]) < len(pair[0])


def test_weights_keep_within_7_bits(pair: tuple[bytes, bytes]) -> None:
    for one in graph_of(pair[1]).initializer:
        if one.data_type == onnx.TensorProto.INT8:
            assert np.abs(onnx.numpy_helper.to_array(one).astype(int)).max() <= 64


def test_strangers_temperature_and_scaling_stay_in_float(pair: tuple[bytes, bytes]) -> None:
    before, after = (graph_of(content) for content in pair)
    made = {name: node for node in after.node for name in node.output}
    for node in before.node:
        if node.name.startswith(("Stranger", "Calibration")):
            (same,) = (other for other in after.node if other.name == node.name)
            assert same.op_type == node.op_type
            makers = {made[name].op_type for name in same.input if name in made}
            assert "DequantizeLinear" not in makers or node.name == "Stranger_moved"  # the features come quantised
    first = scaling_nodes(before)
    assert 0 < len(first) < 6
    assert not any(node.op_type in {"Conv", "MatMul"} for node in before.node if node.name in first)


def test_the_heat_map_stays_and_shows_much_the_same(pair: tuple[bytes, bytes]) -> None:
    content = with_heat(pair[0], "vgg16")
    pictures = photos(8, SIZE, seed=1).astype(np.float32)
    before, after = (Forward(one).named_outputs(pictures) for one in (content, quantise(content, photos(12, SIZE))))
    assert before.keys() == after.keys() >= {HEAT}
    maps = [one[HEAT].reshape(len(pictures), -1) for one in (before, after)]
    assert maps[0].max() > 0
    likeness = (maps[0] * maps[1]).sum(axis=1) / np.prod([np.linalg.norm(one, axis=1) for one in maps], axis=0)
    assert np.median(likeness) > 0.9


def test_the_same_photos_give_the_same_bytes(pair: tuple[bytes, bytes]) -> None:
    assert quantise(pair[0], photos(12, SIZE)) == pair[1]


def test_what_has_nothing_to_quantise_is_told() -> None:
    content = onnx.load_from_string(recipe("baseline")[1].content)
    graph = content.graph
    make = onnx.helper
    del graph.node[:], graph.initializer[:]
    graph.initializer.append(onnx.numpy_helper.from_array(np.array([1, 2], np.int64), "axes"))
    graph.node.extend(
        [
            make.make_node("ReduceMean", ["photo"], ["mean"], axes=[1, 2], keepdims=0, name="a"),
            make.make_node("Softmax", ["mean"], ["probabilities"], name="b"),
        ]
    )
    with pytest.raises(ModelFileError, match="Nothing in this network can be quantised"):
        quantise(content.SerializeToString(), photos(2, SIZE))
