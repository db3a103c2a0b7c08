"""How each Keras layer is written into an ONNX network: one small function a layer, and the table of all of them.

What a layer does is read from its settings and weights; nothing is computed by Keras, so that every backend gives the
same file. What is not in the tables is refused, and exported by a converter instead (`onnx_export.py`).
"""

from collections.abc import Callable
from functools import reduce
from typing import Any, Final

import numpy as np

from tellapart.models import onnx_primitives as primitives
from tellapart.models.onnx_primitives import Window, activated
from tellapart.models.onnx_writer import Graph, Value

Layer = Callable[[Graph, Any, Any], Value]  # the graph, the layer, and the tensor that it reads, or a list of them


class NotWrittenError(Exception):
    """A network has something that is not in the tables."""


def array_of(value: Any) -> np.ndarray:
    """A weight, or a constant of any backend, as a float32 array."""
    from tellapart.models.backend import keras

    return np.asarray(keras.ops.convert_to_numpy(value), np.float32)


def _convolution(graph: Graph, layer: Any, x: Value) -> Value:
    found = primitives.convolution(graph, x, array_of(layer.kernel), _bias(layer), _window(layer))
    return with_activation(graph, found, layer.activation)


def _depthwise(graph: Graph, layer: Any, x: Value) -> Value:
    found = primitives.depthwise_convolution(graph, x, array_of(layer.kernel), _bias(layer), _window(layer))
    return with_activation(graph, found, layer.activation)


def _separable(graph: Graph, layer: Any, x: Value) -> Value:
    found = primitives.depthwise_convolution(graph, x, array_of(layer.depthwise_kernel), None, _window(layer))
    found = primitives.convolution(graph, found, array_of(layer.pointwise_kernel), _bias(layer), Window((1, 1)))
    return with_activation(graph, found, layer.activation)


def _bias(layer: Any) -> np.ndarray | None:
    return array_of(layer.bias) if layer.use_bias else None


def _window(layer: Any) -> Window:
    return Window(
        tuple(layer.kernel_size), tuple(layer.strides), layer.padding == "same", gaps=tuple(layer.dilation_rate)
    )


def _pool(kind: Callable[[Graph, Value, Window], Value]) -> Layer:
    return lambda graph, layer, x: kind(
        graph, x, Window(tuple(layer.pool_size), tuple(layer.strides), layer.padding == "same")
    )


def _average_pool(graph: Graph, layer: Any, x: Value) -> Value:
    from tellapart.models.backend import keras

    window = Window(tuple(layer.pool_size), tuple(layer.strides), layer.padding == "same")
    pads = window.pads(x.shape)
    if pads[:2] != pads[2:] and keras.backend.backend() == "torch":
        raise NotWrittenError("averages over a rim that PyTorch fills otherwise")
    return primitives.average_pool(graph, x, window)


def _global_pool(kind: str) -> Layer:
    return lambda graph, layer, x: primitives.global_pool(graph, x, kind, keep=bool(layer.keepdims))


def _batch_norm(graph: Graph, layer: Any, x: Value) -> Value:
    if layer.axis not in (-1, len(x.shape)):
        raise NotWrittenError(f"a batch norm along axis {layer.axis}")
    gamma = array_of(layer.gamma) if layer.scale else None
    beta = array_of(layer.beta) if layer.center else None
    mean, variance = array_of(layer.moving_mean), array_of(layer.moving_variance)
    told = primitives.scale_and_shift(mean, variance, layer.epsilon, gamma, beta)
    return primitives.batch_norm(graph, x, *told)


def _dense(graph: Graph, layer: Any, x: Value) -> Value:
    if len(x.shape) != 1:
        raise NotWrittenError("a dense layer on maps")
    found = primitives.dense(graph, x, array_of(layer.kernel), _bias(layer))
    return with_activation(graph, found, layer.activation)


def _rescaling(graph: Graph, layer: Any, x: Value) -> Value:
    return primitives.scaled(graph, x, _per_channel(layer.scale), _per_channel(layer.offset))


def _normalization(graph: Graph, layer: Any, x: Value) -> Value:
    if layer.invert or layer.mean is None:
        raise NotWrittenError("a normalization that is inverse, or was not adapted")
    mean = _per_channel(layer.mean)
    deviation = np.maximum(np.sqrt(_per_channel(layer.variance)), 1e-7)  # Keras' epsilon
    return primitives.scaled(graph, x, 1 / deviation, -mean / deviation)


def _per_channel(value: Any) -> np.ndarray:
    """A number, or one a channel, whatever axes of one place stand before it."""
    array = array_of(value)
    if array.size != max(array.shape, default=1) or (array.ndim and array.shape[-1] != array.size):
        raise NotWrittenError(f"a constant of the shape {array.shape}")
    return array.reshape(-1) if array.size > 1 else array.reshape(())


def per_channel(value: Any, x: Value) -> np.ndarray:
    """A constant that is put together with a tensor: a number, or one a channel."""
    array = _per_channel(value)
    if array.size not in (1, x.channels):
        raise NotWrittenError(f"a constant of the shape {array.shape}")
    return array


def _relu(graph: Graph, layer: Any, x: Value) -> Value:
    slope, threshold, most = float(layer.negative_slope), float(layer.threshold), layer.max_value
    if threshold or (slope and most is not None):
        raise NotWrittenError("a rectifier with a threshold")
    if most is not None:
        return primitives.clipped(graph, x, 0.0, float(most))
    return activated(graph, x, "LeakyRelu", alpha=slope) if slope else activated(graph, x, "Relu")


