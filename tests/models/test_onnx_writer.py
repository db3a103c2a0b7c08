import numpy as np
import onnx
import pytest

from tellapart.models.forward import Forward
from tellapart.models.onnx_primitives import activated, flattened
from tellapart.models.onnx_writer import Graph, Value

PHOTOS = np.random.default_rng(0).normal(size=(3, 4, 5, 2)).astype(np.float32)


def kinds(content: bytes) -> list[str]:
    model = onnx.load_from_string(content)
    onnx.checker.check_model(model, full_check=True)
    return [node.op_type for node in model.graph.node]


def test_channels_come_first_inside_and_last_outside() -> None:
    graph = Graph((4, 5, 2))
    content = graph.finished({"maps": activated(graph, graph.photo, "Relu")})
    assert kinds(content) == ["Transpose", "Relu", "Transpose"]
    forward = Forward(content)
    assert (forward(PHOTOS) == np.maximum(PHOTOS, 0)).all()
    assert [end.shape for end in (*forward.inputs, *forward.outputs)] == [["photos", 4, 5, 2]] * 2


def test_outputs_have_the_names_and_the_order_that_they_are_given() -> None:
    graph = Graph((4, 5, 2))
    maps = activated(graph, graph.photo, "Relu")
    deeper = activated(graph, maps, "Sigmoid")
    told = Forward(graph.finished({"b": deeper, "a": maps})).named_outputs(PHOTOS)
    assert list(told) == ["b", "a"]
    assert (told["a"] == np.maximum(PHOTOS, 0)).all()
    assert told["b"] == pytest.approx(1 / (1 + np.exp(-told["a"])), abs=1e-6)


def test_one_tensor_can_be_two_outputs_and_the_input_one() -> None:
    graph = Graph((7,))
    rows = PHOTOS.reshape(3, -1)[:, :7]
    relu = activated(graph, graph.photo, "Relu")
    told = Forward(graph.finished({"one": relu, "two": relu, "three": graph.photo})).named_outputs(rows)
    assert (told["one"] == told["two"]).all()
    assert (told["three"] == rows).all()


def test_flattened_maps_come_out_in_keras_order() -> None:
    graph = Graph((4, 5, 2))
    flat = flattened(graph, activated(graph, graph.photo, "Relu"))
    told = Forward(graph.finished({"flat": flat, "again": activated(graph, flat, "Neg")})).named_outputs(PHOTOS)
    assert (told["flat"] == np.maximum(PHOTOS, 0).reshape(3, -1)).all()
    assert (told["again"] == -told["flat"]).all()


def test_small_constants_are_kept_once() -> None:
    graph = Graph((7,))
    for large in (np.ones(2, np.float32), np.ones(100, np.float32)):
        total = graph.node("Add", [large, large.copy()], large.shape)
        graph.node("Add", [total, graph.photo], large.shape)
    assert sorted(len(array) for array in graph.constants.values()) == [2, 100, 100]


def test_what_leads_nowhere_is_not_written_and_the_same_is_written_the_same() -> None:
    def written(*, more: bool) -> bytes:
        graph = Graph((7,))
        if more:
            graph.node("Add", [graph.photo, np.ones(7, np.float32)], (7,))
        return graph.finished({"out": activated(graph, graph.photo, "Relu")})

    assert written(more=True) == written(more=False)


def test_a_value_knows_its_channels() -> None:
    assert Value("a", (4, 5, 2)).channels == 2
    assert Value("a", (7,)).channels == 7
