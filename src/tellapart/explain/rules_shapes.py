"""How gradients go back through operators that move, cut, join, repeat and multiply tensors."""

from math import prod
from typing import Any, Final

import numpy as np

from tellapart.explain.writer import Gradients, NoGradientError, Rule, Step


def _transpose(at: Step) -> Gradients:
    rank = len(at.write.shape(at.x))
    order = at.how.get("perm", list(range(rank))[::-1])
    return [at.write.node("Transpose", at.gradient, perm=[order.index(axis) for axis in range(rank)])]


def _reshaped(at: Step) -> Gradients:
    return [at.write.like(at.gradient, at.x)]


def _expand(at: Step) -> Gradients:
    return [at.write.summed(at.gradient, at.write.shape(at.y), at.x)]


def _concat(at: Step) -> Gradients:
    axis = at.how["axis"]
    sides = at.write.whole(*(at.write.shape(name)[axis] for name in at.node.input))
    return list(at.write.split("Split", [at.gradient, sides], len(at.node.input), axis=axis))


def _split(at: Step) -> Gradients:
    parts = [own or at.write.zeros(name) for own, name in zip(at.reached, at.node.output, strict=True)]
    return [at.write.node("Concat", *parts, axis=at.how.get("axis", 0))]


def _slice(at: Step) -> Gradients:
    shape = at.write.shape(at.x)
    told: list[Any] = [_listed(at.write.value(name)) if name else None for name in at.node.input[1:]]
    starts, ends, axes, steps = [*told, None, None][:4]
    axes, steps = axes or list(range(len(starts))), steps or [1] * len(starts)
    gradient = at.gradient
    for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
        side = shape[axis]
        taken = list(range(*slice(start, None if step < 0 and end <= -side - 1 else end, step).indices(side)))
        if taken != list(range(side)):
            gradient = _put_back(at, gradient, axis, np.array(taken))
    return [gradient]


def _listed(numbers: np.ndarray) -> Any:
    return [int(number) for number in numbers.ravel()]


def _gather(at: Step) -> Gradients:
    axis = at.how.get("axis", 0)
    places = at.write.value(at.node.input[1])
    side = at.write.shape(at.x)[axis]
    taken = np.where(places < 0, places + side, places)
    gradient = at.gradient
    if taken.ndim == 0:
        axis = axis % len(at.write.shape(at.x))
        gradient = at.write.node("Unsqueeze", gradient, at.write.whole(axis))
    if taken.ndim > 1 or len(np.unique(taken)) != taken.size:
        raise NoGradientError("the operator Gather takes a place twice")
    return [_put_back(at, gradient, axis, taken.reshape(-1))]


def _put_back(at: Step, gradient: str, axis: int, taken: np.ndarray) -> str:
    """Give each place along an axis the gradient of what was taken from there, and zero to all others."""
    rank, side = len(at.write.shape(at.x)), at.write.shape(at.x)[axis]
    if axis % rank == 0:
        raise NoGradientError(f"the operator {at.node.op_type} takes photos from a batch")
    sources = np.full(side, len(taken))  # one place behind the end, where a zero will lie
    sources[taken] = np.arange(len(taken))
    if (sources == len(taken)).any():
        after = [0] * (2 * rank)
        after[rank + axis % rank] = 1
        gradient = at.write.node("Pad", gradient, at.write.whole(*after))
    return at.write.node("Gather", gradient, at.write.whole(*sources.tolist()), axis=axis)


def _pad(at: Step) -> Gradients:
    if at.how.get("mode", b"constant") != b"constant":
        raise NoGradientError(f"the operator Pad has the mode {at.how['mode'].decode()}")
    shape = at.write.shape(at.x)
    pads = _listed(at.write.value(at.node.input[1]))
    given = at.node.input[3] if len(at.node.input) > 3 else ""
    axes = _listed(at.write.value(given)) if given else list(range(len(shape)))
    before, after = pads[: len(axes)], pads[len(axes) :]
    if any(pad < 0 for pad in pads):
        raise NoGradientError("the operator Pad cuts")
    touched = [(axis, low, shape[axis]) for axis, low, high in zip(axes, before, after, strict=True) if low or high]
    if not touched:
        return [at.gradient]
    starts = at.write.whole(*(low for _, low, _ in touched))
    ends = at.write.whole(*(low + side for _, low, side in touched))
    return [at.write.node("Slice", at.gradient, starts, ends, at.write.whole(*(axis for axis, _, _ in touched)))]


