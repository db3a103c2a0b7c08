"""A head on pooled features, put behind a backbone in ONNX form: a recipe's whole network, without Keras."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np

from tellapart.models.backbone_file import POOLED, READ, means_of
from tellapart.models.forward import Forward
from tellapart.models.task import Written

_LAST: Final = "last_means"


class Head(Protocol):
    """A head that NumPy can answer by."""

    @property
    def layers(self) -> Sequence[tuple[np.ndarray, np.ndarray]]:
        """Weights (in, out) and bias (out,) of each layer, float32; between two of them negative numbers become 0."""

    def probabilities(self, features: np.ndarray) -> np.ndarray:
        """Probabilities (photos, classes), float32, of features (photos, channels)."""


def written(backbone: bytes, head: Head, keras_file: Callable[[Path], None] | None = None) -> Written:
    """The network of a recipe: a backbone with a head behind it.

    Args:
        backbone: In ONNX form, as `backbone_onnx` gives it.
        head: On all means that it gives.
        keras_file: Writes the same network as Keras' file; None where it is not written.
    """
    content = with_head(backbone, head)
    return Written(content, count_numbers(content), _answering(backbone, head), keras_file)


def with_head(backbone: bytes, head: Head) -> bytes:
    """Put a head behind a backbone.

    Returns:
        The bytes of a network with the outputs `probabilities` and `features`, which is what the head reads.
    """
    import onnx

    model = onnx.load_from_string(backbone)
    graph, make = model.graph, onnx.helper
    names, width = means_of(graph), len(head.layers[0][0])
    if len(names) > 1:
        _join(graph, names)
    numbers = range(1, len(head.layers))
    ends = [(f"hidden_{number}", f"hidden_{number}_units", "Relu") for number in numbers]
    ends.append(("head", "probabilities", "Softmax"))
    given = POOLED
    for (weights, bias), (name, told, kind) in zip(head.layers, ends, strict=True):
        constants = [f"{name}_weights", f"{name}_bias"]
        for constant, value in zip(constants, (weights, bias), strict=True):
            graph.initializer.append(onnx.numpy_helper.from_array(value, constant))
        raw, how = f"{name}_logits", {"axis": -1} if kind == "Softmax" else {}
        graph.node.append(make.make_node("Gemm", [given, *constants], [raw], name=f"{name.title()}_logits"))
        graph.node.append(make.make_node(kind, [raw], [told], name=f"{name.title()}_{kind.lower()}", **how))
        given = told
    n_classes = len(head.layers[-1][1])
    shares = make.make_tensor_value_info("probabilities", onnx.TensorProto.FLOAT, ["photos", n_classes])
    features = make.make_tensor_value_info(POOLED, onnx.TensorProto.FLOAT, ["photos", width])
    del graph.output[:]
    graph.output.extend([shares, features])
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString(deterministic=True))


def _join(graph: Any, names: Sequence[str]) -> None:
    """Call `features` what a head reads: those of the last maps, and behind them those of the lower."""
    from onnx import helper

    for node in graph.node:
        for ends in (node.input, node.output):
            ends[:] = [_LAST if name == POOLED else name for name in ends]
    read = [_LAST if name == POOLED else name for name in names]
    graph.node.append(helper.make_node("Concat", read, [POOLED], name="Features", axis=1))


def count_numbers(content: bytes) -> int:
    """How many numbers the constants of a network hold."""
    import onnx

    return sum(int(np.prod(one.dims)) for one in onnx.load_from_string(content).graph.initializer)


def _answering(backbone: bytes, head: Head) -> Callable[[np.ndarray], np.ndarray]:
    forward = Forward(backbone)

    def answer(pictures: np.ndarray) -> np.ndarray:
        return head.probabilities(read_by_head(forward, pictures))

    return answer


def read_by_head(backbone: Forward, pictures: np.ndarray) -> np.ndarray:
    """What a head reads of pictures (photos, size, size, 3): all means that a backbone gives, (photos, channels)."""
    found = backbone.named_outputs(pictures, READ)
    return np.concatenate([found[name] for name in READ if name in found], axis=1)
