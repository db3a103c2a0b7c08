from importlib import import_module

import numpy as np
import pytest
from tiny_set import QUIET

from tellapart.errors import OptionError, UnknownNameError
from tellapart.models.backbones import BACKBONES, build_backbone, find_backbone
from tellapart.models.backend import keras
from tellapart.models.forward import Forward
from tellapart.models.onnx_export import to_onnx

pytestmark = QUIET
KERAS = {name: row for name, row in BACKBONES.items() if name != "pocket"}


def test_names_are_lower_case_and_functions_exist() -> None:
    assert all(name == name.lower() == row.name for name, row in BACKBONES.items())
    functions = [row.function for row in KERAS.values()]
    assert len(set(functions)) == len(functions)
    assert all(callable(row.constructor()) for row in BACKBONES.values())


def test_every_network_of_keras_applications_is_there() -> None:
    offered = {name for name in dir(keras.applications) if name[0].isupper()}
    assert {row.function for row in KERAS.values()} == offered


def test_an_unknown_name_gives_near_ones() -> None:
    with pytest.raises(UnknownNameError, match=r"No backbone is called 'VGG-16'\. Did you mean vgg16"):
        find_backbone("VGG-16")
    assert find_backbone("vgg16").image_size == 224


def test_vgg16_gets_blue_green_red_without_the_mean() -> None:
    photo = np.array([[[[10.0, 20.0, 30.0]]]], dtype=np.float32)
    expected = [30 - 103.939, 20 - 116.779, 10 - 123.68]
    backbone = find_backbone("vgg16")
    assert np.ravel(backbone.preprocess(photo.copy())) == pytest.approx(expected, abs=1e-4)
    symbolic = keras.Input((1, 1, 3))
    inside = keras.Model(symbolic, backbone.preprocess(symbolic))
    assert np.ravel(keras.ops.convert_to_numpy(inside(photo))) == pytest.approx(expected, abs=1e-4)
    assert backbone.scaling == "BGR minus 103.939, 116.779, 123.68"


def test_mobilenet_v2_gets_minus_one_to_one() -> None:
    photo = np.array([[[[0.0, 127.5, 255.0]]]], dtype=np.float32)
    backbone = find_backbone("mobilenet_v2")
    assert np.ravel(backbone.preprocess(photo)) == pytest.approx([-1, 0, 1], abs=1e-6)
    assert backbone.scaling == "-1 to 1"


@pytest.mark.parametrize("name", sorted({row.module: name for name, row in BACKBONES.items()}.values()))
def test_the_scaling_in_words_is_what_preprocess_does(name: str) -> None:
    backbone = BACKBONES[name]
    result = np.ravel(backbone.preprocess(np.array([[[[0.0, 127.5, 255.0]]]], dtype=np.float32)))
    expected = {
        "-1 to 1": [-1, 0, 1],
        "inside the network": [0, 127.5, 255],
        "BGR minus 103.939, 116.779, 123.68": [255 - 103.939, 127.5 - 116.779, -123.68],
        "0 to 1 minus the mean of ImageNet, divided by its deviation": [-0.485 / 0.229, 0.044 / 0.224, 0.594 / 0.225],
    }[backbone.scaling]
    assert result == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize("name", ["vgg16", "inception_v3"])
def test_too_small_a_size_is_an_option_error(name: str) -> None:
    with pytest.raises(OptionError, match=rf"{name} does not take photos of 16 pixels .*Next: --image-size"):
        build_backbone(find_backbone(name), 16)


@pytest.mark.parametrize("name", ["vgg16", "resnet50", "densenet121", "mobilenet_v2", "efficientnet_b0"])
def test_the_scaling_is_that_of_keras_and_survives_the_export(name: str) -> None:
    backbone = find_backbone(name)
    photos = np.random.default_rng(0).uniform(0, 255, (2, 8, 8, 3)).astype(np.float32)
    module = import_module(f"keras.applications.{backbone.module}")
    symbolic = keras.Input((8, 8, 3))
    forward = Forward(to_onnx(keras.Model(symbolic, keras.layers.Activation("linear")(backbone.preprocess(symbolic)))))
    assert len(forward.inputs) == 1
    assert forward(photos) == pytest.approx(module.preprocess_input(photos.copy()), abs=1e-4)
