"""How gradients go back through each operator: one small function an operator, and the table of all of them.

Where a function has a kink, the side is the one that Keras on TensorFlow takes: no gradient
passes a rectifier at 0, and the first of several equal maxima gets all of it.
"""

from collections.abc import Callable
from typing import Final

import numpy as np

from tellapart.explain.rules_maps import RULES_OF_MAPS
from tellapart.explain.rules_shapes import RULES_OF_SHAPES
from tellapart.explain.writer import FLOAT, Gradients, NoGradientError, Rule, Step


def _single(rule: Callable[[Step], str]) -> Rule:
    """A rule of an operator whose first input alone has a gradient."""
    return lambda at: [rule(at)]


def _passed(at: Step) -> str:
    return at.gradient


def _where(at: Step, condition: str, gradient: str) -> str:
    # A product with 0 or 1 takes a third of the time of the operator Where.
    return at.write.node("Mul", gradient, at.write.node("Cast", condition, to=FLOAT))


def _over(at: Step, tensor: str, limit: float) -> str:
    return at.write.node("Greater", tensor, at.write.constant(limit))


def _times(at: Step, slope: str) -> str:
    return at.write.node("Mul", at.gradient, slope)


def _relu(at: Step) -> str:
    return _where(at, _over(at, at.y, 0.0), at.gradient)


def _leaky_relu(at: Step) -> str:
    falling = at.write.scaled(at.gradient, at.how.get("alpha", 0.01))
    return at.write.node("Where", _over(at, at.x, 0.0), at.gradient, falling)


def _elu(at: Step) -> str:
    slope = at.write.node("Add", at.y, at.write.constant(at.how.get("alpha", 1.0)))
    return at.write.node("Where", _over(at, at.x, 0.0), at.gradient, _times(at, slope))


def _sigmoid(at: Step) -> str:
    return _times(at, at.write.node("Mul", at.y, at.write.node("Sub", at.write.constant(1.0), at.y)))


def _hard_sigmoid(at: Step) -> str:
    return at.write.scaled(_between(at, (0.0, 1.0)), at.how.get("alpha", 0.2))


def _hard_swish(at: Step) -> str:
    slope = at.write.node("Add", at.write.scaled(at.x, 1 / 3), at.write.constant(0.5))
    slope = at.write.node("Where", _over(at, at.x, 3.0), at.write.constant(1.0), slope)
    return _times(at, _where(at, _over(at, at.x, -3.0), slope))


def _tanh(at: Step) -> str:
    return _times(at, at.write.node("Sub", at.write.constant(1.0), at.write.node("Mul", at.y, at.y)))


def _bell(at: Step, width: float) -> str:
    """exp(-width * x²)."""
    return at.write.node("Exp", at.write.scaled(at.write.node("Mul", at.x, at.x), -width))


def _erf(at: Step) -> str:
    return _times(at, at.write.scaled(_bell(at, 1.0), 2 / np.sqrt(np.pi)))


def _gelu(at: Step) -> str:
    if at.how.get("approximate", b"none") != b"none":
        raise NoGradientError("the operator Gelu is approximate")
    write = at.write
    share = write.scaled(write.node("Erf", write.scaled(at.x, np.sqrt(0.5))), 0.5)
    share = write.node("Add", share, write.constant(0.5))
    density = write.scaled(_bell(at, 0.5), 1 / np.sqrt(2 * np.pi))
    return _times(at, write.node("Add", share, write.node("Mul", at.x, density)))


def _softplus(at: Step) -> str:
    return _times(at, at.write.node("Sigmoid", at.x))


def _exp(at: Step) -> str:
    return _times(at, at.y)


def _log(at: Step) -> str:
    return at.write.node("Div", at.gradient, at.x)


def _sqrt(at: Step) -> str:
    return at.write.node("Div", at.write.scaled(at.gradient, 0.5), at.y)


def _reciprocal(at: Step) -> str:
    return at.write.node("Neg", _times(at, at.write.node("Mul", at.y, at.y)))


def _negative(at: Step) -> str:
    return at.write.node("Neg", at.gradient)


def _absolute(at: Step) -> str:
    return _times(at, at.write.node("Sign", at.x))


def _softmax(at: Step) -> str:
    weighted = _times(at, at.y)
    total = at.write.node("ReduceSum", weighted, at.write.whole(at.how.get("axis", -1)), keepdims=1)
    return at.write.node("Sub", weighted, at.write.node("Mul", at.y, total))


def _log_softmax(at: Step) -> str:
    total = at.write.node("ReduceSum", at.gradient, at.write.whole(at.how.get("axis", -1)), keepdims=1)
    return at.write.node("Sub", at.gradient, at.write.node("Mul", at.write.node("Exp", at.y), total))


