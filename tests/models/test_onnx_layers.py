from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest
from tiny_set import QUIET

from tellapart.models.backend import keras
from tellapart.models.forward import Forward
from tellapart.models.onnx_layers import NotWrittenError, array_of
from tellapart.models.onnx_network import written

pytestmark = QUIET

layers = keras.layers
CHANCE = np.random.default_rng(0)
MAPS, ROWS = (7, 10, 4), (6,)


def drawn(network: Any) -> Any:
    """Weights that no initialiser gives, so that every one of them counts; variances over 0."""
    chance = np.random.default_rng(1)
    network.set_weights(
        [
            chance.uniform(0.5, 2, weight.shape) if "variance" in weight.name else chance.normal(0, 0.5, weight.shape)
            for weight in network.weights
        ]
    )
    return network


def check(network: Any, outputs: int = 1) -> list[str]:
    """Hold an exported network against Keras, shapes and numbers; give the kinds of its nodes."""
    names = ("probabilities", "features")[:outputs]
    content = written(network, names)
    model = onnx.load_from_string(content)
    onnx.checker.check_model(model, full_check=True)
    photos = CHANCE.normal(0, 2, (3, *network.input_shape[1:])).astype(np.float32)
    found = Forward(content).named_outputs(photos)
    expected = network(photos) if outputs > 1 else [network(photos)]
    assert tuple(found) == names
    for own, theirs in zip(found.values(), map(array_of, expected), strict=True):
        assert own.shape == theirs.shape
        assert np.abs(own - theirs).max() <= 1e-5 * max(1, float(np.abs(theirs).max()))
        assert np.ptp(theirs) > 0
    return [node.op_type for node in model.graph.node if node.op_type != "Transpose"]


def network_of(layer: Any, shape: tuple[int, ...] = MAPS) -> Any:
    photo = keras.Input(shape)
    return drawn(keras.Model(photo, layer(photo)))


_SAME = {"padding": "same"}
OF_MAPS: dict[str, Callable[[], Any]] = {
    "Conv2D": lambda: layers.Conv2D(5, 3),
    "Conv2D same": lambda: layers.Conv2D(5, 3, **_SAME),
    "Conv2D same, steps of 2": lambda: layers.Conv2D(5, 3, strides=2, **_SAME),
    "Conv2D same, even kernel": lambda: layers.Conv2D(5, (2, 4), strides=(3, 2), **_SAME),
    "Conv2D, steps of 3": lambda: layers.Conv2D(5, (1, 3), strides=3, use_bias=False),
    "Conv2D with gaps": lambda: layers.Conv2D(5, 3, dilation_rate=2, **_SAME),
    "Conv2D in groups": lambda: layers.Conv2D(6, 3, groups=2, activation="relu"),
    "Conv2D relu6": lambda: layers.Conv2D(5, 1, activation="relu6"),
    "DepthwiseConv2D": lambda: layers.DepthwiseConv2D(3),
    "DepthwiseConv2D same, steps of 2": lambda: layers.DepthwiseConv2D(3, strides=2, **_SAME),
    "DepthwiseConv2D, two each": lambda: layers.DepthwiseConv2D((5, 2), depth_multiplier=2, activation="silu", **_SAME),
    "SeparableConv2D": lambda: layers.SeparableConv2D(5, 3, strides=2, depth_multiplier=2, **_SAME),
    "BatchNormalization": layers.BatchNormalization,
    "BatchNormalization alone": lambda: layers.BatchNormalization(scale=False, center=False, epsilon=0.1),
    "ReLU": layers.ReLU,
    "ReLU to 6": lambda: layers.ReLU(6.0),
    "ReLU with a slope": lambda: layers.ReLU(negative_slope=0.3),
    "LeakyReLU": lambda: layers.LeakyReLU(negative_slope=0.1),
    "Softmax": layers.Softmax,
    "MaxPooling2D": layers.MaxPooling2D,
    "MaxPooling2D same": lambda: layers.MaxPooling2D(3, strides=2, **_SAME),
    "MaxPooling2D (2, 3)": lambda: layers.MaxPooling2D((2, 3), strides=(1, 2)),
    "AveragePooling2D": lambda: layers.AveragePooling2D(2),
    "AveragePooling2D same": lambda: layers.AveragePooling2D(3, strides=1, **_SAME),
    "AveragePooling2D same, even": lambda: layers.AveragePooling2D(2, strides=2, **_SAME),
    "GlobalAveragePooling2D": layers.GlobalAveragePooling2D,
    "GlobalAveragePooling2D kept": lambda: layers.GlobalAveragePooling2D(keepdims=True),
    "GlobalMaxPooling2D": layers.GlobalMaxPooling2D,
    "Rescaling": lambda: layers.Rescaling(1 / 127.5, offset=-1),
    "Rescaling by channel": lambda: layers.Rescaling([1.0, 2.0, 3.0, 4.0], offset=[0.0, -1.0, 2.0, 3.0]),
    "Normalization": lambda: layers.Normalization(mean=[1.0, 2.0, 3.0, 4.0], variance=[4.0, 9.0, 0.0, 1.0]),
    "Normalization, one number": lambda: layers.Normalization(mean=1.0, variance=4.0),
    "ZeroPadding2D": lambda: layers.ZeroPadding2D(((0, 1), (2, 0))),
    "Cropping2D": lambda: layers.Cropping2D(((0, 1), (2, 0))),
    "Flatten": layers.Flatten,
    "Reshape": lambda: layers.Reshape((5, 7, 8)),
    "Reshape to a row": lambda: layers.Reshape((-1,)),
    "Dropout": lambda: layers.Dropout(0.5),
    "SpatialDropout2D": lambda: layers.SpatialDropout2D(0.5),
    "GaussianNoise": lambda: layers.GaussianNoise(1.0),
}


