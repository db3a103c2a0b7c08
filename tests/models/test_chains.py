"""Networks written straight from their weights, held against what Keras builds of the same files."""

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import onnx
import pytest
from tiny_set import QUIET

from tellapart.errors import OptionError, WeightsError
from tellapart.models import backbone_file
from tellapart.models.backbones import BACKBONES, build_backbone, find_backbone
from tellapart.models.backend import keras
from tellapart.models.chains import CHAINS, write_maps
from tellapart.models.forward import Forward
from tellapart.models.onnx_writer import Graph
from tellapart.models.weights import fingerprint
from tellapart.weights.pins import find_pin

pytestmark = QUIET


def saved(name: str, folder: Path) -> list[Path]:
    """Random weights in the layout of Keras 3 and in the older one, that of a whole model and of weights alone."""
    network = build_backbone(find_backbone(name), 32)
    generator = np.random.default_rng(0)

    def drawn(shape: tuple[int, ...]) -> np.ndarray:
        if len(shape) == 1:
            return generator.uniform(0.5, 1.5, shape)
        return generator.normal(0, np.sqrt(2 / np.prod(shape[:2] if shape[-1] == 1 else shape[:3])), shape)

    network.set_weights([drawn(array.shape) for array in network.get_weights()])
    paths = [folder / file for file in ("keras3.weights.h5", "model.h5", "older.h5")]
    network.save_weights(paths[0])
    network.save(paths[1])
    with h5py.File(paths[1]) as model, h5py.File(paths[2], "w") as file:
        for layer in model["model_weights"]:
            model.copy(f"model_weights/{layer}", file)
        for key, value in model["model_weights"].attrs.items():
            file.attrs[key] = value
    return paths


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Path]]:
    """Of each network, its weights in each layout."""
    return {name: saved(name, tmp_path_factory.mktemp(name)) for name in CHAINS}


def straight(name: str, size: int, path: Path) -> bytes:
    return backbone_file._straight(find_backbone(name), size, path)


@pytest.mark.parametrize("name", CHAINS)
def test_all_layouts_give_the_same_bytes(files: dict[str, list[Path]], name: str) -> None:
    first, *others = [straight(name, 40, path) for path in files[name]]
    assert others == [first, first]
    onnx.checker.check_model(onnx.load_from_string(first), full_check=True)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "size"),
    [("vgg16", 32), ("vgg16", 45), ("vgg19", 33), ("mobilenet", 32), ("mobilenet", 45), ("mobilenet_v2", 32)]
    + [("mobilenet_v2", size) for size in (45, 63, 97, 112)],
)
def test_the_bytes_are_those_of_building_it_by_keras(files: dict[str, list[Path]], name: str, size: int) -> None:
    path = files[name][0]
    assert straight(name, size, path) == backbone_file._by_keras(find_backbone(name), size, path)


@pytest.mark.parametrize(("name", "size"), [("vgg16", 35), ("mobilenet", 35), ("mobilenet_v2", 47)])
def test_it_gives_what_keras_gives(files: dict[str, list[Path]], name: str, size: int) -> None:
    """Apart from the way by which Keras' networks are exported."""
    backbone = find_backbone(name)
    network = build_backbone(backbone, size)
    network.load_weights(files[name][0])
    photos = np.random.default_rng(1).uniform(0, 255, (2, size, size, 3)).astype(np.float32)
    expected = keras.ops.convert_to_numpy(network(by_hand(name, photos)))
    told = Forward(straight(name, size, files[name][0])).named_outputs(photos)
    assert list(told) == ["maps", "features", "lower"]
    close = 1e-4 * float(np.abs(expected).max())
    assert told["maps"] == pytest.approx(expected, abs=close)
    assert told["features"] == pytest.approx(expected.mean(axis=(1, 2)), abs=close)
    assert np.ptp(told["features"]) > 100 * close


def by_hand(name: str, photos: np.ndarray) -> np.ndarray:
    """Preprocessing as the papers have it."""
    if name == "vgg16":
        return np.asarray(photos[..., ::-1] - np.array((103.939, 116.779, 123.68), np.float32))
    return np.asarray(photos / 127.5 - 1)


@pytest.mark.parametrize("name", CHAINS)
def test_its_layers_hold_as_many_numbers_as_are_pinned(name: str) -> None:
    numbers = sum(int(np.prod(shape)) for layer in CHAINS[name].layers() for shape in layer.shapes)
    assert numbers == find_pin(name).parameters
    assert name in BACKBONES


def test_the_real_weights_give_the_bytes_of_keras(shared: Path) -> None:
    path = shared / "weights" / "mobilenet_v2_imagenet_notop.weights.h5"
    if not path.is_file():
        pytest.skip("the real MobileNetV2 weights (../shared/weights) are not here")
    backbone = find_backbone("mobilenet_v2")
    assert straight("mobilenet_v2", 224, path) == backbone_file._by_keras(backbone, 224, path)


def complaint(path: Path, name: str, by: Any) -> str:
    with pytest.raises(WeightsError) as caught:
        by(find_backbone(name), 32, path)
    return str(caught.value)


def test_a_wrong_file_is_told_as_it_is_by_keras(files: dict[str, list[Path]], tmp_path: Path) -> None:
    odd, text = tmp_path / "odd.weights.h5", tmp_path / "text.h5"
    with h5py.File(odd, "w") as file:
        file["all"] = np.zeros(find_pin("mobilenet_v2").parameters, dtype=np.float32)
    text.write_text("no weights")
    for path in (files["mobilenet"][0], files["mobilenet"][2], odd, text):
        told = complaint(path, "mobilenet_v2", backbone_file._straight)
        assert told == complaint(path, "mobilenet_v2", backbone_file._by_keras)
        assert "Next: " in told
        assert "\n" not in told


def test_too_few_pixels_are_told_before_the_file_is_read(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=r"vgg16 does not take photos of 31 pixels .* Next: --image-size 224"):
        write_maps(graph := Graph((31, 31, 3)), graph.photo, find_backbone("vgg16"), tmp_path / "absent.h5")


def test_the_weights_in_the_file_are_those_of_its_name(files: dict[str, list[Path]], tmp_path: Path) -> None:
    """Two files of other weights have two fingerprints, by which their ONNX files are told apart."""
    assert len({fingerprint(path) for path in files["vgg16"]}) == 3
    cache = tmp_path / "cache"
    kept = {backbone_file.backbone_onnx(find_backbone("vgg16"), 32, path, cache) for path in files["vgg16"]}
    assert len(list((cache / "onnx").iterdir())) == 3
    assert len(kept) == 1
