"""The layers that a network is written of, on NumPy arrays in Keras' order of axes.

Each takes the graph, the tensors that it reads, and its numbers, and gives the tensor that it writes.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tellapart.models.onnx_writer import Graph, Value

Pair = tuple[int, int]


@dataclass(frozen=True)
class Window:
    """How a kernel or a pool moves over maps, each pair for rows and columns.

    Attributes:
        sides: Of the kernel.
        strides: Its steps.
        same: Whether zeros are put around, so that a step of 1 keeps the size; as TensorFlow does, the odd one
            behind. Else it stays inside.
        gaps: Distance of its own places.
    """

    sides: Pair
    strides: Pair = (1, 1)
    same: bool = False
    gaps: Pair = (1, 1)

    def pads(self, shape: Sequence[int]) -> list[int]:
        """Zeros before rows and columns, then behind them, for maps of a shape."""
        if not self.same:
            return [0, 0, 0, 0]
        total = [
            max(0, (-(-side // step) - 1) * step + (own - 1) * gap + 1 - side)
            for side, step, own, gap in zip(shape, self.strides, self.sides, self.gaps, strict=False)
        ]
        return [*(more // 2 for more in total), *(more - more // 2 for more in total)]

    def result(self, shape: Sequence[int]) -> Pair:
        """Rows and columns of what comes out."""
        pads = self.pads(shape)
        rows, columns = (
            (shape[axis] + pads[axis] + pads[axis + 2] - (self.sides[axis] - 1) * self.gaps[axis] - 1)
            // self.strides[axis]
            + 1
            for axis in (0, 1)
        )
        return rows, columns


def convolution(graph: Graph, x: Value, kernel: np.ndarray, bias: np.ndarray | None, window: Window) -> Value:
    """A convolution.

    Args:
        graph: Takes it.
        x: Maps.
        kernel: (rows, columns, channels in, channels out); fewer channels in than the maps have are a group's.
        bias: (channels out,).
        window: How it moves; its sides are the kernel's.
    """
    weights = np.ascontiguousarray(kernel.transpose(3, 2, 0, 1))
    return _convolved(graph, x, weights, bias, window)


def depthwise_convolution(graph: Graph, x: Value, kernel: np.ndarray, bias: np.ndarray | None, window: Window) -> Value:
    """A convolution of each channel by itself.

    Args:
        graph: Takes it.
        x: Maps.
        kernel: (rows, columns, channels, results of each channel).
        bias: (channels * results,).
        window: How it moves; its sides are the kernel's.
    """
    rows, columns, channels, results = kernel.shape
    weights = np.ascontiguousarray(kernel.transpose(2, 3, 0, 1)).reshape(channels * results, 1, rows, columns)
    return _convolved(graph, x, weights, bias, window)


def _convolved(graph: Graph, x: Value, weights: np.ndarray, bias: np.ndarray | None, window: Window) -> Value:
    return graph.node(
        "Conv",
        [x, weights] if bias is None else [x, weights, bias],
        (*window.result(x.shape), weights.shape[0]),
        group=x.channels // weights.shape[1],
        kernel_shape=window.sides,
        strides=window.strides,
        dilations=window.gaps,
        pads=window.pads(x.shape),
    )


def batch_norm(graph: Graph, x: Value, scale: np.ndarray, shift: np.ndarray) -> Value:
    """Each channel times its scale, plus its shift; behind a convolution it becomes part of that."""
    nothing, one = np.zeros_like(shift), np.ones_like(scale)
    return graph.node("BatchNormalization", [graph.in_order(x), scale, shift, nothing, one], x.shape, epsilon=0.0)


def scale_and_shift(
    mean: np.ndarray, variance: np.ndarray, epsilon: float, gamma: np.ndarray | None, beta: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """What a batch norm does to each channel, float32.

    Args:
        mean: (channels,), as learned.
        variance: The same.
        epsilon: Added to the variance.
        gamma: What the normed channels are multiplied by; None for nothing.
        beta: What is added then; None for nothing.
    """
    scale = 1 / np.sqrt(variance.astype(np.float64) + epsilon)
    scale = scale if gamma is None else scale * gamma
    shift = -mean * scale
    shift = shift if beta is None else shift + beta
    return scale.astype(np.float32), shift.astype(np.float32)


def dense(graph: Graph, x: Value, kernel: np.ndarray, bias: np.ndarray | None) -> Value:
    """A matrix product; behind flattened maps its rows change places, and not the numbers of every photo.

    Args:
        graph: Takes it.
        x: (numbers in,).
        kernel: (numbers in, numbers out).
        bias: (numbers out,).
    """
    if x.spread is not None:
        channels, rows, columns = x.spread
        kernel = kernel.reshape(rows, columns, channels, -1).transpose(2, 0, 1, 3).reshape(kernel.shape)
    weights = np.ascontiguousarray(kernel)
    return graph.node("Gemm", [x, weights] if bias is None else [x, weights, bias], (weights.shape[1],))


def scaled(graph: Graph, x: Value, scale: np.ndarray | float, offset: np.ndarray | float) -> Value:
    """Maps times a number or one a channel, plus another; what changes nothing is left out."""
    for kind, given, nothing in (("Mul", scale, 1.0), ("Add", offset, 0.0)):
        number = np.asarray(given, np.float32)
        if (number != nothing).any():
            x = combined(graph, kind, x, number)
    return x


def combined(graph: Graph, kind: str, first: Value | np.ndarray, second: Value | np.ndarray) -> Value:
    """Two tensors put together number by number: Add, Sub, Mul, Div, Max or Min.

    Args:
        graph: Takes it.
        kind: The operator.
        first: A tensor; or a constant of one number, or of one a channel.
        second: The same.
    """
    ordered = [graph.in_order(term) if isinstance(term, Value) else term for term in (first, second)]
    shape = tuple(np.broadcast_shapes(*(term.shape for term in ordered)))
    return graph.node(kind, [_upright(term, len(shape)) for term in ordered], shape)


def _upright(term: Value | np.ndarray, axes: int) -> Value | np.ndarray:
    """A constant of one number a channel, as it is put to maps whose channels come first."""
    if isinstance(term, Value) or axes < 3 or not term.ndim:
        return term
    return np.ascontiguousarray(term.reshape(-1, 1, 1))


def concatenated(graph: Graph, terms: Sequence[Value]) -> Value:
    """Tensors joined along their channels."""
    ordered = [graph.in_order(term) for term in terms]
    channels = sum(term.channels for term in ordered)
    return graph.node("Concat", ordered, (*ordered[0].shape[:-1], channels), axis=1)


def max_pool(graph: Graph, x: Value, window: Window) -> Value:
    """The largest number of each window."""
    return _pooled(graph, "MaxPool", x, window)


def average_pool(graph: Graph, x: Value, window: Window) -> Value:
    """The mean of each window; what hangs over the rim does not count."""
    return _pooled(graph, "AveragePool", x, window)


def _pooled(graph: Graph, kind: str, x: Value, window: Window) -> Value:
    shape = (*window.result(x.shape), x.channels)
    return graph.node(kind, [x], shape, kernel_shape=window.sides, strides=window.strides, pads=window.pads(x.shape))


def global_pool(graph: Graph, x: Value, kind: str, *, keep: bool = False) -> Value:
    """The mean ("Average") or the largest number ("Max") of each channel, (channels,); kept, (1, 1, channels)."""
    pooled = graph.node(f"Global{kind}Pool", [x], (1, 1, x.channels))
    return pooled if keep else flattened(graph, pooled)


def padded(graph: Graph, x: Value, rows: Pair, columns: Pair) -> Value:
    """Zeros before and behind rows and columns."""
    pads = np.array([0, 0, rows[0], columns[0], 0, 0, rows[1], columns[1]], np.int64)
    shape = (x.shape[0] + sum(rows), x.shape[1] + sum(columns), x.channels)
    return graph.node("Pad", [x, pads], shape)


def cropped(graph: Graph, x: Value, rows: Pair, columns: Pair) -> Value:
    """Maps without some rows and columns before and behind."""
    ends = [x.shape[0] - rows[1], x.shape[1] - columns[1]]
    told = [np.array(numbers, np.int64) for numbers in ([rows[0], columns[0]], ends, [2, 3])]
    return graph.node("Slice", [x, *told], (ends[0] - rows[0], ends[1] - columns[0], x.channels))


def chosen_channels(graph: Graph, x: Value, places: Sequence[int]) -> Value:
    """Some channels in another order."""
    return graph.node("Gather", [graph.in_order(x), np.array(places, np.int64)], (*x.shape[:-1], len(places)), axis=1)


def flattened(graph: Graph, x: Value) -> Value:
    """All numbers of a photo in a row."""
    if len(x.shape) == 1:
        return x
    rows, columns, channels = x.shape
    flat = graph.node("Flatten", [x], (rows * columns * channels,), axis=1)
    return flat if rows * columns == 1 else Value(flat.name, flat.shape, (channels, rows, columns))


def reshaped(graph: Graph, x: Value, shape: Sequence[int]) -> Value:
    """The same numbers in another shape, (numbers,) or (rows, columns, channels), in Keras' order."""
    flat = flattened(graph, x)
    if len(shape) == 1:
        return flat
    rows, columns, channels = shape
    if rows * columns == 1:  # the order of axes makes no difference
        return graph.node("Reshape", [graph.in_order(flat), np.array([-1, channels, 1, 1], np.int64)], (1, 1, channels))
    sides = np.array([-1, rows, columns, channels], np.int64)
    return graph.channels_first(graph.node("Reshape", [graph.in_order(flat), sides], (rows, columns, channels)))


def activated(graph: Graph, x: Value, kind: str, **how: float) -> Value:
    """An operator of one input on each number, such as Relu or Sigmoid."""
    found = graph.node(kind, [x], x.shape, **how)
    return Value(found.name, found.shape, x.spread)


def clipped(graph: Graph, x: Value, low: float, high: float) -> Value:
    """Each number, at least `low` and at most `high`."""
    found = graph.node("Clip", [x, np.array(low, np.float32), np.array(high, np.float32)], x.shape)
    return Value(found.name, found.shape, x.spread)


def softmax(graph: Graph, x: Value) -> Value:
    """Shares of the last axis, which add up to 1."""
    return graph.node("Softmax", [graph.in_order(x)], x.shape, axis=1)
