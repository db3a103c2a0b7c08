"""A head on pooled features, put behind a backbone in ONNX form: a recipe's whole network, without Keras."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from tellapart.models.backbone_file import POOLED
from tellapart.models.forward import Forward
from tellapart.models.task import Written


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
        backbone: In ONNX form, with the output `features`, (photos, channels).
        head: On these.
        keras_file: Writes the same network as Keras' file; None where it is not written.
    """
    content = with_head(backbone, head)
    return Written(content, count_numbers(content), _answering(backbone, head), keras_file)


def with_head(backbone: bytes, head: Head) -> bytes:
    """Put a head behind a backbone.

    Returns:
        The bytes of a network with the outputs `probabilities` and `features`.
    """
    import onnx

    model = onnx.load_from_string(backbone)
    graph, make = model.graph, onnx.helper
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
    kept = [shares, *(end for end in graph.output if end.name == POOLED)]
    del graph.output[:]
    graph.output.extend(kept)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString(deterministic=True))


def count_numbers(content: bytes) -> int:
    """How many numbers the constants of a network hold."""
    import onnx

    return sum(int(np.prod(one.dims)) for one in onnx.load_from_string(content).graph.initializer)


def _answering(backbone: bytes, head: Head) -> Callable[[np.ndarray], np.ndarray]:
    forward = Forward(backbone)

    def answer(pictures: np.ndarray) -> np.ndarray:
        return head.probabilities(forward.named_outputs(pictures, [POOLED])[POOLED])

    return answer
