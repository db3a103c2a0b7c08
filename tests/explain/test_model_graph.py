"""A model read: what leads where, which shapes it has, what is the same for every photo."""

import numpy as np
import onnx
from small_graphs import Layer, graph_of

from tellapart.explain.model_graph import ModelGraph, ancestors, attributes, depending

CONTENT = graph_of(
    [
        ("Shape", ["photo"], {}),
        ("Gather", ["0", "first"], {}),
        ("Concat", ["1", "rest"], {"axis": 0}),
        ("Constant", [], {"value_floats": [1.0, 2.0]}),
        ("Sin", ["photo"], {}),
        ("Reshape", ["photo", "2"], {}),
        ("Mul", ["5", "3"], {}),
    ],
    (3, 4),
    {"first": np.array([0]), "rest": np.array([6, 2])},
)


def test_only_what_the_output_needs_is_read() -> None:
    graph = ModelGraph(CONTENT)
    assert [node.op_type for node in graph.nodes] == ["Shape", "Gather", "Concat", "Reshape", "Mul"]
    assert (graph.photo, graph.output, graph.opset) == ("photo", "6", 15)
    assert graph.maker["5"].op_type == "Reshape"
    assert [node.op_type for node in graph.readers["photo"]] == ["Shape", "Reshape"]
    assert graph.constants["3"].tolist() == [1, 2]


def test_shapes_are_those_of_two_photos_and_values_those_of_all() -> None:
    graph = ModelGraph(CONTENT)
    assert graph.shape("photo") == (2, 3, 4)
    assert graph.shape("6") == (2, 6, 2)
    assert graph.shape("rest") == (2,)
    assert graph.value("first") is not None
    assert graph.value("2") is None  # its first number is how many photos there are
    assert graph.value("6") is None


def test_shapes_carry_no_numbers_of_the_photo() -> None:
    graph = ModelGraph(CONTENT)
    assert graph.between == {"photo", "5", "6"}
    assert depending(graph.nodes, "5") == {"5", "6"}
    assert [node.op_type for node in ancestors(graph.nodes, "1")] == ["Shape", "Gather"]


def test_weights_that_are_computed_are_known_too() -> None:
    layers: list[Layer] = [("Exp", ["w"], {}), ("Transpose", ["0"], {}), ("Mul", ["photo", "1"], {})]
    graph = ModelGraph(graph_of(layers, (3, 4), {"w": np.zeros((4, 3), np.float32)}))
    told = graph.value("1")
    assert told is not None
    assert told.tolist() == np.ones((3, 4)).tolist()
    assert graph.value("2") is None


def test_a_part_is_a_model_with_the_constants_that_it_reads() -> None:
    graph = ModelGraph(CONTENT)
    part = onnx.load_from_string(graph.model(graph.nodes[:3], {}, {"input": ["photo"], "output": ["2"]}))
    assert {entry.name for entry in part.graph.initializer} == {"first", "rest"}
    assert part.opset_import[0].version == 16


def test_attributes_are_python_values() -> None:
    assert attributes(ModelGraph(CONTENT).nodes[2]) == {"axis": 0}