def _axes(at: Step) -> list[int]:
    """The axes that a reduction or a squeeze is over; opset 18 made an input of the attribute."""
    given = at.node.input[1] if len(at.node.input) > 1 else ""
    axes = _listed(at.write.value(given)) if given else at.how.get("axes")
    rank = len(at.write.shape(at.x))
    return [axis % rank for axis in axes] if axes else list(range(rank))


def _spread(at: Step, gradient: str) -> str:
    """Give a reduction's gradient its axes back, each of one place."""
    return gradient if at.how.get("keepdims", 1) else at.write.node("Unsqueeze", gradient, at.write.whole(*_axes(at)))


def _reduce_sum(at: Step) -> Gradients:
    return [at.write.node("Expand", _spread(at, at.gradient), at.write.shape_of(at.x))]


def _reduce_mean(at: Step) -> Gradients:
    n = prod(at.write.shape(at.x)[axis] for axis in _axes(at))
    share = at.write.scaled(_spread(at, at.gradient), 1 / n)
    return [at.write.node("Expand", share, at.write.shape_of(at.x))]


def _reduce_extreme(at: Step) -> Gradients:
    """Equal extremes share the gradient, as in TensorFlow's reductions."""
    equal = at.write.node("Equal", at.x, _spread(at, at.y))
    ones = at.write.node("Where", equal, at.write.constant(1.0), at.write.constant(0.0))
    n = at.write.node("ReduceSum", ones, at.write.whole(*_axes(at)), keepdims=1)
    return [at.write.node("Mul", ones, at.write.node("Div", _spread(at, at.gradient), n))]


def _matmul(at: Step) -> Gradients:
    a, b = at.node.input
    shapes = at.write.shape(a), at.write.shape(b)
    if min(map(len, shapes)) < 2:
        raise NoGradientError("the operator MatMul multiplies a vector")
    batch = np.broadcast_shapes(shapes[0][:-2], shapes[1][:-2])
    told: Gradients = [None, None]
    if at.write.wants(a):
        product = at.write.node("MatMul", at.gradient, _turned(at, b))
        told[0] = at.write.summed(product, (*batch, *shapes[0][-2:]), a)
    if at.write.wants(b):
        product = at.write.node("MatMul", _turned(at, a), at.gradient)
        told[1] = at.write.summed(product, (*batch, *shapes[1][-2:]), b)
    return told


def _turned(at: Step, name: str) -> str:
    rank = len(at.write.shape(name))
    return at.write.node("Transpose", name, perm=[*range(rank - 2), rank - 1, rank - 2])


def _gemm(at: Step) -> Gradients:
    how, (_, b, *rest) = at.how, at.node.input
    if at.write.wants(b) or any(at.write.wants(name) for name in rest):
        raise NoGradientError("the weights of the operator Gemm depend on the photo")
    if how.get("transA", 0):
        raise NoGradientError("the operator Gemm mixes photos")
    turned = 1 - how.get("transB", 0)
    return [at.write.node("Gemm", at.gradient, b, alpha=how.get("alpha", 1.0), transB=turned), None, None]


def _einsum(at: Step) -> Gradients:
    equation = at.how["equation"].decode().replace(" ", "")
    given, _, result = equation.partition("->")
    letters = given.split(",")
    if not result or "." in equation or len(letters) != 2 or any(len(set(own)) != len(own) for own in letters):
        raise NoGradientError(f"the operator Einsum computes {equation}")
    told: Gradients = []
    for number, own in enumerate(letters):
        other, name = letters[1 - number], at.node.input[1 - number]
        if set(own) - set(other) - set(result):
            raise NoGradientError(f"the operator Einsum computes {equation}")
        back = f"{result},{other}->{own}"
        wanted = at.write.wants(at.node.input[number])
        told.append(at.write.node("Einsum", at.gradient, name, equation=back) if wanted else None)
    return told


RULES_OF_SHAPES: Final[dict[str, Rule]] = {
    "Transpose": _transpose,
    "Reshape": _reshaped,
    "Flatten": _reshaped,
    "Squeeze": _reshaped,
    "Unsqueeze": _reshaped,
    "Expand": _expand,
    "Concat": _concat,
    "Split": _split,
    "Slice": _slice,
    "Gather": _gather,
    "Pad": _pad,
    "ReduceSum": _reduce_sum,
    "ReduceMean": _reduce_mean,
    "ReduceMax": _reduce_extreme,
    "ReduceMin": _reduce_extreme,
    "MatMul": _matmul,
    "Gemm": _gemm,
    "Einsum": _einsum,
}
