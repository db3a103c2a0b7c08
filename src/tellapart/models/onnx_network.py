"""A functional Keras network written as ONNX, operation by operation, networks within it included."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np

from tellapart.models import onnx_primitives as primitives
from tellapart.models.onnx_layers import LAYERS, NotWrittenError, per_channel
from tellapart.models.onnx_writer import Graph, Value

_SCALE_LAYER: Final = "keras.src.applications.inception_resnet_v2"  # where InceptionResNetV2 keeps a layer of its own


def written(network: Any, outputs: Sequence[str]) -> bytes:
    """The bytes of an ONNX file that computes what a Keras network does.

    Args:
        network: A functional model of one input of a fixed size, numbers in a row or photos.
        outputs: What its outputs are called.

    Raises:
        NotWrittenError: Something in it is not in the tables.
    """
    network = _functional(network)
    if network is None or len(network.inputs) != 1:
        raise NotWrittenError("a network that is not functional, or of several inputs")
    graph = Graph(_sides(network.inputs[0]))
    values = _through(graph, network, [graph.photo])
    return graph.finished(dict(zip(outputs, values, strict=False)))


def _sides(tensor: Any) -> tuple[int, ...]:
    sides = tuple(tensor.shape[1:])
    if len(sides) not in (1, 3) or None in sides or tensor.dtype != "float32":
        raise NotWrittenError(f"a tensor of the shape {sides} and of {tensor.dtype}")
    return sides


def _through(graph: Graph, network: Any, inputs: Sequence[Value]) -> list[Value]:
    """Write a network behind the tensors that it reads, and give its outputs."""
    from tellapart.models.backend import keras

    values = {id(tensor): value for tensor, value in zip(network.inputs, inputs, strict=True)}
    for _, nodes in sorted(network._nodes_by_depth.items(), reverse=True):
        for node in nodes:
            if node.is_input:
                continue
            args, settings = keras.tree.map_structure(
                lambda one: values.get(id(one), one), (node.arguments.args, node.arguments.kwargs)
            )
            if settings.get("training"):
                raise NotWrittenError("a layer that goes on as in training")
            found = _operation(graph, node.operation, args)
            for tensor, value in zip(node.output_tensors, found, strict=True):
                if _sides(tensor) != value.shape:
                    raise NotWrittenError(f"{node.operation.name}, of another shape than Keras says")
                values[id(tensor)] = value
    return [values[id(tensor)] for tensor in network.outputs]


def _operation(graph: Graph, operation: Any, args: Sequence[Any]) -> list[Value]:
    """Write one operation: a network, a layer, or a function of `keras.ops`."""
    from tellapart.models.backend import keras

    kind = type(operation).__name__
    inner = _functional(operation)
    if inner is not None:
        return _through(graph, inner, args[0] if isinstance(args[0], list | tuple) else [args[0]])
    if isinstance(operation, keras.layers.Layer):
        own = type(operation) is getattr(keras.layers, kind, None) or type(operation).__module__ == _SCALE_LAYER
        if kind not in LAYERS or not own or not _is_plain(operation):
            raise NotWrittenError(f"the layer {kind}")
        return [LAYERS[kind](graph, operation, args[0])]
    if kind not in _FUNCTIONS or not type(operation).__module__.startswith("keras.src.ops."):
        raise NotWrittenError(f"the operation {kind}")
    return [_FUNCTIONS[kind](graph, args)]


def _functional(operation: Any) -> Any:
    """A network as its nodes; None where it is a layer, or of somebody's own class."""
    from tellapart.models.backend import keras

    if not isinstance(operation, keras.Model) or not type(operation).__module__.startswith("keras."):
        return None
    # A row of layers keeps a functional network inside, once it knows the shape of its input.
    inner = getattr(operation, "_functional", None) or operation
    return inner if hasattr(inner, "_nodes_by_depth") else None


def _is_plain(layer: Any) -> bool:
    """Whether it computes in float32, on maps whose channels come last."""
    return layer.compute_dtype == "float32" and getattr(layer, "data_format", None) in (None, "channels_last")


def _arithmetic(kind: str) -> Callable[[Graph, Sequence[Any]], Value]:
    def write(graph: Graph, args: Sequence[Any]) -> Value:
        tensor = next(one for one in args if isinstance(one, Value))
        first, second = (one if isinstance(one, Value) else per_channel(one, tensor) for one in args[:2])
        return primitives.combined(graph, kind, first, second)

    return write


def _divided(graph: Graph, args: Sequence[Any]) -> Value:
    """A quotient; by a constant it is a product, which is a little faster."""
    first, second = args[:2]
    if isinstance(second, Value):
        return _arithmetic("Div")(graph, args)
    return primitives.combined(graph, "Mul", first, np.float32(1) / per_channel(second, first))


def _taken(graph: Graph, args: Sequence[Any]) -> Value:
    """Channels in another order, such as `photos[..., ::-1]`; whatever else is taken is refused."""
    x, key = args
    key = key if isinstance(key, tuple) else (key,)
    whole = all(part in (Ellipsis, slice(None)) for part in key[:-1])
    if not whole or not isinstance(key[-1], slice) or not (Ellipsis in key or len(key) == len(x.shape) + 1):
        raise NotWrittenError("a part of a tensor")
    return primitives.chosen_channels(graph, x, np.arange(x.channels)[key[-1]].tolist())


_FUNCTIONS: Final[Mapping[str, Callable[[Graph, Sequence[Any]], Value]]] = {
    "Add": _arithmetic("Add"),
    "Subtract": _arithmetic("Sub"),
    "Multiply": _arithmetic("Mul"),
    "Divide": _divided,
    "TrueDivide": _divided,
    "GetItem": _taken,
}
