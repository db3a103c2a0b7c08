from collections.abc import Callable

import numpy as np
import onnx
import pytest

from tellapart.models import onnx_primitives as layers
from tellapart.models.forward import Forward
from tellapart.models.onnx_folding import Node, folded
from tellapart.models.onnx_primitives import Window
from tellapart.models.onnx_writer import Graph, Value

CHANCE = np.random.default_rng(0)
PHOTOS = CHANCE.normal(size=(2, 6, 7, 3)).astype(np.float32)
KERNEL, WIDE = (CHANCE.normal(size=(3, 3, width, 4)).astype(np.float32) for width in (3, 4))
BIAS, SCALE, SHIFT = (CHANCE.normal(size=4).astype(np.float32) for _ in range(3))
SMALL_SCALE, SMALL_SHIFT = SCALE[:3], SHIFT[:3]


def convolved(graph: Graph, x: Value, *, bias: bool = True) -> Value:
    kernel = KERNEL if x.channels == 3 else WIDE
    return layers.convolution(graph, x, kernel, BIAS if bias else None, Window((3, 3), (2, 1)))


def normed(graph: Graph, x: Value) -> Value:
    return layers.batch_norm(graph, x, SCALE, SHIFT)


Build = Callable[[Graph], dict[str, Value]]


def kinds_and_answers(build: Build, monkeypatch: pytest.MonkeyPatch) -> tuple[list[str], float]:
    """Kinds of the nodes, without the transpositions; and the largest difference from the network as it was written."""
    graph = Graph((6, 7, 3))
    small = graph.finished(build(graph))
    graph = Graph((6, 7, 3))
    monkeypatch.setattr("tellapart.models.onnx_folding._joined", lambda *_: False)
    large = graph.finished(build(graph))
    monkeypatch.undo()
    answers = [Forward(content).named_outputs(PHOTOS) for content in (small, large)]
    assert list(answers[0]) == list(answers[1])
    difference = max(float(np.abs(answers[0][name] - answers[1][name]).max()) for name in answers[0])
    nodes = onnx.load_from_string(small).graph.node
    return [node.op_type for node in nodes if node.op_type != "Transpose"], difference


@pytest.mark.parametrize("bias", [True, False])
def test_a_norm_behind_a_convolution_becomes_part_of_it(bias: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    def build(graph: Graph) -> dict[str, Value]:
        return {"out": normed(graph, normed(graph, convolved(graph, graph.photo, bias=bias)))}

    kinds, difference = kinds_and_answers(build, monkeypatch)
    assert kinds == ["Conv"]
    assert difference < 1e-5


def test_zeros_before_a_convolution_become_part_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def build(graph: Graph) -> dict[str, Value]:
        return {"out": normed(graph, convolved(graph, layers.padded(graph, graph.photo, (1, 2), (3, 0))))}

    kinds, difference = kinds_and_answers(build, monkeypatch)
    assert kinds == ["Conv"]
    assert difference < 1e-5


def test_what_somebody_else_reads_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    def between_is_an_output(graph: Graph) -> dict[str, Value]:
        raw = convolved(graph, graph.photo)
        return {"out": normed(graph, raw), "raw": raw}

    def zeros_are_read_twice(graph: Graph) -> dict[str, Value]:
        wide = layers.padded(graph, graph.photo, (1, 1), (1, 1))
        return {"a": convolved(graph, wide), "b": layers.global_pool(graph, wide, "Max")}

    assert kinds_and_answers(between_is_an_output, monkeypatch) == (["Conv", "BatchNormalization"], 0)
    assert kinds_and_answers(zeros_are_read_twice, monkeypatch) == (["Pad", "Conv", "GlobalMaxPool", "Flatten"], 0)


def test_a_norm_behind_something_else_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    def build(graph: Graph) -> dict[str, Value]:
        first = layers.batch_norm(graph, graph.photo, SMALL_SCALE, SMALL_SHIFT)
        return {"out": normed(graph, layers.activated(graph, convolved(graph, first), "Relu"))}

    kinds, difference = kinds_and_answers(build, monkeypatch)
    assert kinds == ["BatchNormalization", "Conv", "Relu", "BatchNormalization"]
    assert difference == 0


def test_shared_weights_take_each_their_own_norm(monkeypatch: pytest.MonkeyPatch) -> None:
    def build(graph: Graph) -> dict[str, Value]:
        raw = [convolved(graph, graph.photo), convolved(graph, layers.activated(graph, graph.photo, "Neg"))]
        return {"a": normed(graph, raw[0]), "b": layers.batch_norm(graph, raw[1], SHIFT, SCALE)}

    kinds, difference = kinds_and_answers(build, monkeypatch)
    assert kinds == ["Conv", "Neg", "Conv"]
    assert difference < 1e-5


def test_what_was_given_stays_as_it_is() -> None:
    nodes = [
        Node("Pad", ["photo", "p"], "wide", {}),
        Node("Conv", ["wide", "k"], "maps", {"pads": [0, 1, 0, 1]}),
        Node("Relu", ["photo"], "nowhere", {}),
    ]
    constants: dict[str, np.ndarray] = {
        "p": np.array([0, 0, 1, 2, 0, 0, 3, 4], np.int64),
        "k": np.ones((1, 1, 1, 1), np.float32),
    }
    before = str((nodes, constants))
    (node,), _ = folded(nodes, constants, ["maps"])
    assert node == Node("Conv", ["photo", "k"], "maps", {"pads": [1, 3, 3, 5]})
    assert str((nodes, constants)) == before
