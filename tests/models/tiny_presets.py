"""Presets of KerasHub, tiny and with random weights, made here; nothing is fetched."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_set import QUIET

from tellapart.models.backbones import find_backbone
from tellapart.models.backend import keras
from tellapart.models.features import Pretrained, load_pretrained
from tellapart.models.hub import HubBackbone, preset_folder
from tellapart.progress import Silent

keras_hub = pytest.importorskip("keras_hub", reason="KerasHub is not installed: pip install 'tellapart[hub]'")
MARKS = [
    QUIET,
    pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="presets are exported by TensorFlow here"),
]

SCALE, OFFSET = [1 / 58, 1 / 57, 1 / 57.5], [-2.1, -2.0, -1.8]
SIGLIP = {"patch_size": 8, "hidden_dim": 8, "num_layers": 2, "num_heads": 2, "intermediate_dim": 16}
TEXT = {"vocabulary_size": 9, "embedding_dim": 8, "hidden_dim": 8, "num_layers": 1, "num_heads": 2}


def vit() -> Any:
    return keras_hub.models.ViTBackbone(
        image_shape=(32, 32, 3), patch_size=8, num_layers=2, num_heads=2, hidden_dim=8, mlp_dim=16
    )


def dinov2() -> Any:
    return keras_hub.models.DINOV2Backbone(
        patch_size=8,
        num_layers=3,
        hidden_dim=8,
        num_heads=2,
        intermediate_dim=16,
        num_register_tokens=2,
        image_shape=(64, 64, 3),
        position_embedding_shape=(64, 64, 3),
    )


def siglip_vision(name: str | None = None) -> Any:
    return keras_hub.models.SigLIPVisionEncoder(**SIGLIP, image_shape=(32, 32, 3), name=name)


def siglip() -> Any:
    text = keras_hub.models.SigLIPTextEncoder(**TEXT, intermediate_dim=16, max_sequence_length=5, name="text")
    return keras_hub.models.SigLIPBackbone(siglip_vision("vision"), text)


def resnet() -> Any:
    return keras_hub.models.ResNetBackbone([64], [7], [64, 16], [1, 1], [1, 2], "basic_block")


def mobilenet() -> Any:
    return keras_hub.models.MobileNetBackbone(
        stackwise_expansion=[[8]],
        stackwise_num_blocks=[1],
        stackwise_num_filters=[[8]],
        stackwise_kernel_size=[[3]],
        stackwise_num_strides=[[2]],
        stackwise_se_ratio=[[None]],
        stackwise_activation=[["relu"]],
        stackwise_padding=[[1]],
        output_num_filters=16,
        depthwise_filters=8,
        depthwise_stride=2,
        depthwise_residual=False,
        last_layer_filter=16,
        input_num_filters=8,
    )


def _patches(others: int, grid: int) -> Callable[[Any], np.ndarray]:
    return lambda tokens: keras.ops.convert_to_numpy(tokens)[:, others:].reshape(len(tokens), grid, grid, -1)


def _before_pooling(network: Any) -> Any:
    return keras.Model(network.inputs, network.post_layer_norm.output)


# name: how it is made, its converter, size, channels, its own maps of preprocessed photos
MADE: dict[str, tuple[Callable[[], Any], str, int, tuple[int, ...], Callable[[Any, np.ndarray], np.ndarray]]] = {
    "vit": (vit, "ViT", 32, (4, 4, 8), lambda own, photos: _patches(1, 4)(own(photos))),
    "dinov2": (dinov2, "DINOV2", 64, (8, 8, 8), lambda own, photos: _patches(3, 8)(own({"images": photos}))),
    "siglip": (
        siglip,
        "SigLIP",
        32,
        (4, 4, 8),
        lambda own, photos: _patches(0, 4)(_before_pooling(own.vision_encoder)({"images": photos})),
    ),
    "siglip_vision": (
        siglip_vision,
        "SigLIP",
        32,
        (4, 4, 8),
        lambda own, photos: _patches(0, 4)(_before_pooling(own)({"images": photos})),
    ),
    "resnet": (resnet, "ResNet", 64, (8, 8, 16), lambda own, photos: keras.ops.convert_to_numpy(own(photos))),
}
FAMILIES = pytest.mark.parametrize("name", list(MADE))


def save(network: Any, converter: str, size: int, folder: Path) -> Path:
    network.save_to_preset(str(folder))
    maker = getattr(keras_hub.layers, f"{converter}ImageConverter")
    maker(image_size=(size, size), scale=SCALE, offset=OFFSET).save_to_preset(str(folder))
    return folder


def own_network(name: str) -> Any:
    keras.utils.set_random_seed(3)
    return MADE[name][0]()


@pytest.fixture(name="presets", scope="module")
def presets_fixture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("presets")
    for name, (_, converter, size, *_) in MADE.items():
        save(own_network(name), converter, size, root / name)
    return root


@pytest.fixture(name="copied")
def copied_fixture(presets: Path, tmp_path: Path) -> Path:
    """A preset that may be spoilt."""
    return Path(shutil.copytree(presets / "vit", tmp_path / "spoilt"))


def row_of(folder: Path | str) -> HubBackbone:
    row = find_backbone(f"hub:{folder}")
    assert isinstance(row, HubBackbone)
    return row


def loaded(folder: Path, size: int | None = None) -> Pretrained:
    row = row_of(folder)
    return load_pretrained(row, size or row.image_size, preset_folder(row, Silent()))


def some_photos(size: int) -> np.ndarray:
    return np.random.default_rng(0).uniform(0, 255, (3, size, size, 3)).astype(np.float32)
