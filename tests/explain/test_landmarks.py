"""Where the scores, the features, the blocks and the first layer of a network are found."""

from typing import Any

import numpy as np
import onnx
import pytest
from small_graphs import Layer, graph_of

from tellapart.deploy.export import calibrated
from tellapart.errors import ModelFileError
from tellapart.explain.landmarks import Maps, find_features, find_first_convolution, find_logits, multiply_adds
from tellapart.explain.model_graph import ModelGraph

GENERATOR = np.random.default_rng(0)
FIRST, REST = {"perm": [0, 3, 1, 2]}, {"kernel_shape": [2, 2], "strides": [2, 2]}
PADS = {"pads": [1, 1, 1, 1]}


def weights(*shape: int) -> np.ndarray:
    return GENERATOR.normal(size=shape)


def built(layers: list[Layer], size: int = 16, channels: int = 4, **constants: np.ndarray) -> ModelGraph:
    """A network from the scaled photo to probabilities; `layers` read `maps` and name their outputs by number."""
    start: list[Layer] = [("Mul", ["photo", "scale"], {}), ("Transpose", ["0"], FIRST)]
    moved = [(kind, [str(int(name) + 2) if name.isdecimal() else name for name in inputs], how) for kind, inputs, how
             in layers]  # fmt: skip
    number = len(start) + len(moved)
    end: list[Layer] = [
        ("GlobalAveragePool", [str(number - 1)], {}),
        ("Flatten", [str(number)], {}),
        ("MatMul", [str(number + 1), "head"], {}),
        ("Add", [str(number + 2), "bias"], {}),
        ("Softmax", [str(number + 3)], {}),
    ]
    inputs = [(kind, ["1" if name == "maps" else name for name in names], how) for kind, names, how in moved]
    fixed = {"scale": np.array(1 / 255), "head": weights(channels, 3), "bias": weights(3), **constants}
    return ModelGraph(graph_of([*start, *inputs, *end], (size, size, 3), fixed))


def conv(before: str, kernel: str, **how: Any) -> Layer:
    return "Conv", [before, kernel], {**PADS, **how}


def test_blocks_end_before_rows_and_columns_shrink() -> None:
    """As in VGG: two convolutions and a pooling, twice."""
    graph = built(
        [
            conv("maps", "a"), ("Relu", ["0"], {}), conv("1", "b"), ("Relu", ["2"], {}), ("MaxPool", ["3"], REST),
            conv("4", "b"), ("Relu", ["5"], {}), ("MaxPool", ["6"], REST),
        ],
        a=weights(4, 3, 3, 3), b=weights(4, 4, 3, 3),
    )  # fmt: skip
    maps = Maps(graph, find_logits(graph))
    assert maps.blocks == ("5", "8")
    assert [maps.shape(tensor) for tensor in maps.blocks] == [(16, 16, 4), (8, 8, 4)]
    assert maps.channels_first["5"]
    assert not maps.channels_first["photo"]
    assert graph.maker["5"].op_type == "Relu"


def test_blocks_end_behind_their_skips() -> None:
    """As in ResNet: the last maps of a size that everything passes, not those inside a branch."""
    graph = built(
        [
            conv("maps", "a"), ("Relu", ["0"], {}), conv("1", "b"), ("Add", ["1", "2"], {}), ("Relu", ["3"], {}),
            conv("4", "b"), conv("5", "b", strides=[2, 2]), conv("4", "c", strides=[2, 2], pads=[0] * 4),
            ("Add", ["6", "7"], {}), ("Relu", ["8"], {}),
        ],
        a=weights(4, 3, 3, 3), b=weights(4, 4, 3, 3), c=weights(4, 4, 1, 1),
    )  # fmt: skip
    maps = Maps(graph, find_logits(graph))
    assert maps.blocks == ("6", "11")
    assert [graph.maker[tensor].op_type for tensor in maps.blocks] == ["Relu", "Relu"]


def test_where_nothing_is_passed_by_all_the_last_maps_count() -> None:
    """As in NASNet: every cell takes from the two before it."""
    graph = built(
        [conv("maps", "a"), conv("maps", "a"), conv("0", "b", strides=[2, 2]), conv("1", "b", strides=[2, 2]),
         ("Add", ["2", "3"], {})],
        a=weights(4, 3, 3, 3), b=weights(4, 4, 3, 3),
    )  # fmt: skip
    assert Maps(graph, find_logits(graph)).blocks == ("3", "6")


def test_maps_that_are_made_of_tokens() -> None:
    """As in a transformer: channels come last, which the transpose before the pooling tells."""
    graph = built(
        [
            ("Conv", ["maps", "a"], {"strides": [4, 4]}), ("Transpose", ["0"], {"perm": [0, 2, 3, 1]}),
            ("Reshape", ["1", "tokens"], {}), ("Tanh", ["2"], {}), ("Reshape", ["3", "grid"], {}),
            ("Transpose", ["4"], FIRST),
        ],
        a=weights(4, 3, 4, 4), tokens=np.array([0, 16, 4]), grid=np.array([0, 4, 4, 4]),
    )  # fmt: skip
    maps = Maps(graph, find_logits(graph))
    assert maps.blocks == ("6",)
    assert maps.shape("6") == (4, 4, 4)
    assert not maps.channels_first["6"]


def small() -> ModelGraph:
    return built([conv("maps", "a")], a=weights(4, 3, 3, 3))


def test_scores_are_those_before_the_first_softmax() -> None:
    graph = small()
    assert graph.maker[find_logits(graph)].op_type == "Add"
    plain = graph_of([("MatMul", ["photo", "w"], {}), ("Softmax", ["0"], {})], (3,), {"w": weights(3, 2)})
    model = onnx.load_from_string(plain)
    model.graph.node[-1].output[0] = "probabilities"
    end = onnx.helper.make_tensor_value_info("probabilities", onnx.TensorProto.FLOAT, ["photos", 2])
    model.graph.output[0].CopyFrom(end)
    hot = ModelGraph(calibrated(bytes(model.SerializeToString()), 1.7))
    assert [node.op_type for node in hot.nodes] == ["MatMul", "Softmax", "Max", "Log", "Div", "Softmax"]
    assert find_logits(hot) == "0"


def test_features_are_what_the_last_linear_layer_reads() -> None:
    graph = small()
    assert graph.maker[find_features(graph, find_logits(graph))].op_type == "Flatten"


@pytest.mark.parametrize("kind", ["Relu", "Softmax"])
def test_a_model_of_another_make_is_refused(kind: str) -> None:
    graph = ModelGraph(graph_of([(kind, ["photo"], {})], (3,)))
    with pytest.raises(ModelFileError, match=r"Next: give the model\.onnx"):
        find_features(graph, find_logits(graph))


def test_the_first_layer_is_a_convolution_of_three_colours_or_none() -> None:
    graph = small()
    assert find_first_convolution(graph) is graph.nodes[2]
    linear = graph_of([("MatMul", ["photo", "w"], {}), ("Softmax", ["0"], {})], (3,), {"w": weights(3, 2)})
    assert find_first_convolution(ModelGraph(linear)) is None
    assert find_first_convolution(ModelGraph(graph_of([("Relu", ["photo"], {})], (3,)))) is None


def test_multiplications_are_counted() -> None:
    assert multiply_adds(small()) == 16 * 16 * 4 * 27 + 4 * 3
