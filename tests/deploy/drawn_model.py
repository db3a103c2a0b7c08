"""A model file drawn in ONNX by hand: maps, pooling, a linear layer; made in milliseconds, no framework needed."""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from tellapart.deploy.golden import as_golden
from tellapart.deploy.passport import FORMAT
from tellapart.deploy.seal import KEY, sealed
from tellapart.explain.heat_output import with_heat
from tellapart.models.forward import Forward

SIZE = 16
CLASSES = ("bed", "chair & co", "椅子")


def drawn_network(*, heat: bool = True) -> bytes:
    """A network of photos of 16 pixels and three classes."""
    generator = np.random.default_rng(0)

    def weights(name: str, *shape: int) -> Any:
        return numpy_helper.from_array(generator.normal(0, 0.3, shape).astype(np.float32), name)

    make = helper.make_node
    nodes = [
        make("Transpose", ["photo"], ["channels_first"], perm=[0, 3, 1, 2]),
        make("Div", ["channels_first", "scale"], ["scaled"]),
        make("Conv", ["scaled", "kernels", "bias"], ["first"], kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
        make("Relu", ["first"], ["maps"]),
        make("MaxPool", ["maps"], ["halved"], kernel_shape=[2, 2], strides=[2, 2]),
        make("Conv", ["halved", "more_kernels"], ["second"], kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
        make("Relu", ["second"], ["last_maps"]),
        make("GlobalAveragePool", ["last_maps"], ["pooled"]),
        make("Flatten", ["pooled"], ["features"]),
        make("MatMul", ["features", "weights"], ["linear"]),
        make("Add", ["linear", "offsets"], ["logits"]),
        make("Softmax", ["logits"], ["probabilities"], axis=-1),
    ]
    constants = [
        numpy_helper.from_array(np.float32(255), "scale"),
        weights("kernels", 4, 3, 3, 3),
        weights("bias", 4),
        weights("more_kernels", 6, 4, 3, 3),
        weights("weights", 6, len(CLASSES)),
        weights("offsets", len(CLASSES)),
    ]
    network = network_of(nodes, constants)
    return with_heat(network, "pocket") if heat else network


def network_of(nodes: Sequence[Any], constants: Sequence[Any], *, functions: Sequence[Any] = ()) -> bytes:
    """A network of these nodes, from `photo` to `probabilities`."""
    ends = {"photo": ["photos", SIZE, SIZE, 3], "probabilities": ["photos", len(CLASSES)]}
    photo, told = (helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in ends.items())
    graph = helper.make_graph(list(nodes), "drawn", [photo], [told], list(constants))
    opsets = [helper.make_opsetid("", 17)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8, functions=list(functions))
    return bytes(model.SerializeToString())


def pictures(n: int, seed: int = 0) -> np.ndarray:
    """Noise of several shades, (n, 16, 16, 3), uint8."""
    generator = np.random.default_rng(seed)
    shades = generator.integers(0, 200, (n, 1, 1, 3))
    return np.asarray(np.clip(shades + generator.integers(0, 56, (n, SIZE, SIZE, 3)), 0, 255), dtype=np.uint8)


def drawn_passport(network: bytes) -> dict[str, Any]:
    """What a file of that network says of itself."""
    some = pictures(3)
    outputs = Forward(network).named_outputs(some)
    answers = [{name: output[number] for name, output in outputs.items()} for number in range(len(some))]
    return {
        "format": FORMAT,
        "classes": list(CLASSES),
        "pixels": {"size": SIZE, "geometry": "squash", "scaling": "0 to 1"},
        "temperature": 1.0,
        "scores": {"test": {"accuracy": 0.9, "confusion": [[3, 0, 0]], "n": 3}},
        "golden": [as_golden(*pair, CLASSES) for pair in zip(some, answers, strict=True)],
    }


def drawn_model(*, heat: bool = True) -> bytes:
    """The bytes of the model file."""
    network = drawn_network(heat=heat)
    return sealed(network, drawn_passport(network))


def changed(content: bytes, **fields: object) -> bytes:
    """A model file with other fields in its passport, and a digest that fits."""
    (text,) = (entry.value for entry in onnx.load_from_string(content).metadata_props if entry.key == KEY)
    return sealed(content, {**json.loads(text), **fields})
