from typing import Any

import numpy as np
import pytest
from tiny_set import QUIET

from tellapart.errors import OptionError
from tellapart.models.backbones import build_backbone, find_backbone
from tellapart.models.backend import keras
from tellapart.models.cuts import cut_layer, narrow_layers, output_of

pytestmark = QUIET

CUTS = {
    "pocket": "stage2_d",
    "vgg16": "block4_pool",
    "mobilenet_v2": "block_12_add",
    "resnet50": "conv4_block6_out",
    "mobilenet_v3_small": "expanded_conv_9_add",
    "inception_v3": "mixed7",
    "convnext_tiny": "add_",
}


@pytest.mark.parametrize(("name", "layer"), CUTS.items())
def test_a_backbone_is_the_sum_of_its_halves(name: str, layer: str) -> None:
    keras.utils.set_random_seed(0)
    size = 96
    backbone = find_backbone(name)
    network = build_backbone(backbone, size)
    cut = cut_layer(network, backbone)
    assert cut.name.startswith(layer)
    seam = output_of(cut)
    lower, upper = keras.Model(network.input, seam), keras.Model(seam, network.output)
    photos = backbone.preprocess(np.random.default_rng(0).uniform(0, 255, (2, size, size, 3)).astype(np.float32))
    whole = keras.ops.convert_to_numpy(network(photos))
    halves = keras.ops.convert_to_numpy(upper(lower(photos)))
    assert np.abs(whole).max() > 0
    assert halves == pytest.approx(whole, rel=1e-4, abs=1e-5 * float(np.abs(whole).max()))
    assert 0 < upper.count_params() < network.count_params()


def test_nasnet_cannot_be_cut() -> None:
    backbone = find_backbone("nasnet_mobile")
    with pytest.raises(OptionError, match=r"no last block that can be trained alone\. Next: "):
        cut_layer(build_backbone(backbone, 64), backbone)


def graph_with_skip() -> Any:
    """a - b - c - add(a, c) - d: nothing between a and the sum is narrow."""
    layers = keras.layers
    start = keras.Input((4,), name="start")
    a = layers.Dense(4, name="a")(start)
    b = layers.Dense(4, name="b")(a)
    c = layers.Dense(4, name="c")(b)
    total = layers.Add(name="sum")([a, c])
    return keras.Model(start, layers.Dense(2, name="d")(total))


def test_narrow_layers_know_skip_connections() -> None:
    assert [layer.name for layer in narrow_layers(graph_with_skip())] == ["start", "a", "sum"]
