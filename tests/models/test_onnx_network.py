from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest
from test_onnx_layers import check, drawn
from tiny_set import QUIET

from ladder_models import floor
from tellapart.models import networks
from tellapart.models.backbones import BACKBONES, build_backbone, find_backbone
from tellapart.models.backend import keras
from tellapart.models.onnx_layers import NotWrittenError
from tellapart.models.onnx_network import written

pytestmark = QUIET
layers = keras.layers

# One network of each module of the table, and the size at which it is held against Keras; all others of a module
# are made of the same layers.
WRITTEN = {
    "pocket": ("pocket", 40),
    "vgg16": ("vgg16", 40),
    "vgg19": ("vgg19", 32),
    "mobilenet": ("mobilenet", 49),
    "mobilenet_v2": ("mobilenet_v2", 49),
    "mobilenet_v3": ("mobilenet_v3_small", 49),
    "resnet": ("resnet50", 40),
    "resnet_v2": ("resnet50_v2", 40),
    "densenet": ("densenet121", 40),
    "efficientnet": ("efficientnet_b0", 49),
    "efficientnet_v2": ("efficientnet_v2_b0", 49),
    "inception_v3": ("inception_v3", 75),
    "inception_resnet_v2": ("inception_resnet_v2", 75),
    "xception": ("xception", 75),
    "nasnet": ("nasnet_mobile", 40),
}
FALL_BACK = {"convnext": "convnext_tiny"}


def test_it_is_said_of_every_backbone_whether_it_is_written() -> None:
    assert {backbone.module for backbone in BACKBONES.values()} == set(WRITTEN) | set(FALL_BACK)


@pytest.mark.slow
@pytest.mark.parametrize("module", WRITTEN)
def test_backbones_equal_keras(module: str) -> None:
    """With their scaling in front, to the last maps and to their means."""
    name, size = WRITTEN[module]
    backbone = find_backbone(name)
    photo = keras.Input((size, size, 3))
    maps = build_backbone(backbone, size)(backbone.preprocess(photo))
    check(keras.Model(photo, [maps, layers.GlobalAveragePooling2D()(maps)]), outputs=2)


@pytest.mark.slow
@pytest.mark.parametrize("module", FALL_BACK)
def test_other_backbones_are_left_to_a_converter(module: str) -> None:
    with pytest.raises(NotWrittenError):
        written(build_backbone(find_backbone(FALL_BACK[module]), 32), ["maps"])


OWN: dict[str, Callable[[], Any]] = {
    "majority": lambda: floor(33),
    "baseline": lambda: drawn(networks.baseline(3, 33)),
    "deeper": lambda: drawn(networks.deeper(3, 33, dropout=0.5)),
    "head": lambda: drawn(networks.head(20, 3, dropout=0.5)),
}


@pytest.mark.parametrize("name", OWN)
def test_networks_of_our_own_equal_keras(name: str) -> None:
    network = OWN[name]()
    photo = keras.Input(network.input_shape[1:])
    small = layers.Rescaling(0.1)(photo)  # else the softmax is all ones and zeros
    kinds = check(keras.Model(photo, network(small)))
    assert "BatchNormalization" not in kinds, "behind a convolution it is part of it"


def test_networks_within_networks_layers_used_twice_and_in_a_row() -> None:
    inner_photo = keras.Input((8, 9, 3))
    inner = keras.Model(inner_photo, layers.Conv2D(3, 3, padding="same")(inner_photo))
    row = keras.Sequential([keras.Input((8, 9, 3)), layers.ReLU(), layers.MaxPooling2D()])
    photo = keras.Input((8, 9, 3))
    once = inner(photo)
    network = drawn(keras.Model(photo, row(layers.Add()([inner(once), once]))))
    assert check(network) == ["Conv", "Conv", "Add", "Relu", "MaxPool"]
    check(row)


def test_a_part_of_a_network_by_its_own_ends() -> None:
    """As a backbone that is cut: its layers have been called in a larger network as well."""
    network = drawn(networks.deeper(3, 33))
    middle = next(layer.output for layer in network.layers if isinstance(layer, layers.MaxPooling2D))
    check(keras.Model(network.input, middle))
    check(keras.Model(middle, network.output))


OPERATIONS: dict[str, Callable[[Any], Any]] = {
    "reversed": lambda x: x[..., ::-1],
    "reversed, every axis named": lambda x: x[:, :, :, ::-1],
    "two of three": lambda x: x[..., 1:],
    "divided": lambda x: x / 127.5 - 1.0,
    "from the right": lambda x: 1.0 - 2.0 / (x * x + 1.0),
    "by channel": lambda x: x - np.array([1, 2, 3], np.float32),
    "by itself": lambda x: x * x + x,
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_arithmetic(name: str) -> None:
    photo = keras.Input((4, 5, 3))
    check(keras.Model(photo, OPERATIONS[name](photo)))


class Dense(keras.layers.Layer):  # type: ignore[misc]
    """Called as one of Keras' own."""

    def call(self, x: Any) -> Any:
        return 2 * x


def _two_inputs() -> Any:
    ends = [keras.Input((4,)), keras.Input((4,))]
    return keras.Model(ends, layers.Add()(ends))


def _behind(function: Callable[[Any], Any], shape: tuple[int | None, ...] = (4, 5, 3)) -> Callable[[], Any]:
    def build() -> Any:
        photo = keras.Input(shape)
        return keras.Model(photo, function(photo))

    return build


REFUSED: dict[str, Callable[[], Any]] = {
    "two inputs": _two_inputs,
    "a layer of another with the name of one of Keras": _behind(Dense()),
    "a free size": _behind(layers.ReLU(), (None, None, 3)),
    "as in training": _behind(lambda x: layers.Dropout(0.5)(x, training=True)),
    "rows left out": _behind(lambda x: x[:, 1:]),
    "another operation": _behind(keras.ops.sin),
    "a number a row": _behind(lambda x: x * np.ones((4, 1, 1), np.float32)),
    "an axis more": _behind(lambda x: keras.ops.expand_dims(x, 1)),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_known_is_refused(name: str) -> None:
    with pytest.raises(NotWrittenError):
        written(REFUSED[name](), ["out"])


def test_a_network_of_ones_own_class_is_refused() -> None:
    class Own(keras.Model):  # type: ignore[misc]
        def call(self, x: Any) -> Any:
            return x

    with pytest.raises(NotWrittenError):
        written(Own(), ["out"])


def test_the_ends_are_named_and_the_batch_is_free() -> None:
    network = drawn(networks.baseline(3, 33))
    both = keras.Model(network.input, [network.output, network.layers[-1].input])
    model = onnx.load_from_string(written(both, ("probabilities", "features")))
    told = {
        end.name: [side.dim_param or side.dim_value for side in end.type.tensor_type.shape.dim]
        for end in (*model.graph.input, *model.graph.output)
    }
    assert told == {"photo": ["photos", 33, 33, 3], "probabilities": ["photos", 3], "features": ["photos", 128]}
