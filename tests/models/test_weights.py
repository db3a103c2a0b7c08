import hashlib
import http.server
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np
import pytest
from tiny_set import QUIET, random_weights, tiny_backbone

from tellapart.errors import WeightsError
from tellapart.models import weights
from tellapart.models.backbones import build_backbone, find_backbone
from tellapart.models.backend import keras
from tellapart.models.weights import WeightsFile, fingerprint, load_weights, pinned_file, weight_store, weights_path
from tellapart.progress import Silent
from vgg16_file import VGG16, write_vgg16

pytestmark = QUIET

CONTENT = bytes(range(256)) * 4000
MD5 = hashlib.md5(CONTENT).hexdigest()


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/garbage":
            self.wfile.write(b"this is no HTTP\r\n\r\n")
            return
        if self.path not in ("/good", "/cut"):
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        self.wfile.write(CONTENT if self.path == "/good" else CONTENT[: len(CONTENT) // 2])

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A web server on this machine that stops with the test."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{running.server_address[1]}"
        running.shutdown()
        thread.join(timeout=5)


@pytest.fixture(autouse=True)
def keras_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keras' own cache, empty."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    (tmp_path / "keras" / "models").mkdir(parents=True)
    return tmp_path / "keras" / "models"


def pin(monkeypatch: pytest.MonkeyPatch, address: str, digest: str = MD5) -> None:
    monkeypatch.setattr(weights, "pinned_file", lambda _: WeightsFile("tiny.h5", address, digest))


def ask(given: Path | None = None, progress: Silent | None = None) -> Path:
    return weights_path(tiny_backbone(), given, progress or Silent())


def left_behind() -> list[str]:
    return sorted(path.name for path in weight_store().rglob("*")) if weight_store().exists() else []


class Notes(Silent):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def note(self, text: str) -> None:
        self.lines.append(text)


def test_keras_is_asked_for_name_address_and_md5() -> None:
    pinned = pinned_file(find_backbone("vgg16"))
    assert (pinned.name, pinned.digest) == (VGG16, "6d6bbae143d832006294945121d1f1fc")
    assert pinned.address.startswith("https://")
    assert pinned.address.endswith(VGG16)


@pytest.mark.parametrize(
    ("name", "digits"),
    [("mobilenet_v2", 0), ("mobilenet", 0), ("convnext_tiny", 64), ("resnet50", 32), ("efficientnet_b0", 32)],
)
def test_every_family_names_a_file_without_dense_layers(name: str, digits: int) -> None:
    pinned = pinned_file(find_backbone(name))
    assert "notop" in pinned.name or "no_top" in pinned.name
    assert len(pinned.digest) == digits
    assert pinned_file(find_backbone("vgg16")).name == VGG16  # what was patched is put back


def test_weights_are_fetched_once(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pin(monkeypatch, f"{server}/good")
    path = ask()
    assert path == weight_store() / "tiny.h5"
    assert path.read_bytes() == CONTENT
    pin(monkeypatch, f"{server}/nothing")
    assert ask() == path
    assert left_behind() == ["tiny.h5"]


def test_a_sha256_is_checked_too(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pin(monkeypatch, f"{server}/good", hashlib.sha256(CONTENT).hexdigest())
    assert ask().read_bytes() == CONTENT


def test_where_keras_pins_no_digest_the_file_must_be_complete(
    server: str, keras_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pin(monkeypatch, f"{server}/good", "")
    with pytest.raises(WeightsError, match=r"not a complete HDF5 file\); it was not kept"):
        ask()
    assert left_behind() == []
    path = random_weights(keras_home / "tiny.weights.h5").rename(keras_home / "tiny.h5")
    assert ask() == path


def test_what_has_the_wrong_md5_is_not_kept(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pin(monkeypatch, f"{server}/good", "0" * 32)
    with pytest.raises(WeightsError, match=r"wrong MD5, not 0+\); it was not kept\. Next: download"):
        ask()
    assert left_behind() == []


def test_a_connection_cut_in_the_middle_leaves_nothing(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pin(monkeypatch, f"{server}/cut")
    with pytest.raises(WeightsError, match="--weights FILE"):
        ask()
    assert left_behind() == []


@pytest.mark.parametrize(("page", "reason"), [("missing", "Not Found"), ("garbage", "cannot be fetched")])
def test_an_address_without_the_file_is_told_with_remedies(
    server: str, monkeypatch: pytest.MonkeyPatch, page: str, reason: str
) -> None:
    pin(monkeypatch, f"{server}/{page}")
    with pytest.raises(WeightsError, match=reason) as caught:
        ask()
    assert "--weights FILE" in str(caught.value)
    assert "--recipes" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert left_behind() == []


def test_no_connection_is_told_with_remedies(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    pin(monkeypatch, f"http://127.0.0.1:{port}/good")
    with pytest.raises(WeightsError, match=r"cannot be fetched \(.*refused.*Next: download"):
        ask()


def test_offline_means_offline(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TELLAPART_OFFLINE", "1")
    pin(monkeypatch, f"{server}/good")
    with pytest.raises(WeightsError, match=r"TELLAPART_OFFLINE is 1\. Next: "):
        ask()


def test_keras_own_cache_is_read(keras_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TELLAPART_OFFLINE", "1")
    pin(monkeypatch, "http://127.0.0.1:1/never")
    (keras_home / "tiny.h5").write_bytes(CONTENT)
    assert ask() == keras_home / "tiny.h5"


def test_a_damaged_file_in_keras_cache_is_named_and_left_alone(
    keras_home: Path, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    damaged = keras_home / "tiny.h5"
    damaged.write_bytes(b"half a file")
    before = damaged.stat().st_mtime_ns
    pin(monkeypatch, f"{server}/good")
    notes = Notes()
    assert ask(progress=notes).parent == weight_store()
    assert (damaged.read_bytes(), damaged.stat().st_mtime_ns) == (b"half a file", before)
    assert len(notes.lines) == 1
    assert str(damaged) in notes.lines[0]
    assert "left alone" in notes.lines[0]


def test_a_damaged_file_in_the_store_is_fetched_anew(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    weight_store().mkdir(parents=True)
    (weight_store() / "tiny.h5").write_bytes(b"half a file")
    pin(monkeypatch, f"{server}/good")
    notes = Notes()
    assert ask(progress=notes).read_bytes() == CONTENT
    assert "left alone" not in notes.lines[0]


def test_a_file_that_is_given_is_taken(tmp_path: Path) -> None:
    (tmp_path / "mine.h5").write_bytes(b"")
    assert ask(tmp_path / "mine.h5") == tmp_path / "mine.h5"
    with pytest.raises(WeightsError, match=r"no weights file .*absent\.h5\. Accepted: "):
        ask(tmp_path / "absent.h5")


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


def test_vgg16_is_found_in_keras_cache_by_its_real_name(
    vgg16_file: Path, keras_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TELLAPART_OFFLINE", "1")
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