def _between(at: Step, limits: tuple[float | None, float | None]) -> str:
    """The gradient where the result lies strictly between two numbers.

    It is the result that is asked, not the input: ONNX Runtime then computes both in one operator with the
    convolution before. The two answers are joined before they become numbers, which takes a quarter of the time.
    """
    low, high = limits
    asked = [_over(at, at.y, low)] if low is not None else []
    asked += [at.write.node("Less", at.y, at.write.constant(high))] if high is not None else []
    if not asked:
        return at.gradient
    return _where(at, at.write.node("And", *asked) if len(asked) == 2 else asked[0], at.gradient)


def _clip(at: Step) -> str:
    low, high = [*at.node.input[1:], "", ""][:2]
    limits = [at.write.value(name).item() if name else None for name in (low, high)]
    return _between(at, (limits[0], limits[1]))


def _pair(first: Callable[[Step], str], second: Callable[[Step], str]) -> Rule:
    """A rule of an operator of two inputs that are broadcast to each other."""

    def back(at: Step) -> Gradients:
        told = zip(at.node.input, (first, second), strict=True)
        return [_summed(at, part, name) for name, part in told]

    return back


def _summed(at: Step, part: Callable[[Step], str], name: str) -> str | None:
    return at.write.summed(part(at), at.write.shape(at.y), name) if at.write.wants(name) else None


def _times_second(at: Step) -> str:
    return _times(at, at.node.input[1])


def _times_first(at: Step) -> str:
    return _times(at, at.x)


def _numerator(at: Step) -> str:
    return at.write.node("Div", at.gradient, at.node.input[1])


def _denominator(at: Step) -> str:
    return at.write.node("Neg", at.write.node("Mul", _numerator(at), at.y))


def _base(at: Step) -> str:
    power = at.write.value(at.node.input[1])
    less = at.write.node("Pow", at.x, at.write.constant(power - 1.0))
    return _times(at, at.write.node("Mul", less, at.write.constant(power)))


def _exponent(at: Step) -> str:
    raise NoGradientError(f"the exponent of the operator {at.node.op_type} depends on the photo")


def _extreme(first_wins: str) -> Rule:
    """Max and Min of one or two inputs; where both are equal, the first has the gradient."""

    def won(at: Step) -> str:
        return _where(at, at.write.node(first_wins, *at.node.input), at.gradient)

    def lost(at: Step) -> str:
        return _where(at, at.write.node("Not", at.write.node(first_wins, *at.node.input)), at.gradient)

    def back(at: Step) -> Gradients:
        if len(at.node.input) > 2:
            raise NoGradientError(f"the operator {at.node.op_type} has more than two inputs")
        return list(at.reached) if len(at.node.input) == 1 else _pair(won, lost)(at)

    return back


def _sum(at: Step) -> Gradients:
    return [_summed(at, _passed, name) for name in at.node.input]


def _choice(at: Step) -> Gradients:
    condition, first, second = at.node.input
    zero = at.write.constant(0.0)
    return [
        None,
        _summed(at, lambda _: at.write.node("Where", condition, at.gradient, zero), first),
        _summed(at, lambda _: at.write.node("Where", condition, zero, at.gradient), second),
    ]


_SINGLE: Final[dict[str, Callable[[Step], str]]] = {
    "Identity": _passed,
    "Cast": _passed,
    "Dropout": _passed,
    "Relu": _relu,
    "LeakyRelu": _leaky_relu,
    "Elu": _elu,
    "Sigmoid": _sigmoid,
    "HardSigmoid": _hard_sigmoid,
    "HardSwish": _hard_swish,
    "Tanh": _tanh,
    "Erf": _erf,
    "Gelu": _gelu,
    "Softplus": _softplus,
    "Exp": _exp,
    "Log": _log,
    "Sqrt": _sqrt,
    "Reciprocal": _reciprocal,
    "Neg": _negative,
    "Abs": _absolute,
    "Softmax": _softmax,
    "LogSoftmax": _log_softmax,
    "Clip": _clip,
}

RULES: Final[dict[str, Rule]] = {
    **{kind: _single(rule) for kind, rule in _SINGLE.items()},
    "Add": _pair(_passed, _passed),
    "Sub": _pair(_passed, _negative),
    "Mul": _pair(_times_second, _times_first),
    "Div": _pair(_numerator, _denominator),
    "Pow": _pair(_base, _exponent),
    "Max": _extreme("GreaterOrEqual"),
    "Min": _extreme("LessOrEqual"),
    "Sum": _sum,
    "Where": _choice,
    **RULES_OF_MAPS,
    **RULES_OF_SHAPES,
}
