"""A network of two convolutions that gives maps and features, as a backbone does; made without Keras."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SIZE = 24
CHANNELS = 8


def tiny_backbone(seed: int = 0, *, lower: bool = False) -> bytes:
    """From `photo` (n, 24, 24, 3), 0 to 255, to `maps` (n, 6, 6, 8), `features` (n, 8) and perhaps `lower` (n, 16)."""
    generator = np.random.default_rng(seed)

    def weights(name: str, *shape: int) -> onnx.TensorProto:
        spread = 1.0 / np.sqrt(np.prod(shape[1:]))
        return numpy_helper.from_array(generator.normal(0, spread, shape).astype(np.float32), name)

    shifted = numpy_helper.from_array(np.full(1, 1 / 127.5, dtype=np.float32), "scale")
    nodes = [
        helper.make_node("Mul", ["photo", "scale"], ["scaled"], name="scaling"),
        helper.make_node("Transpose", ["scaled"], ["planes"], name="turn", perm=[0, 3, 1, 2]),
        helper.make_node("Conv", ["planes", "w1", "b1"], ["c1"], name="conv1", strides=[2, 2], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c1"], ["r1"], name="relu1"),
        helper.make_node("Conv", ["r1", "w2", "b2"], ["c2"], name="conv2", strides=[2, 2], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c2"], ["r2"], name="relu2"),
        helper.make_node("Transpose", ["r2"], ["maps"], name="back", perm=[0, 2, 3, 1]),
        helper.make_node("ReduceMean", ["maps"], ["features"], name="pool", axes=[1, 2], keepdims=0),
    ]
    if lower:
        nodes.append(helper.make_node("ReduceMean", ["r1"], ["lower"], name="pool1", axes=[2, 3], keepdims=0))
    constants = [
        shifted,
        weights("w1", 16, 3, 3, 3),
        weights("b1", 16),
        weights("w2", CHANNELS, 16, 3, 3),
        weights("b2", CHANNELS),
    ]
    side = SIZE // 4
    outputs = [("maps", ["photos", side, side, CHANNELS]), ("features", ["photos", CHANNELS])]
    outputs += [("lower", ["photos", 16])] if lower else []
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("photo", TensorProto.FLOAT, ["photos", SIZE, SIZE, 3])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in outputs],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)], ir_version=8)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())
