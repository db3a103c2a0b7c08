"""Each operator that works number by number, against differences; and the sides of its kinks."""

from typing import Any

import numpy as np
import pytest
from small_graphs import Layer, check, computed, graph_of

from tellapart.explain.rules import RULES
from tellapart.explain.writer import NoGradientError

SINGLE: list[tuple[str, dict[str, Any]]] = [
    ("Identity", {}), ("Relu", {}), ("LeakyRelu", {"alpha": 0.3}), ("Elu", {"alpha": 0.7}), ("Sigmoid", {}),
    ("HardSigmoid", {"alpha": 0.4}), ("HardSwish", {}), ("Tanh", {}), ("Erf", {}), ("Softplus", {}), ("Exp", {}),
    ("Neg", {}), ("Abs", {}), ("Softmax", {"axis": 1}), ("Softmax", {}), ("LogSoftmax", {"axis": -1}),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "how"), SINGLE, ids=[f"{kind}{how}" for kind, how in SINGLE])
def test_operators_of_one_input(kind: str, how: dict[str, Any]) -> None:
    check([(kind, ["photo"], how)], (4, 5), low=-4, high=4)


@pytest.mark.parametrize("kind", ["Log", "Sqrt", "Reciprocal"])
def test_operators_of_positive_numbers(kind: str) -> None:
    check([(kind, ["photo"], {})], (7,), low=0.5, high=3)


def test_gelu_of_opset_20() -> None:
    check([("Gelu", ["photo"], {})], (9,), opset=20)


def test_clip() -> None:
    check([("Clip", ["photo", "low", "high"], {})], (9,), {"low": np.float32(-1.0), "high": np.float32(0.5)})
    check([("Clip", ["photo", "", "high"], {})], (9,), {"high": np.float32(0.5)})


def number(value: float) -> np.ndarray:
    return np.array(value)


WEIGHTS = np.random.default_rng(5).uniform(0.5, 2, (3, 1))
PAIRS: dict[str, list[Layer]] = {
    "add": [("Add", ["photo", "w"], {})],
    "subtract": [("Sub", ["w", "photo"], {})],
    "multiply": [("Mul", ["photo", "w"], {})],
    "divide": [("Div", ["photo", "w"], {})],
    "divide by": [("Div", ["w", "photo"], {})],
    "power": [("Pow", ["photo", "three"], {})],
    "larger": [("Max", ["photo", "w"], {})],
    "smaller": [("Min", ["w", "photo"], {})],
    "alone": [("Max", ["photo"], {})],
    "square": [("Mul", ["photo", "photo"], {})],
    "sum": [("Sum", ["photo", "w", "photo"], {})],
    "swish": [("Sigmoid", ["photo"], {}), ("Mul", ["photo", "0"], {})],
    "both broadcast": [
        ("ReduceMean", ["photo"], {"axes": [2], "keepdims": 1}),
        ("Exp", ["0"], {}),
        ("Div", ["photo", "1"], {}),
        ("Max", ["2", "1"], {}),
    ],
    "fewer axes": [
        ("ReduceMean", ["photo"], {"axes": [0, 2], "keepdims": 0}),
        ("Mul", ["flipped", "0"], {}),
    ],
    "choice": [
        ("Greater", ["photo", "one"], {}),
        ("Mul", ["photo", "photo"], {}),
        ("Where", ["0", "1", "photo"], {}),
    ],
}


@pytest.mark.parametrize("name", [name for name in PAIRS if name != "fewer axes"])
def test_operators_of_two_inputs(name: str) -> None:
    check(PAIRS[name], (3, 4), {"w": WEIGHTS, "three": number(3.0), "one": number(1.0)}, low=0.5, high=3)


def kink(layers: list[Layer], x: list[float], **constants: float) -> list[float]:
    arrays = {name: np.float32(value) for name, value in constants.items()}
    content = graph_of(layers, (len(x),), arrays)
    gradient = computed(content, np.array([x]), np.ones((1, len(x))))
    return [float(value) for value in gradient[0]]


def test_kinks_take_the_side_that_keras_takes() -> None:
    assert kink([("Relu", ["photo"], {})], [-1, 0, 1]) == [0, 0, 1]
    assert kink([("Clip", ["photo", "low", "high"], {})], [0, 3, 6, 7], low=0, high=6) == [0, 1, 0, 0]
    assert kink([("Max", ["photo", "zero"], {})], [-1, 0, 1], zero=0) == [0, 1, 1]
    assert kink([("Max", ["zero", "photo"], {})], [-1, 0, 1], zero=0) == [0, 0, 1]


@pytest.mark.parametrize(
    ("layers", "told"),
    [
        ([("Sin", ["photo"], {})], "operator Sin"),
        ([("Pow", ["one", "photo"], {})], "exponent"),
        ([("Max", ["photo", "one", "photo"], {})], "more than two"),
        ([("Gelu", ["photo"], {"approximate": "tanh"})], "Gelu is approximate"),
    ],
)
def test_what_has_no_rule_is_named_and_the_way_out_told(layers: list[Layer], told: str) -> None:
    content = graph_of(layers, (4,), {"one": np.float32(1)}, opset=20)
    with pytest.raises(NoGradientError, match=told) as raised:
        computed(content, np.ones((1, 4)), np.ones((1, 4)))
    assert str(raised.value).endswith("Next: --method occlusion")


def test_the_table_covers_what_the_exported_networks_hold() -> None:
    assert {"Conv", "MaxPool", "Relu", "Clip", "MatMul", "Gemm", "Softmax", "Concat", "Slice"} <= set(RULES)
