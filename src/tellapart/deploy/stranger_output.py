"""The second output of a model file: how strange a photo is, computed inside it."""

import numpy as np
import onnx

from tellapart.deploy.names import STRANGER
from tellapart.evaluation.strangers import Strangers, fit_strangers
from tellapart.models.backbone_file import POOLED as FEATURES
from tellapart.models.task import Fitted


def strangers_of(fitted: Fitted, labels: np.ndarray) -> Strangers | None:
    """What tells strangers by the features of a recipe; None where it has none.

    Args:
        fitted: The trained recipe.
        labels: Class numbers of its training photos, (photos,).
    """
    features = fitted.features
    return None if features is None else fit_strangers(features.train, labels, features.valid)


def with_strangers(network: bytes, strangers: Strangers | None) -> bytes:
    """Put the distance into an exported network: its output `features` becomes `stranger`, (photos,), float32.

    It is `Strangers.scores` in ONNX: over 1 is a stranger.

    Args:
        network: With the output `features`, or without; then it stays as it is.
        strangers: Where it is None, the output is taken away.
    """
    model = onnx.load_from_string(network)
    graph = model.graph
    outputs = [end for end in graph.output if end.name != FEATURES]
    if len(outputs) == len(graph.output):
        return network
    del graph.output[:]
    graph.output.extend(outputs)
    if strangers is not None:
        _extend(graph, strangers)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString(deterministic=True))


def _extend(graph: onnx.GraphProto, strangers: Strangers) -> None:
    # Matrix products and TopK alone: sums and minima are written otherwise in each version of ONNX.
    constants = {
        "mean": strangers.mean,
        "scale": strangers.scale,
        "whitening": strangers.whitening,
        "centres": np.ascontiguousarray(-2 * strangers.centres.T),
        "centre_squares": (strangers.centres * strangers.centres).sum(axis=1),
        "ones": np.ones((len(strangers.mean), 1), np.float32),
        "nothing": np.float32(0),
        "threshold": np.float32(strangers.threshold),
        "one": np.array([1], np.int64),
        "flat": np.array([-1], np.int64),
    }
    for name, value in constants.items():
        graph.initializer.append(onnx.numpy_helper.from_array(np.asarray(value), f"{STRANGER}_{name}"))
    for kind, inputs, outputs, how in (
        ("Sub", (FEATURES, "mean"), ("moved",), {}),
        ("Div", ("moved", "scale"), ("scaled",), {}),
        ("Cast", ("whitening",), ("whitening_float",), {"to": onnx.TensorProto.FLOAT}),
        ("MatMul", ("scaled", "whitening_float"), ("white",), {}),
        ("Mul", ("white", "white"), ("white_squares",), {}),
        ("MatMul", ("white_squares", "ones"), ("squares",), {}),
        ("MatMul", ("white", "centres"), ("products",), {}),
        ("Add", ("products", "centre_squares"), ("to_centres",), {}),
        ("Add", ("to_centres", "squares"), ("to_each",), {}),
        ("TopK", ("to_each", "one"), ("nearest", "which"), {"axis": -1, "largest": 0}),
        ("Max", ("nearest", "nothing"), ("floored",), {}),
        ("Sqrt", ("floored",), ("distance",), {}),
        ("Div", ("distance", "threshold"), ("column",), {}),
        ("Reshape", ("column", "flat"), (STRANGER,), {}),
    ):
        names = [[_named(name) for name in some] for some in (inputs, outputs)]
        graph.node.append(onnx.helper.make_node(kind, *names, name=f"Stranger_{outputs[0]}", **how))
    graph.output.append(onnx.helper.make_tensor_value_info(STRANGER, onnx.TensorProto.FLOAT, ["photos"]))


def _named(name: str) -> str:
    return name if name in {FEATURES, STRANGER} else f"{STRANGER}_{name}"
