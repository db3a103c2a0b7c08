"""How gradients go back through operators on activation maps: convolution, pooling, normalisation."""

from dataclasses import dataclass
from math import prod
from typing import Final

import numpy as np

from tellapart.explain.model_graph import import_onnx
from tellapart.explain.writer import Gradients, NoGradientError, Rule, Step


@dataclass(frozen=True)
class Window:
    """How a kernel moves over maps; every list holds one number an axis of the picture.

    Attributes:
        kernel: Its sides.
        strides: Its steps.
        dilations: Distance of its own places.
        before: Zeros put before the maps.
        after: Those behind.
    """

    kernel: list[int]
    strides: list[int]
    dilations: list[int]
    before: list[int]
    after: list[int]

    @property
    def reach(self) -> list[int]:
        """From its first place to its last."""
        return [(side - 1) * step for side, step in zip(self.kernel, self.dilations, strict=True)]


def _window(at: Step, kernel: list[int]) -> Window:
    how, sides, results = at.how, at.write.shape(at.x)[2:], at.write.shape(at.y)[2:]
    ones = [1] * len(kernel)
    strides, dilations = how.get("strides", ones), how.get("dilations", ones)
    pads = how.get("pads", [0] * (2 * len(kernel)))
    before, after = pads[: len(kernel)], pads[len(kernel) :]
    same = how.get("auto_pad", b"NOTSET").decode()
    if same.startswith("SAME"):
        rows = zip(sides, results, strides, kernel, dilations, strict=True)
        total = [max(0, (n - 1) * step + (k - 1) * gap + 1 - side) for side, n, step, k, gap in rows]
        half = [number // 2 for number in total]
        rest = [a - b for a, b in zip(total, half, strict=True)]
        before, after = (half, rest) if same == "SAME_UPPER" else (rest, half)
    return Window(kernel, strides, dilations, before, after)


def _conv(at: Step) -> Gradients:
    weights = at.node.input[1]
    if any(at.write.wants(name) for name in at.node.input[1:]):
        raise NoGradientError("the weights of the operator Conv depend on the photo")
    shape = at.write.shape(weights)
    group = at.how.get("group", 1)
    window = _window(at, at.how.get("kernel_shape", list(shape[2:])))
    pads = [gap - pad for gap, pad in zip(2 * window.reach, [*window.before, *window.after], strict=True)]
    if set(window.strides) != {1} or min(pads) < 0:
        return [_scattered(at, at.gradient, weights, window, group)]
    # With 64 channels and more this takes half to two thirds of the time of ConvTranspose.
    turned = at.write.constant(turned_kernels(at.write.value(weights), group))
    return [at.write.node("Conv", at.gradient, turned, group=group, pads=pads, dilations=window.dilations)]


def turned_kernels(weights: np.ndarray, group: int) -> np.ndarray:
    """Kernels (out, in / group, ...) as those that lead back, (in, out / group, ...), each turned by half a turn."""
    out, own, *sides = weights.shape
    grouped = weights.reshape(group, out // group, own, *sides).swapaxes(1, 2)
    turned = grouped.reshape(group * own, out // group, *sides)
    return np.ascontiguousarray(np.flip(turned, tuple(range(2, turned.ndim))))


def _scattered(at: Step, gradient: str, weights: str, window: Window, group: int) -> str:
    """Spread each place of the gradient over the places that it was computed from."""
    sides, results = at.write.shape(at.x)[2:], at.write.shape(at.y)[2:]
    rows = zip(sides, results, window.strides, window.reach, window.before, window.after, strict=True)
    # What no window reached at the end; where the last window hung over it, that is cut off.
    left = [side - ((n - 1) * step + reach + 1 - low - high) for side, n, step, reach, low, high in rows]
    return at.write.node(
        "ConvTranspose",
        gradient,
        weights,
        group=group,
        strides=window.strides,
        dilations=window.dilations,
        pads=[*window.before, *(pad - min(0, more) for pad, more in zip(window.after, left, strict=True))],
        output_padding=[max(0, more) for more in left],
    )


def _max_pool(at: Step) -> Gradients:
    """Each maximum gives its gradient to the place that it was found at, the first of several."""
    node, write = at.node, at.write
    if len(node.output) > 1:
        raise NoGradientError("the operator MaxPool has two outputs")
    changed = import_onnx().NodeProto()
    changed.CopyFrom(node)
    places = f"places_of_{at.y}"
    changed.output.append(places)
    write.changed[at.y] = changed
    flat = write.whole(-1)
    size = write.node("ReduceProd", write.shape_of(at.x), keepdims=1)
    zero = import_onnx().numpy_helper.from_array(np.zeros(1, np.float32))
    empty = write.node("ConstantOfShape", size, value=zero)
    flat_places, flat_gradient = write.node("Reshape", places, flat), write.node("Reshape", at.gradient, flat)
    given = write.node("ScatterElements", empty, flat_places, flat_gradient, axis=0, reduction="add")
    return [write.like(given, at.x)]


def _average_pool(at: Step) -> Gradients:
    window = _window(at, at.how["kernel_shape"])
    channels = at.write.shape(at.x)[1]
    shares = at.write.constant(1 / _counted(at, window))
    kernels = at.write.constant(np.ones((channels, 1, *window.kernel)))
    given = at.write.node("Mul", at.gradient, shares)
    pads = [gap - pad for gap, pad in zip(2 * window.reach, [*window.before, *window.after], strict=True)]
    if set(window.strides) == {1} and min(pads) >= 0:
        return [at.write.node("Conv", given, kernels, group=channels, pads=pads, dilations=window.dilations)]
    return [_scattered(at, given, kernels, window, channels)]


def _counted(at: Step, window: Window) -> np.ndarray:
    """How many places each mean is over, (1, 1, ...): zeros around the maps count only if the operator says so."""
    sides, results = at.write.shape(at.x)[2:], at.write.shape(at.y)[2:]
    counts = np.ones((1, 1, *(1 for _ in results)))
    with_zeros = at.how.get("count_include_pad", 0)
    for axis, (side, n) in enumerate(zip(sides, results, strict=True)):
        first = np.arange(n)[:, None] * window.strides[axis] - window.before[axis]
        places = first + np.arange(window.kernel[axis]) * window.dilations[axis]
        low, high = (-window.before[axis], side + window.after[axis]) if with_zeros else (0, side)
        own = ((places >= low) & (places < high)).sum(axis=1)
        counts = counts * own.reshape([n if other == axis + 2 else 1 for other in range(counts.ndim)])
    return counts


def _global_average(at: Step) -> Gradients:
    share = at.write.scaled(at.gradient, 1 / prod(at.write.shape(at.x)[2:]))
    return [at.write.node("Expand", share, at.write.shape_of(at.x))]


def _global_maximum(at: Step) -> Gradients:
    axes = at.write.whole(*range(2, len(at.write.shape(at.x))))
    equal = at.write.node("Equal", at.x, at.y)
    ones = at.write.node("Where", equal, at.write.constant(1.0), at.write.constant(0.0))
    n = at.write.node("ReduceSum", ones, axes, keepdims=1)
    return [at.write.node("Mul", ones, at.write.node("Div", at.gradient, n))]


def _batch_norm(at: Step) -> Gradients:
    if at.how.get("training_mode", 0):
        raise NoGradientError("the operator BatchNormalization is in training")
    scale, variance = (at.write.value(at.node.input[place]) for place in (1, 4))
    slope = scale / np.sqrt(variance + at.how.get("epsilon", 1e-5))
    upright = slope.reshape(-1, *(1 for _ in at.write.shape(at.x)[2:]))
    return [at.write.node("Mul", at.gradient, at.write.constant(upright))]


def _layer_norm(at: Step) -> Gradients:
    write, rank = at.write, len(at.write.shape(at.x))
    axes = list(range(at.how.get("axis", -1) % rank, rank))
    n = prod(write.shape(at.x)[axis] for axis in axes)

    def mean(tensor: str) -> str:
        return write.scaled(write.node("ReduceSum", tensor, write.whole(*axes), keepdims=1), 1 / n)

    moved = write.node("Sub", at.x, mean(at.x))
    variance = write.node("Add", mean(write.node("Mul", moved, moved)), write.constant(at.how.get("epsilon", 1e-5)))
    deviation = write.node("Sqrt", variance)
    norm = write.node("Div", moved, deviation)
    given = write.node("Mul", at.gradient, at.node.input[1])
    slant = write.node("Mul", norm, mean(write.node("Mul", given, norm)))
    return [write.node("Div", write.node("Sub", write.node("Sub", given, mean(given)), slant), deviation)]


RULES_OF_MAPS: Final[dict[str, Rule]] = {
    "Conv": _conv,
    "MaxPool": _max_pool,
    "AveragePool": _average_pool,
    "GlobalAveragePool": _global_average,
    "GlobalMaxPool": _global_maximum,
    "BatchNormalization": _batch_norm,
    "LayerNormalization": _layer_norm,
}
