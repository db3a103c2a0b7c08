import hashlib
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from tiny_set import QUIET, random_weights, tiny_backbone

from as_user import Notes
from tellapart.errors import OptionError, WeightsError
from tellapart.models import weights
from tellapart.models.backbones import build_backbone, find_backbone
from tellapart.models.backend import keras
from tellapart.models.weights import fingerprint, load_weights, weight_store, weights_at_hand, weights_path
from tellapart.progress import Silent
from tellapart.weights.pins import Pin, find_pin
from vgg16_file import VGG16, write_vgg16

pytestmark = QUIET


@pytest.fixture(autouse=True)
def keras_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keras' own cache, empty; and no network."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setenv("TELLAPART_OFFLINE", "1")
    (tmp_path / "keras" / "models").mkdir(parents=True)
    return tmp_path / "keras" / "models"


def pin(monkeypatch: pytest.MonkeyPatch, **changes: object) -> Pin:
    """Let the tiny backbone be pinned otherwise."""
    pinned = replace(find_pin(tiny_backbone().name), **changes)  # type: ignore[arg-type]
    monkeypatch.setattr(weights, "find_pin", lambda _: pinned)
    return pinned


def test_a_file_that_is_given_is_taken(tmp_path: Path) -> None:
    (tmp_path / "mine.h5").write_bytes(b"")
    assert weights_path(tiny_backbone(), tmp_path / "mine.h5", Silent()) == tmp_path / "mine.h5"
    with pytest.raises(WeightsError, match=r"no weights file .*absent\.h5\. Accepted: "):
        weights_path(tiny_backbone(), tmp_path / "absent.h5", Silent())


def test_weights_that_are_not_here_are_told_with_remedies() -> None:
    with pytest.raises(WeightsError, match=r"mobilenet_v2 are not here, and TELLAPART_OFFLINE is 1\. Next: ") as caught:
        weights_path(tiny_backbone(), None, Silent())
    for remedy in ("--weights FILE", "--backbone pocket", "tellapart weights add"):
        assert remedy in str(caught.value)
    assert weights_at_hand(tiny_backbone()) is None