@pytest.mark.parametrize("name", OF_MAPS)
def test_layers_of_maps(name: str) -> None:
    check(network_of(OF_MAPS[name]()))


OF_ROWS: dict[str, Callable[[], Any]] = {
    "Dense": lambda: layers.Dense(5),
    "Dense softmax": lambda: layers.Dense(5, activation="softmax", use_bias=False),
    "BatchNormalization": layers.BatchNormalization,
    "Reshape": lambda: layers.Reshape((1, 1, 6)),
    "Reshape to maps": lambda: layers.Reshape((3, 1, 2)),
    "Flatten": layers.Flatten,
    "Dropout": lambda: layers.Dropout(0.5),
}


@pytest.mark.parametrize("name", OF_ROWS)
def test_layers_of_numbers_in_a_row(name: str) -> None:
    check(network_of(OF_ROWS[name](), ROWS))


@pytest.mark.parametrize(
    "name",
    ["linear", "relu", "relu6", "sigmoid", "tanh", "softmax", "softplus", "elu", "silu", "swish", "gelu",
     "hard_sigmoid", "hard_silu", "hard_swish"],
)  # fmt: skip
@pytest.mark.parametrize("shape", [MAPS, ROWS])
def test_activations(name: str, shape: tuple[int, ...]) -> None:
    check(network_of(layers.Activation(name), shape))


JOINED: dict[str, Callable[[], Any]] = {
    "Add": layers.Add,
    "Subtract": layers.Subtract,
    "Multiply": layers.Multiply,
    "Maximum": layers.Maximum,
    "Minimum": layers.Minimum,
    "Average": layers.Average,
    "Concatenate": layers.Concatenate,
}


@pytest.mark.parametrize("name", JOINED)
@pytest.mark.parametrize("shape", [MAPS, ROWS])
def test_layers_that_join(name: str, shape: tuple[int, ...]) -> None:
    photo = keras.Input(shape)
    others = [layers.Activation("tanh")(photo), layers.Activation("sigmoid")(photo)]
    check(keras.Model(photo, JOINED[name]()([photo, *others[: 1 if name == "Subtract" else 2]])))


def test_channels_are_weighed() -> None:
    """As in a squeeze-and-excitation block."""
    photo = keras.Input(MAPS)
    weights = layers.Reshape((1, 1, 4))(layers.GlobalAveragePooling2D()(photo))
    check(keras.Model(photo, layers.Multiply()([photo, layers.Conv2D(4, 1, activation="sigmoid")(weights)])))


def test_the_order_of_flattened_maps_is_that_of_keras() -> None:
    photo = keras.Input(MAPS)
    flat = layers.Dropout(0.5)(layers.ReLU()(layers.Flatten()(photo)))
    both = drawn(keras.Model(photo, [layers.Dense(3)(flat), layers.BatchNormalization()(flat)]))
    check(both, outputs=2)
    assert check(drawn(keras.Model(photo, layers.Dense(3)(flat)))) == ["Flatten", "Relu", "Gemm"]


REFUSED: dict[str, Callable[[], Any]] = {
    "a layer that is not known": layers.LayerNormalization,
    "channels first": lambda: layers.MaxPooling2D(data_format="channels_first"),
    "an activation of one's own": lambda: layers.Activation(lambda x: x * x),
    "an activation that is not known": lambda: layers.Conv2D(2, 1, activation="selu"),
    "a threshold": lambda: layers.ReLU(threshold=1.0),
    "a norm along rows": lambda: layers.BatchNormalization(axis=1),
    "a softmax along rows": lambda: layers.Softmax(axis=1),
    "dense on maps": lambda: layers.Dense(3),
    "half the numbers": lambda: layers.Conv2D(2, 1, dtype="mixed_float16"),
    "an inverse": lambda: layers.Normalization(mean=1.0, variance=4.0, invert=True),
    "a norm along columns": lambda: layers.Normalization(axis=2, mean=1.0, variance=4.0),
    "three axes": lambda: layers.Reshape((70, 4)),
    "noise of augmentation": layers.RandomFlip,
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_known_is_refused(name: str) -> None:
    photo = keras.Input(MAPS)
    with pytest.raises(NotWrittenError):
        written(keras.Model(photo, REFUSED[name]()(photo)), ["out"])


def test_averages_over_a_rim_are_not_written_on_pytorch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where one zero more is needed behind than before, PyTorch's averages differ from TensorFlow's."""
    monkeypatch.setattr(keras.backend, "backend", lambda: "torch")
    written(network_of(layers.AveragePooling2D(3, strides=1, padding="same")), ["out"])
    with pytest.raises(NotWrittenError, match="a rim that PyTorch fills otherwise"):
        written(network_of(layers.AveragePooling2D(2, strides=1, padding="same")), ["out"])
