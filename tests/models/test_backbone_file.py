import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from tiny_set import QUIET

from ladder_set import random_weights
from tellapart.errors import OptionError, WeightsError
from tellapart.models import backbone_file, pocket
from tellapart.models.backbone_file import backbone_onnx
from tellapart.models.backbones import find_backbone
from tellapart.models.forward import Forward

pytestmark = QUIET
POCKET = find_backbone("pocket")
PHOTOS = np.random.default_rng(0).uniform(0, 255, (2, 64, 64, 3)).astype(np.float32)
WITHOUT = """
import sys
from pathlib import Path
sys.modules.update(dict.fromkeys(("keras", "tensorflow", "torch", "jax", "onnx", "tf2onnx")))
from tellapart.models.backbone_file import backbone_onnx
from tellapart.models.backbones import find_backbone
backbone_onnx(find_backbone(sys.argv[1]), 64, Path(sys.argv[2]), Path(sys.argv[3]))
"""


def files(cache: Path) -> list[Path]:
    return sorted((cache / "onnx").iterdir())


def test_pocket_gives_what_keras_gives(tmp_path: Path) -> None:
    from tellapart.models.backend import keras
    from tellapart.models.features import load_pretrained, photo_to

    content = backbone_onnx(POCKET, 64, pocket.FILE, tmp_path)
    onnx.checker.check_model(onnx.load_from_string(content), full_check=True)
    told = Forward(content).named_outputs(PHOTOS)
    pretrained = load_pretrained(POCKET, 64, pocket.FILE)
    expected = keras.ops.convert_to_numpy(photo_to(pretrained, pretrained.network)(PHOTOS))
    assert list(told) == ["maps", "features", "lower"]
    assert told["maps"] == pytest.approx(expected, abs=1e-4)
    assert told["features"] == pytest.approx(expected.mean(axis=(1, 2)), abs=1e-4)
    assert np.ptp(told["features"]) > 0.1


@pytest.mark.parametrize("name", ["pocket", "mobilenet_v2"])
def test_those_that_are_written_straight_need_no_framework(tmp_path: Path, name: str) -> None:
    weights = pocket.FILE if name == "pocket" else random_weights(tmp_path)
    cache = tmp_path / "cache"
    subprocess.run([sys.executable, "-c", WITHOUT, name, str(weights), str(cache)], check=True)
    (path,) = files(cache)
    assert path.read_bytes() == backbone_onnx(find_backbone(name), 64, weights, cache)


def test_it_is_built_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = backbone_onnx(POCKET, 64, pocket.FILE, tmp_path)
    monkeypatch.setattr(backbone_file, "_straight", None)
    assert backbone_onnx(POCKET, 64, pocket.FILE, tmp_path) == first


@pytest.mark.parametrize("damage", ["cut off", "a bit", "a bit of the digest", "empty"])
def test_a_damaged_file_is_written_anew(tmp_path: Path, damage: str) -> None:
    first = backbone_onnx(POCKET, 64, pocket.FILE, tmp_path)
    (path,) = files(tmp_path)
    place = {"a bit": len(first) // 2, "a bit of the digest": -1}.get(damage, 0)
    altered = bytearray(first)
    altered[place] ^= 1
    path.write_bytes({"cut off": first[:-100], "empty": b""}.get(damage, bytes(altered)))
    assert backbone_onnx(POCKET, 64, pocket.FILE, tmp_path) == first
    assert path.read_bytes() == first
    assert files(tmp_path) == [path]


def test_each_size_and_each_weights_file_has_its_own(tmp_path: Path) -> None:
    from safetensors.numpy import load_file, save_file

    arrays = load_file(pocket.FILE)
    other = tmp_path / "other.safetensors"
    save_file({**arrays, "last/bias": arrays["last/bias"] + np.float16(1)}, other)
    contents = {backbone_onnx(POCKET, size, path, tmp_path) for size, path in (
        (64, pocket.FILE), (96, pocket.FILE), (64, other)
    )}  # fmt: skip
    assert len(contents) == len(files(tmp_path)) == 3


def test_another_backbone_is_built_by_keras(tmp_path: Path) -> None:
    from tellapart.models.backbones import build_backbone
    from tellapart.models.backend import keras

    backbone, path = find_backbone("mobilenet_v3_small"), tmp_path / "random.weights.h5"
    keras.utils.set_random_seed(0)
    network = build_backbone(backbone, 64)
    network.save_weights(path)
    expected = keras.ops.convert_to_numpy(network(PHOTOS))
    told = Forward(backbone_onnx(backbone, 64, path, tmp_path)).named_outputs(PHOTOS)
    assert list(told) == ["maps", "features", "lower"]
    assert told["maps"] == pytest.approx(expected, abs=1e-5)
    assert told["features"] == pytest.approx(expected.mean(axis=(1, 2)), abs=1e-5)


def test_weights_of_another_network_and_too_few_pixels_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "no.safetensors"
    path.write_bytes(b"not weights")
    with pytest.raises(WeightsError, match="does not hold the weights of pocket"):
        backbone_onnx(POCKET, 64, path, tmp_path)
    with pytest.raises(OptionError, match="pocket does not take photos of 16 pixels"):
        backbone_onnx(POCKET, 16, pocket.FILE, tmp_path)
    assert not (tmp_path / "onnx").exists()