def _leaky_relu(graph: Graph, layer: Any, x: Value) -> Value:
    return activated(graph, x, "LeakyRelu", alpha=float(layer.negative_slope))


def _softmax(graph: Graph, layer: Any, x: Value) -> Value:
    if layer.axis not in (-1, len(x.shape)):
        raise NotWrittenError(f"a softmax along axis {layer.axis}")
    return primitives.softmax(graph, x)


def _silu(graph: Graph, x: Value) -> Value:
    return primitives.combined(graph, "Mul", x, activated(graph, x, "Sigmoid"))


def _gelu(graph: Graph, x: Value) -> Value:
    half, root = np.array(0.5, np.float32), np.array(np.sqrt(0.5), np.float32)
    share = activated(graph, primitives.combined(graph, "Mul", x, root), "Erf")
    share = primitives.combined(graph, "Add", primitives.combined(graph, "Mul", share, half), half)
    return primitives.combined(graph, "Mul", x, share)


_ACTIVATIONS: Final[dict[str, Callable[[Graph, Value], Value]]] = {
    "linear": lambda _, x: x,
    "relu": lambda graph, x: activated(graph, x, "Relu"),
    "relu6": lambda graph, x: primitives.clipped(graph, x, 0.0, 6.0),
    "sigmoid": lambda graph, x: activated(graph, x, "Sigmoid"),
    "tanh": lambda graph, x: activated(graph, x, "Tanh"),
    "softmax": primitives.softmax,
    "softplus": lambda graph, x: activated(graph, x, "Softplus"),
    "elu": lambda graph, x: activated(graph, x, "Elu"),
    "silu": _silu,
    "gelu": _gelu,
    "hard_sigmoid": lambda graph, x: activated(graph, x, "HardSigmoid", alpha=1 / 6, beta=0.5),
    "hard_silu": lambda graph, x: activated(graph, x, "HardSwish"),
}


def with_activation(graph: Graph, x: Value, function: Any) -> Value:
    """A tensor behind one of Keras' activations, as it is with its own settings."""
    from tellapart.models.backend import keras

    name = getattr(function, "__name__", "")
    if name not in _ACTIVATIONS or getattr(keras.activations, name) is not function:
        raise NotWrittenError(f"the activation {name or function}")
    return _ACTIVATIONS[name](graph, x)


def _padding(graph: Graph, layer: Any, x: Value) -> Value:
    rows, columns = layer.padding
    return primitives.padded(graph, x, tuple(rows), tuple(columns))


def _cropping(graph: Graph, layer: Any, x: Value) -> Value:
    rows, columns = layer.cropping
    return primitives.cropped(graph, x, tuple(rows), tuple(columns))


def _reshape(graph: Graph, layer: Any, x: Value) -> Value:
    shape = layer.compute_output_shape((None, *x.shape))[1:]
    if len(shape) not in (1, 3):
        raise NotWrittenError(f"the shape {shape}")
    return primitives.reshaped(graph, x, shape)


def _several(kind: str) -> Layer:
    def write(graph: Graph, _: Any, terms: list[Value]) -> Value:
        return reduce(lambda first, second: primitives.combined(graph, kind, first, second), terms)

    return write


def _average(graph: Graph, layer: Any, terms: list[Value]) -> Value:
    return primitives.scaled(graph, _several("Add")(graph, layer, terms), 1 / len(terms), 0.0)


def _concatenate(graph: Graph, layer: Any, terms: list[Value]) -> Value:
    if layer.axis not in (-1, len(terms[0].shape)):
        raise NotWrittenError(f"tensors joined along axis {layer.axis}")
    return primitives.concatenated(graph, terms)


def _scaled_sum(graph: Graph, layer: Any, terms: list[Value]) -> Value:
    """InceptionResNetV2's own layer."""
    first, second = terms
    return primitives.combined(graph, "Add", first, primitives.scaled(graph, second, float(layer.scale), 0.0))


def _nothing(_graph: Graph, _layer: Any, x: Value) -> Value:
    """Layers that do something while a network is trained, and nothing afterwards."""
    return x


LAYERS: Final[dict[str, Layer]] = {
    "Conv2D": _convolution,
    "DepthwiseConv2D": _depthwise,
    "SeparableConv2D": _separable,
    "BatchNormalization": _batch_norm,
    "Dense": _dense,
    "ReLU": _relu,
    "LeakyReLU": _leaky_relu,
    "Softmax": _softmax,
    "Activation": lambda graph, layer, x: with_activation(graph, x, layer.activation),
    "MaxPooling2D": _pool(primitives.max_pool),
    "AveragePooling2D": _average_pool,
    "GlobalAveragePooling2D": _global_pool("Average"),
    "GlobalMaxPooling2D": _global_pool("Max"),
    "Rescaling": _rescaling,
    "Normalization": _normalization,
    "ZeroPadding2D": _padding,
    "Cropping2D": _cropping,
    "Flatten": lambda graph, _, x: primitives.flattened(graph, x),
    "Reshape": _reshape,
    "Add": _several("Add"),
    "Subtract": _several("Sub"),
    "Multiply": _several("Mul"),
    "Maximum": _several("Max"),
    "Minimum": _several("Min"),
    "Average": _average,
    "Concatenate": _concatenate,
    "CustomScaleLayer": _scaled_sum,
    "Dropout": _nothing,
    "SpatialDropout2D": _nothing,
    "GaussianDropout": _nothing,
    "GaussianNoise": _nothing,
    "Identity": _nothing,
}
