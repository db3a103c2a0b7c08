"""Small ONNX graphs, and their gradients measured: finite differences in float64 by ONNX's own reference."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from onnx.reference import ReferenceEvaluator

from tellapart.explain.backward import GRADIENT, SEED, gradient_model
from tellapart.explain.model_graph import ModelGraph
from tellapart.models.forward import runtime_session

Layer = tuple[str, Sequence[str], dict[str, Any]]
STEP = 3e-4  # the reference computes Erf in float32


def graph_of(
    layers: Sequence[Layer],
    side: Sequence[int],
    constants: dict[str, Any] | None = None,
    *,
    kind: int = onnx.TensorProto.FLOAT,
    opset: int = 15,
) -> bytes:
    """A model of some nodes in a row.

    Args:
        layers: Operator, inputs and attributes of each node; the node's output is its number as text, the
            model's output that of the last. `_` in the attributes names how many outputs a node has.
        side: Shape of the input `photo`, without the batch.
        constants: By name.
        kind: Of the floats.
        opset: Version of the operators.
    """
    dtype = onnx.helper.tensor_dtype_to_np_dtype(kind)
    nodes = []
    for number, (operator, inputs, given) in enumerate(layers):
        how = dict(given)
        more = [f"{number}.{other}" for other in range(1, how.pop("_", 1))]
        nodes.append(onnx.helper.make_node(operator, inputs, [str(number), *more], **how))
    arrays = {name: np.asarray(value) for name, value in (constants or {}).items()}
    kept = [
        onnx.numpy_helper.from_array(array.astype(dtype) if array.dtype.kind == "f" else array, name)
        for name, array in arrays.items()
    ]
    ends = [
        onnx.helper.make_tensor_value_info("photo", kind, ["photos", *side]),
        onnx.helper.make_tensor_value_info(str(len(layers) - 1), kind, None),
    ]
    graph = onnx.helper.make_graph(nodes, "small", ends[:1], ends[1:], kept)
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", opset)], ir_version=8)
    return bytes(model.SerializeToString())


def computed(content: bytes, x: np.ndarray, seed: np.ndarray) -> np.ndarray:
    """The gradient by the backward graph."""
    graph = ModelGraph(content)
    session = runtime_session(gradient_model(graph, graph.output, graph.photo))
    told = session.run([GRADIENT], {"photo": x.astype(np.float32), SEED: seed.astype(np.float32)})[0]
    return np.asarray(told)


def measured(content: bytes, x: np.ndarray, seed: np.ndarray) -> np.ndarray:
    """The gradient by differences; `content` computes in float64."""
    forward = ReferenceEvaluator(onnx.load_from_string(content))
    found = np.zeros(x.shape)
    for place in np.ndindex(*x.shape):
        moved = [x.copy(), x.copy()]
        moved[0][place] -= STEP
        moved[1][place] += STEP
        low, high = (float((forward.run(None, {"photo": photo})[0] * seed).sum()) for photo in moved)
        found[place] = (high - low) / (2 * STEP)
    return found


def check(
    layers: Sequence[Layer],
    side: Sequence[int],
    constants: dict[str, Any] | None = None,
    *,
    low: float = -2.0,
    high: float = 2.0,
    opset: int = 15,
) -> None:
    """Hold the gradient of a small graph against its differences, for three photos drawn from a range."""
    generator = np.random.default_rng(len(str(layers)))
    x = generator.uniform(low, high, (3, *side))
    exact = graph_of(layers, side, constants, kind=onnx.TensorProto.DOUBLE, opset=opset)
    shape = ReferenceEvaluator(onnx.load_from_string(exact)).run(None, {"photo": x})[0].shape
    seed = generator.normal(size=shape)
    told = computed(graph_of(layers, side, constants, opset=opset), x, seed)
    truth = measured(exact, x, seed)
    assert told.shape == x.shape
    assert np.abs(truth).max() > 0
    np.testing.assert_allclose(told, truth, rtol=2e-3, atol=2e-4 * np.abs(truth).max())
