"""The maps that a head reads beside the last ones: the same in Keras' network and in the one that is written."""

import pytest

from tellapart.models import chains, pocket
from tellapart.models.backbones import BACKBONES, build_backbone, find_backbone
from tellapart.models.backend import keras
from tellapart.models.lower_maps import lower_in_graph, lower_in_keras, place_of_lower
from tellapart.models.onnx_primitives import padded
from tellapart.models.onnx_writer import Graph

# One of each family, at a size that keeps it small; and the channels of its lower maps.
FAMILIES = {
    "pocket": (112, 96), "vgg16": (64, 512), "mobilenet": (64, 512), "mobilenet_v2": (64, 576),
    "mobilenet_v3_small": (64, 288), "resnet50": (64, 1024), "resnet50_v2": (64, 256), "densenet121": (64, 512),
    "efficientnet_b0": (64, 672), "efficientnet_v2_b0": (64, 672), "inception_v3": (112, 192),
    "xception": (96, 1024), "nasnet_mobile": (64, 528), "convnext_tiny": (64, 384),
}  # fmt: skip


@pytest.mark.parametrize(
    ("sides", "last", "place"),
    [
        ([28, 14, 14, 7, 7], 7, 2),
        ([37, 19, 19, 10], 10, 2),  # sides that are no powers of 2
        ([35, 17, 17, 8, 8], 8, 2),
        ([4, 2, 1], 1, 1),
        ([16, 16, 14], 14, None),  # as in a network of tokens, whose maps have one side, behind a larger photo
        ([224, 14], 14, None),
        ([7], 7, None),
        ([14, 7, 14, 7], 7, 2),
    ],
)
def test_they_have_about_twice_the_side_and_are_the_last_of_these(
    sides: list[int], last: int, place: int | None
) -> None:
    assert place_of_lower(sides, last) == place


def test_zeros_around_maps_are_no_maps() -> None:
    graph = Graph((8, 8, 3))
    maps = graph.node("Relu", [graph.photo], (8, 8, 3))
    padded(graph, maps, (1, 1), (1, 1))
    last = graph.node("MaxPool", [maps], (4, 4, 3))
    assert lower_in_graph(graph, last) == maps
    photo = keras.Input((8, 8, 3))
    wide = keras.layers.ReLU()(photo)
    network = keras.Model(photo, keras.layers.MaxPooling2D(3, 2)(keras.layers.ZeroPadding2D(1)(wide)))
    assert lower_in_keras(network) is wide


def test_a_network_of_one_side_has_none() -> None:
    photo = keras.Input((32, 32, 3))
    assert lower_in_keras(keras.Model(photo, keras.layers.Conv2D(4, 8, strides=8)(photo))) is None
    graph = Graph((32, 32, 3))
    assert lower_in_graph(graph, graph.node("Conv", [graph.photo], (4, 4, 4))) is None


@pytest.mark.slow
@pytest.mark.parametrize("name", FAMILIES)
def test_each_family_has_some(name: str) -> None:
    size, channels = FAMILIES[name]
    row = find_backbone(name)
    network = build_backbone(row, size)
    lower, again = lower_in_keras(network), lower_in_keras(build_backbone(row, size))
    assert lower.shape == again.shape
    assert lower.shape[3] == channels
    assert network.output.shape[1] < lower.shape[1] <= 3 * network.output.shape[1]


def test_every_family_is_tried() -> None:
    assert {BACKBONES[name].module for name in FAMILIES} >= {row.module for row in BACKBONES.values()} - {
        "vgg19",
        "inception_resnet_v2",
    }
    assert {"pocket", *chains.CHAINS} - set(FAMILIES) == {"vgg19"}
    assert FAMILIES["pocket"][0] == pocket.SIZE
