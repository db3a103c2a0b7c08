"""Convolution, pooling and normalisation against differences."""

from typing import Any

import numpy as np
import onnx
import pytest
from small_graphs import check, computed, graph_of

from tellapart.explain.rules_maps import turned_kernels
from tellapart.explain.writer import NoGradientError

GENERATOR = np.random.default_rng(3)


def weights(*shape: int) -> np.ndarray:
    return GENERATOR.normal(size=shape)


CONVOLUTIONS: dict[str, tuple[tuple[int, ...], dict[str, Any]]] = {
    "plain": ((3, 2, 3, 3), {}),
    "padded": ((3, 2, 3, 3), {"pads": [1, 1, 1, 1]}),
    "padded more than its kernel": ((3, 2, 2, 2), {"pads": [2, 2, 2, 2]}),
    "uneven": ((3, 2, 3, 2), {"pads": [0, 1, 2, 0]}),
    "same, upper": ((3, 2, 2, 3), {"auto_pad": "SAME_UPPER"}),
    "same, lower": ((3, 2, 2, 3), {"auto_pad": "SAME_LOWER", "strides": [2, 2]}),
    "strided": ((3, 2, 3, 3), {"strides": [2, 2], "pads": [1, 1, 1, 1]}),
    "strided past its kernel": ((3, 2, 1, 1), {"strides": [2, 3]}),
    "dilated": ((3, 2, 2, 2), {"dilations": [2, 2], "pads": [1, 1, 1, 1]}),
    "by channel": ((4, 1, 3, 3), {"group": 2, "pads": [1, 1, 1, 1]}),
    "by channel, strided": ((2, 1, 3, 3), {"group": 2, "strides": [2, 2], "pads": [0, 0, 1, 1]}),
}


@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_convolutions(name: str) -> None:
    shape, how = CONVOLUTIONS[name]
    layer = ("Conv", ["photo", "w", "bias"], how)
    check([layer], (2, 6, 5), {"w": weights(*shape), "bias": weights(shape[0])})


POOLS: dict[str, tuple[str, dict[str, Any]]] = {
    "largest": ("MaxPool", {"kernel_shape": [2, 2], "strides": [2, 2]}),
    "largest, overlapping": ("MaxPool", {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1]}),
    "largest, every place": ("MaxPool", {"kernel_shape": [3, 3], "strides": [1, 1], "auto_pad": "SAME_UPPER"}),
    "mean": ("AveragePool", {"kernel_shape": [2, 2], "strides": [2, 2]}),
    "mean, every place": ("AveragePool", {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}),
    "mean with zeros": ("AveragePool", {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1], "count_include_pad": 1}),
    "mean, overlapping": ("AveragePool", {"kernel_shape": [3, 3], "strides": [2, 2], "auto_pad": "SAME_UPPER"}),
    "mean of one": ("AveragePool", {"kernel_shape": [1, 1], "strides": [2, 2]}),
    "mean of all": ("GlobalAveragePool", {}),
    "largest of all": ("GlobalMaxPool", {}),
}


@pytest.mark.parametrize("name", POOLS)
def test_pooling(name: str) -> None:
    kind, how = POOLS[name]
    check([(kind, ["photo"], how)], (2, 6, 5))


def test_the_first_of_equal_maxima_has_the_gradient() -> None:
    content = graph_of([("MaxPool", ["photo"], {"kernel_shape": [2, 2], "strides": [2, 2]})], (1, 2, 2))
    gradient = computed(content, np.ones((1, 1, 2, 2)), np.ones((1, 1, 1, 1)))
    assert gradient.ravel().tolist() == [1, 0, 0, 0]


def test_normalisation() -> None:
    constants = {"scale": weights(3), "shift": weights(3), "mean": weights(3), "variance": weights(3) ** 2}
    inputs = ["photo", "scale", "shift", "mean", "variance"]
    check([("BatchNormalization", inputs, {"epsilon": 1e-3})], (3, 2, 2), constants)
    layer = {"scale": weights(2, 3), "shift": weights(2, 3)}
    check([("LayerNormalization", ["photo", "scale", "shift"], {"axis": -2})], (4, 2, 3), layer, opset=17)


def test_a_network_of_several() -> None:
    """What MobileNet does: expand, by channel and strided, clip, squeeze and excite, a skip."""
    constants = {"a": weights(4, 2, 1, 1), "b": weights(4, 1, 3, 3), "c": weights(2, 4, 1, 1), "z": 0.0, "s": 6.0}
    check(
        [
            ("Conv", ["photo", "a"], {}),
            ("Clip", ["0", "z", "s"], {}),
            ("Conv", ["1", "b"], {"group": 4, "pads": [1, 1, 1, 1]}),
            ("GlobalAveragePool", ["2"], {}),
            ("HardSigmoid", ["3"], {}),
            ("Mul", ["2", "4"], {}),
            ("Conv", ["5", "c"], {}),
            ("Add", ["6", "photo"], {}),
            ("MaxPool", ["7"], {"kernel_shape": [2, 2], "strides": [2, 2]}),
        ],
        (2, 4, 4),
        constants,
    )


@pytest.mark.parametrize(
    ("kind", "inputs", "how"),
    [
        ("Conv", ["photo", "photo"], {}),
        ("BatchNormalization", ["photo", *["one"] * 4], {"training_mode": 1, "_": 3}),
        ("MaxPool", ["photo"], {"kernel_shape": [2, 2], "_": 2}),
    ],
)
def test_what_cannot_go_back(kind: str, inputs: list[str], how: dict[str, Any]) -> None:
    content = graph_of([(kind, inputs, how)], (2, 2, 2), {"one": np.ones(2, np.float32)})
    with pytest.raises(NoGradientError):
        computed(content, np.ones((2, 2, 2, 2)), np.ones((2, 2, 1, 1)))


def test_turned_kernels_are_the_transpose_of_the_convolution() -> None:
    x, y, kernels = weights(1, 4, 5, 5), weights(1, 6, 5, 5), weights(6, 2, 3, 3)
    forth = convolve(x, kernels, 2)
    back = convolve(y, turned_kernels(kernels, 2), 2)
    assert float((forth * y).sum()) == pytest.approx(float((x * back).sum()), rel=1e-5)


def convolve(x: np.ndarray, kernels: np.ndarray, group: int) -> np.ndarray:
    from onnx.reference import ReferenceEvaluator

    how = {"group": group, "pads": [1, 1, 1, 1]}
    content = graph_of([("Conv", ["photo", "w"], how)], x.shape[1:], {"w": kernels}, kind=onnx.TensorProto.DOUBLE)
    return np.asarray(ReferenceEvaluator(onnx.load_from_string(content)).run(None, {"photo": x})[0])
