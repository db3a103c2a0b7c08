"""Operators that move, cut, join, repeat and multiply tensors, against differences."""

from typing import Any

import numpy as np
import pytest
from small_graphs import Layer, check, computed, graph_of

from tellapart.explain.writer import NoGradientError

W = np.random.default_rng(4).normal(size=(4, 2))


def whole(*numbers: int) -> np.ndarray:
    return np.array(numbers, dtype=np.int64)


CASES: dict[str, tuple[list[Layer], dict[str, Any]]] = {
    "transpose": ([("Transpose", ["photo"], {"perm": [0, 2, 1]})], {}),
    "reshape": ([("Reshape", ["photo", "s"], {})], {"s": whole(0, -1)}),
    "flatten": ([("Flatten", ["photo"], {})], {}),
    "unsqueeze": ([("Unsqueeze", ["photo", "s"], {})], {"s": whole(1)}),
    "squeeze": ([("Unsqueeze", ["photo", "s"], {}), ("Squeeze", ["0", "s"], {})], {"s": whole(1)}),
    "expand": ([("Unsqueeze", ["photo", "s"], {}), ("Expand", ["0", "e"], {})],
               {"s": whole(2), "e": whole(1, 1, 5, 1)}),
    "concat": ([("Exp", ["photo"], {}), ("Concat", ["photo", "0"], {"axis": -1})], {}),
    "split": (
        [("Split", ["photo", "s"], {"axis": 2, "_": 2}), ("Mul", ["0", "0"], {})],
        {"s": whole(2, 2)},
    ),
    "split and joined": (
        [("Split", ["photo", "s"], {"axis": 2, "_": 2}), ("Concat", ["0.1", "0"], {"axis": 2})],
        {"s": whole(1, 3)},
    ),
    "slice": ([("Slice", ["photo", "a", "b", "x"], {})], {"a": whole(1, 0), "b": whole(2**40, -1), "x": whole(1, 2)}),
    "slice in steps": ([("Slice", ["photo", "a", "b", "x", "t"], {})],
                       {"a": whole(0), "b": whole(9), "x": whole(2), "t": whole(3)}),
    "slice backwards": ([("Slice", ["photo", "a", "b", "x", "t"], {})],
                        {"a": whole(-1), "b": whole(-(2**40)), "x": whole(2), "t": whole(-1)}),
    "slice of nothing": ([("Slice", ["photo", "a", "b"], {}), ("Exp", ["0"], {})], {"a": whole(0), "b": whole(2**40)}),
    "gather": ([("Gather", ["photo", "p"], {"axis": 2})], {"p": whole(2, 0, -1)}),
    "gather one": ([("Gather", ["photo", "p"], {"axis": 1})], {"p": np.int64(1)}),
    "pad": ([("Pad", ["photo", "p", "v"], {})], {"p": whole(0, 1, 0, 0, 0, 2), "v": np.float32(7)}),
    "pad nothing": ([("Pad", ["photo", "p"], {}), ("Exp", ["0"], {})], {"p": whole(0, 0, 0, 0, 0, 0)}),
    "sum": ([("ReduceSum", ["photo", "x"], {"keepdims": 0})], {"x": whole(1)}),
    "mean": ([("ReduceMean", ["photo"], {"axes": [1, -1], "keepdims": 0})], {}),
    "largest": ([("ReduceMax", ["photo"], {"axes": [2], "keepdims": 0})], {}),
    "smallest": ([("ReduceMin", ["photo"], {"axes": [1]})], {}),
    "product": ([("MatMul", ["photo", "w"], {})], {"w": W}),
    "product from the left": ([("MatMul", ["w", "photo"], {})], {"w": W[:, :3] if W.shape[1] > 2 else W.T[:, :3]}),
    "attention": (
        [
            ("Transpose", ["photo"], {"perm": [0, 2, 1]}),
            ("MatMul", ["photo", "0"], {}),
            ("Softmax", ["1"], {}),
            ("MatMul", ["2", "photo"], {}),
        ],
        {},
    ),
    "einsum": ([("Einsum", ["photo", "photo"], {"equation": "btd,bsd->bts"})], {}),
    "gemm": ([("Flatten", ["photo"], {}), ("Gemm", ["0", "m", "c"], {"transB": 1, "alpha": 0.5})],
             {"m": np.linspace(-1, 1, 60).reshape(5, 12), "c": np.ones(5)}),
    "gemm as it lies": ([("Flatten", ["photo"], {}), ("Gemm", ["0", "m"], {})],
                        {"m": np.linspace(-1, 1, 60).reshape(12, 5)}),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_against_differences(name: str) -> None:
    layers, constants = CASES[name]
    check(layers, (3, 4), constants)


def test_axes_as_an_input_since_opset_18() -> None:
    check([("ReduceMean", ["photo", "x"], {"keepdims": 0})], (3, 4), {"x": whole(1)}, opset=18)
    check([("Pad", ["photo", "p", "", "x"], {})], (3, 4), {"p": whole(1, 2), "x": whole(2)}, opset=18)


def test_a_shape_that_depends_on_the_batch_has_no_gradient() -> None:
    """As tf2onnx writes a flattening: the first side is read from the maps themselves."""
    layers: list[Layer] = [
        ("Shape", ["photo"], {}),
        ("Gather", ["0", "first"], {}),
        ("Concat", ["1", "rest"], {"axis": 0}),
        ("Reshape", ["photo", "2"], {}),
        ("Mul", ["3", "3"], {}),
    ]
    check(layers, (3, 4), {"first": whole(0), "rest": whole(12)})


@pytest.mark.parametrize(
    ("layers", "told"),
    [
        ([("Gather", ["photo", "twice"], {"axis": 1})], "twice"),
        ([("Slice", ["photo", "zero", "one"], {})], "from a batch"),
        ([("Pad", ["photo", "p"], {"mode": "edge"})], "mode edge"),
        ([("Pad", ["photo", "minus"], {})], "cuts"),
        ([("Einsum", ["photo", "photo"], {"equation": "btd,bsd->b"})], "bst|btd|Einsum"),
        ([("Gemm", ["photo", "m"], {"transA": 1})], "mixes photos"),
        ([("Gemm", ["m", "photo"], {"transB": 1})], "weights"),
    ],
)
def test_what_cannot_go_back(layers: list[Layer], told: str) -> None:
    constants = {"twice": whole(1, 1), "zero": whole(0), "one": whole(1), "p": whole(0, 1, 0, 1)}
    constants |= {"minus": whole(0, -1, 0, 0), "m": np.ones((2, 4), np.float32)}
    side = (3, 4) if layers[0][0] == "Einsum" else (4,)
    with pytest.raises(NoGradientError, match=told):
        computed(graph_of(layers, side, constants), np.ones((2, *side)), np.ones((2, 4)))
