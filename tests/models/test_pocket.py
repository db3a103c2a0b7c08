from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_set import QUIET

from tellapart.errors import OptionError, WeightsError
from tellapart.models import pocket
from tellapart.models.backbones import build_backbone, find_backbone
from tellapart.models.backend import keras
from tellapart.models.features import load_pretrained, photo_to
from tellapart.models.forward import Forward
from tellapart.models.onnx_export import to_onnx
from tellapart.models.weights import fingerprint
from tellapart.weights.pins import find_pin

pytestmark = QUIET
POCKET = find_backbone("pocket")


def by_hand(arrays: dict[str, np.ndarray], photo: np.ndarray) -> np.ndarray:
    """The network in NumPy: (size, size, 3), 0 to 255, to its last maps."""
    maps = photo / 127.5 - 1
    for name, _, stride in pocket.LAYERS:
        kernel = arrays[f"{name}/kernel"].astype(np.float64)
        windows = np.lib.stride_tricks.sliding_window_view(np.pad(maps, ((1, 1), (1, 1), (0, 0))), (3, 3), axis=(0, 1))
        maps = np.einsum("rcikl,klio->rco", windows[::stride, ::stride], kernel) + arrays[f"{name}/bias"]
        maps = np.maximum(maps, 0)
    return np.asarray(maps @ arrays["last/kernel"][0, 0] + arrays["last/bias"])


def test_the_network_is_what_its_arrays_say() -> None:
    from safetensors.numpy import load_file

    pretrained = load_pretrained(POCKET, 32, pocket.FILE)
    forward = Forward(to_onnx(photo_to(pretrained, pretrained.network)))
    photo = np.random.default_rng(0).uniform(0, 255, (32, 32, 3)).astype(np.float32)
    expected = by_hand(load_file(pocket.FILE), photo)
    assert forward(photo[None])[0] == pytest.approx(expected, abs=1e-3 * float(np.abs(expected).max()))


def test_it_is_small_enough_to_ship() -> None:
    assert pocket.FILE.stat().st_size <= 4_000_000
    network = build_backbone(POCKET, pocket.SIZE)
    assert 500_000 <= network.count_params() <= 2_000_000
    assert network.output_shape == (None, 7, 7, pocket.CHANNELS)


def test_the_file_is_the_pinned_one() -> None:
    pin = find_pin("pocket")
    assert pin.sha256 == fingerprint(pocket.FILE)
    assert pin.size == pocket.FILE.stat().st_size
    assert pin.parameters == build_backbone(POCKET, pocket.SIZE).count_params()


def test_the_file_says_whose_it_is() -> None:
    from safetensors import safe_open

    with safe_open(pocket.FILE, framework="numpy") as file:
        told = file.metadata()
    assert told["licence"] == "Apache-2.0"
    assert "MobileNetV2" in told["origin"]


def test_its_features_tell_shapes_apart_better_than_random_weights(tmp_path: Path) -> None:
    from ladder_set import draw_shapes
    from tellapart.models.probe import cross_validated
    from tellapart.photos.batches import label_numbers, pixels_of
    from tellapart.photos.scan import scan

    photos = scan(draw_shapes(tmp_path / "photos", per_class=20))
    labels = label_numbers(photos.items, photos.classes)

    def score(network: Any) -> float:
        pixels = np.stack(list(pixels_of(photos.root, photos.items, pretrained.spec))).astype(np.float32)
        maps = keras.ops.convert_to_numpy(network(pocket.preprocess(pixels)))
        return cross_validated(maps.mean(axis=(1, 2)), labels)

    pretrained = load_pretrained(POCKET, pocket.SIZE, pocket.FILE)
    keras.utils.set_random_seed(0)
    assert score(pretrained.network) > score(build_backbone(POCKET, pocket.SIZE))


def test_too_small_a_photo_is_refused() -> None:
    with pytest.raises(OptionError, match=r"pocket does not take photos of 16 pixels.*--image-size 112"):
        build_backbone(POCKET, 16)


def test_it_has_no_dense_layers() -> None:
    with pytest.raises(ValueError, match="no dense layers"):
        pocket.build(include_top=True, weights=None, input_shape=(64, 64, 3))


@pytest.mark.parametrize("content", [b"", b"not weights", b"\x08\0\0\0\0\0\0\0{}      "])
def test_a_damaged_file_is_a_weights_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "pocket.safetensors"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match="does not hold the weights of pocket"):
        pocket.load(build_backbone(POCKET, 32), path)
