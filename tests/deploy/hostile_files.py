"""Model files made to do harm: each is small, and asks for gigabytes, for other files, or to be run."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from drawn_model import SIZE, changed, drawn_model, drawn_network, drawn_passport, network_of
from onnx import TensorProto, helper, load_from_string, numpy_helper

from tellapart.deploy.seal import sealed

_MANY = 60_000  # numbers along a side: squared, 14 GB of float32
make = helper.make_node


def _growing(nodes: Sequence[Any], constants: dict[str, Any]) -> bytes:
    """A file whose nodes make the tensor `big`, of which nothing reaches the probabilities."""
    ends = {
        "nothing": np.zeros(1, np.float32),
        "flat": np.array([-1, 3 * SIZE * SIZE], np.int64),
        "weights": np.zeros((3 * SIZE * SIZE, 3), np.float32),
    }
    behind = [
        make("ReduceMax", ["big"], ["most"], keepdims=0),
        make("Mul", ["most", "nothing"], ["none"]),
        make("Reshape", ["photo", "flat"], ["row"]),
        make("MatMul", ["row", "weights"], ["linear"]),
        make("Add", ["linear", "none"], ["logits"]),
        make("Softmax", ["logits"], ["probabilities"], axis=-1),
    ]
    kept = [numpy_helper.from_array(np.asarray(value), name) for name, value in (constants | ends).items()]
    return sealed(network_of([*nodes, *behind], kept), drawn_passport(drawn_network(heat=False)))


def _outer() -> bytes:
    column = np.ones((_MANY, 1), np.float32)
    return _growing([make("MatMul", ["column", "row_of"], ["big"])], {"column": column, "row_of": column.T.copy()})


def _broadcast() -> bytes:
    column = np.ones((_MANY, 1), np.float32)
    return _growing([make("Add", ["column", "row_of"], ["big"])], {"column": column, "row_of": column.T.copy()})


def _filled() -> bytes:
    return _growing([make("ConstantOfShape", ["sides"], ["big"])], {"sides": np.array([_MANY, _MANY], np.int64)})


def _expanded() -> bytes:
    constants = {"one": np.ones((1, 1), np.float32), "sides": np.array([_MANY, _MANY], np.int64)}
    return _growing([make("Expand", ["one", "sides"], ["big"])], constants)


def _tiled() -> bytes:
    constants = {"one": np.ones((1, 1), np.float32), "sides": np.array([_MANY, _MANY], np.int64)}
    return _growing([make("Tile", ["one", "sides"], ["big"])], constants)


def _enlarged() -> bytes:
    constants = {"scales": np.array([1, 4000, 4000, 1], np.float32)}
    return _growing([make("Resize", ["photo", "", "scales"], ["big"], mode="nearest")], constants)


def _padded() -> bytes:
    pads = np.array([0, _MANY, _MANY, 0, 0, 0, 0, 0], np.int64)
    return _growing([make("Pad", ["photo", "pads"], ["big"])], {"pads": pads})


def _joined() -> bytes:
    """Doubled again and again."""
    nodes = [make("Concat", [f"x{n}", f"x{n}"], [f"x{n + 1}"], axis=0) for n in range(34)]
    return _growing([*nodes, make("Identity", ["x34"], ["big"])], {"x0": np.ones((1, 1), np.float32)})


def _counted() -> bytes:
    constants = {"from": np.float32(0), "to": np.float32(8e9), "step": np.float32(1)}
    return _growing([make("Range", ["from", "to", "step"], ["big"])], constants)


def _per_photo() -> bytes:
    """It grows with the photo, so that nothing can be told before it runs."""
    constants = {"column_of": np.array([-1, 1], np.int64), "row_of": np.ones((1, 6_000_000), np.float32)}
    nodes = [make("Reshape", ["photo", "column_of"], ["column"]), make("MatMul", ["column", "row_of"], ["big"])]
    return _growing(nodes, constants)


def _altered(change: Callable[[Any], object]) -> bytes:
    model = load_from_string(drawn_model())
    change(model)
    return sealed(model.SerializeToString(), drawn_passport(drawn_network()))


def _huge_dims() -> bytes:
    return _altered(lambda model: model.graph.initializer[0].dims.extend([1 << 40, 1 << 40]))


def _huge_photo() -> bytes:
    def widen(model: Any) -> None:
        for place in (1, 2):
            model.graph.input[0].type.tensor_type.shape.dim[place].dim_value = 1 << 20

    pixels = {"size": 1 << 20, "geometry": "squash", "scaling": "none"}
    return changed(_altered(widen), pixels=pixels)


def _external() -> bytes:
    def move(model: Any) -> None:
        tensor = model.graph.initializer[1]
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value="/etc/passwd")

    return _altered(move)


def _nested() -> bytes:
    """A graph in a graph in a graph, five thousand deep, which costs a reader its stack."""
    inner = b""
    for _ in range(5000):
        length, size = len(inner), bytearray()
        while length > 0x7F:
            size.append(length & 0x7F | 0x80)
            length >>= 7
        size.append(length)
        inner = b"\x3a" + bytes(size) + inner
    return inner


def _loop() -> bytes:
    body = helper.make_graph([], "body", [], [])
    return _altered(lambda model: model.graph.node.append(make("Loop", ["", "scale"], ["endless"], body=body)))


def _library() -> bytes:
    return _altered(lambda model: model.graph.node.append(make("PyOp", ["scale"], ["x"], domain="ai.onnx.contrib")))


HOSTILE: dict[str, Callable[[], bytes]] = {
    name.removeprefix("_"): function
    for name, function in list(globals().items())
    if callable(function) and name in {
        "_outer", "_broadcast", "_filled", "_expanded", "_tiled", "_enlarged", "_padded", "_joined", "_counted",
        "_per_photo", "_huge_dims", "_huge_photo", "_external", "_nested", "_loop", "_library",
    }
}  # fmt: skip
