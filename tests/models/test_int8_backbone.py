import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from tellapart.errors import OptionError
from tellapart.models import int8_backbone as module
from tellapart.models.forward import Forward
from tellapart.models.int8_backbone import first_layers, int8_backbone, weight_bits
from tiny_backbone import tiny_backbone

GENERATOR = np.random.default_rng(0)
LIGHT = GENERATOR.uniform(0.3, 1.0, (60, 1, 1, 3))
PHOTOS = (GENERATOR.integers(0, 256, (60, 24, 24, 3)) * LIGHT).astype(np.uint8)
LEARNED, NEW = PHOTOS[:40], PHOTOS[40:]


def features(content: bytes, pictures: np.ndarray) -> np.ndarray:
    return Forward(content).named_outputs(pictures, ["features"])["features"]


def test_features_stay_near_and_their_means_agree() -> None:
    content = int8_backbone(tiny_backbone(), LEARNED)
    kinds = {node.op_type for node in onnx.load_from_string(content).graph.node}
    assert {"QuantizeLinear", "DequantizeLinear"} <= kinds
    assert [end.name for end in Forward(content).outputs] == ["features"]
    expected, found = features(tiny_backbone(), NEW), features(content, NEW)
    spread = expected.std(axis=0)
    assert np.sqrt(np.square(found - expected).mean(axis=0)).max() < 0.15 * spread.max()
    assert not np.array_equal(found, expected), "it is not the network in float32"
    learned = features(content, LEARNED).mean(axis=0)
    assert learned == pytest.approx(features(tiny_backbone(), LEARNED).mean(axis=0), abs=1e-4)


def test_means_of_lower_maps_are_corrected_by_themselves() -> None:
    plain = tiny_backbone(lower=True)
    content = int8_backbone(plain, LEARNED)
    expected, found = (Forward(one).named_outputs(LEARNED) for one in (plain, content))
    assert list(found) == ["features", "lower"]
    for name in found:
        assert found[name].mean(axis=0) == pytest.approx(expected[name].mean(axis=0), abs=1e-4)
        assert found[name].std() == pytest.approx(expected[name].std(), rel=0.05)
    assert not np.array_equal(found["lower"], expected["lower"])


def test_the_same_photos_give_the_same_bytes() -> None:
    assert int8_backbone(tiny_backbone(), LEARNED[:8]) == int8_backbone(tiny_backbone(), LEARNED[:8])


@pytest.mark.parametrize(("vnni", "bits", "most"), [(True, 8, 127), (False, 7, 64)])
def test_weights_have_the_bits_that_the_processor_bears(
    monkeypatch: pytest.MonkeyPatch, vnni: bool, bits: int, most: int
) -> None:
    monkeypatch.setattr(module, "has_vnni", lambda: vnni)
    assert weight_bits() == bits
    graph = onnx.load_from_string(int8_backbone(tiny_backbone(), LEARNED[:4])).graph
    weights = [onnx.numpy_helper.to_array(one) for one in graph.initializer if one.data_type == TensorProto.INT8]
    largest = max(int(np.abs(one.astype(int)).max()) for one in weights)
    assert most - 1 <= largest <= most


def test_the_first_layers_stay_in_float(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = onnx.load_from_string(tiny_backbone()).graph
    assert first_layers(graph) == ["scaling", "turn"]
    monkeypatch.setattr(module, "FIRST_LAYERS_PLAIN", 0.5)  # the first convolution holds 27 %
    assert first_layers(graph) == ["scaling", "turn", "conv1", "relu1"]
    monkeypatch.setattr(module, "FIRST_LAYERS", 0.0)
    grouped = onnx.load_from_string(tiny_backbone()).graph
    grouped.node[2].attribute.append(helper.make_attribute("group", 2))
    assert first_layers(grouped) == ["scaling", "turn"]
    quantised = onnx.load_from_string(int8_backbone(tiny_backbone(), LEARNED[:4])).graph
    kept = {one.name: one.data_type for one in quantised.initializer}
    assert kept["w1"] == TensorProto.FLOAT
    assert "w2" not in kept


def test_what_has_no_weights_is_refused() -> None:
    graph = helper.make_graph(
        [helper.make_node("ReduceMean", ["photo"], ["features"], name="pool", axes=[1, 2], keepdims=0)],
        "flat",
        [helper.make_tensor_value_info("photo", TensorProto.FLOAT, ["photos", 24, 24, 3])],
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["photos", 3])],
    )
    flat = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)], ir_version=8).SerializeToString()
    with pytest.raises(OptionError, match="leave --fast out"):
        int8_backbone(flat, LEARNED[:2])