def test_the_store_comes_before_keras_cache(keras_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = b"weights"
    pinned = pin(monkeypatch, size=None, sha256=hashlib.sha256(content).hexdigest())
    (keras_home / pinned.file).write_bytes(content)
    assert weights_path(tiny_backbone(), None, Silent()) == keras_home / pinned.file
    weight_store().mkdir(parents=True)
    (weight_store() / pinned.file).write_bytes(content)
    assert weights_path(tiny_backbone(), None, Silent()) == weight_store() / pinned.file
    assert weights_at_hand(tiny_backbone()) == weight_store() / pinned.file


def test_the_built_in_backbone_needs_no_network() -> None:
    pocket = find_backbone("pocket")
    path = weights_at_hand(pocket)
    if path is None:
        pytest.skip("pocket.safetensors is not in this tree")
    assert weights_path(pocket, None, Silent()) == path
    assert path.parent == Path(weights.__file__).parent


def test_what_is_at_hand_is_right(keras_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pinned = pin(monkeypatch, size=None)
    (keras_home / pinned.file).write_bytes(b"wrong")
    notes = Notes()
    assert weights_at_hand(tiny_backbone(), notes) is None
    assert pinned.file in notes.lines[0]


def test_weights_are_loaded_whatever_their_file_is_called(tmp_path: Path, vgg16_file: Path) -> None:
    path = random_weights(tmp_path / "tiny.weights.h5", seed=3)
    first, second = (build_backbone(tiny_backbone(), 64) for _ in range(2))
    load_weights(first, path, tiny_backbone())
    load_weights(second, path.rename(tmp_path / "tiny_notop.h5"), tiny_backbone())
    assert np.array_equal(first.get_weights()[0], second.get_weights()[0])
    named = tmp_path / "older.weights.h5"
    named.symlink_to(vgg16_file)
    network = build_backbone(find_backbone("vgg16"), 64)
    load_weights(network, named, find_backbone("vgg16"))
    with h5py.File(vgg16_file) as file:
        assert np.array_equal(network.get_weights()[0], file["block1_conv1/block1_conv1_W_1:0"][()])


def test_a_file_that_is_not_hdf5_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.h5").write_text("no weights")
    with pytest.raises(WeightsError, match="is not a complete HDF5 file"):
        load_weights(build_backbone(tiny_backbone(), 32), tmp_path / "text.h5", tiny_backbone())


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    path = random_weights(tmp_path / "tiny.weights.h5")
    other = find_backbone("mobilenet")
    with pytest.raises(WeightsError, match=r"does not fit mobilenet: it holds 2,257,984 numbers.*--backbone"):
        load_weights(build_backbone(other, 32), path, other)


def test_weights_of_as_many_numbers_but_another_layout_are_refused(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "odd.weights.h5", "w") as file:
        file["all"] = np.zeros(2_257_984, dtype=np.float32)
    with pytest.raises(WeightsError, match="does not fit mobilenet_v2"):
        load_weights(build_backbone(tiny_backbone(), 32), tmp_path / "odd.weights.h5", tiny_backbone())


def test_weights_with_dense_layers_are_refused(tmp_path: Path) -> None:
    whole = keras.applications.MobileNetV2(weights=None, input_shape=(32, 32, 3), classes=1000)
    whole.save_weights(tmp_path / "top.weights.h5")
    with pytest.raises(WeightsError, match="name ends in notop"):
        load_weights(build_backbone(tiny_backbone(), 32), tmp_path / "top.weights.h5", tiny_backbone())


def test_weights_are_loaded(tmp_path: Path) -> None:
    path = random_weights(tmp_path / "tiny.weights.h5", seed=3)
    network = build_backbone(tiny_backbone(), 64)
    load_weights(network, path, tiny_backbone())
    with h5py.File(path) as file:
        held = file["layers/conv2d/vars/0"][()]
    assert np.array_equal(network.get_layer("Conv1").get_weights()[0], held)
    assert fingerprint(path) == hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture(scope="module")
def vgg16_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of the official layout, with seeded random values."""
    return write_vgg16(tmp_path_factory.mktemp("vgg16"))


def test_a_file_of_the_official_vgg16_layout_is_loaded(vgg16_file: Path) -> None:
    backbone = find_backbone("vgg16")
    network = build_backbone(backbone, 64)
    load_weights(network, vgg16_file, backbone)
    arrays = network.get_weights()
    assert (len(arrays), sum(array.size for array in arrays)) == (26, 14_714_688)
    with h5py.File(vgg16_file) as file:
        for name in ("block1_conv1", "block5_conv3"):
            kernel, bias = network.get_layer(name).get_weights()
            assert np.array_equal(kernel, file[name][f"{name}_W_1:0"][()])
            assert np.array_equal(bias, file[name][f"{name}_b_1:0"][()])


def test_vgg16_is_found_in_keras_cache_by_its_real_name(vgg16_file: Path, keras_home: Path) -> None:
    held = keras_home / VGG16
    held.symlink_to(vgg16_file)
    notes = Notes()
    with pytest.raises(WeightsError, match="TELLAPART_OFFLINE"):  # its MD5 is not the official one
        weights_path(find_backbone("vgg16"), None, notes)
    assert str(held) in notes.lines[0]


def test_the_real_weights_are_loaded(shared: Path) -> None:
    path = shared / "weights" / "mobilenet_v2_imagenet_notop.weights.h5"
    if not path.is_file():
        pytest.skip("the real MobileNetV2 weights (../shared/weights) are not here")
    network = build_backbone(tiny_backbone(), 64)
    load_weights(network, path, tiny_backbone())
    photo = np.random.default_rng(0).uniform(-1, 1, (1, 64, 64, 3)).astype(np.float32)
    maps = keras.ops.convert_to_numpy(network(photo))
    assert maps.shape == (1, 2, 2, 1280)
    assert np.isfinite(maps).all()
    assert 0 < maps.max() <= 6


def test_a_preset_of_kerashub_has_its_own_weights(tmp_path: Path) -> None:
    preset = find_backbone(f"hub:{tmp_path / 'nowhere'}")
    with pytest.raises(OptionError, match=r"--weights is not for hub:.*Next: --backbone hub:FOLDER"):
        weights_path(preset, tmp_path / "vgg16.h5", Silent())
    assert weights_at_hand(preset) is None
