"""Presets of KerasHub, tiny and with random weights, made here; nothing is fetched."""

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_set import QUIET, draw_set, photos_of, task_on

import tellapart as ta
from tellapart.errors import MissingExtraError, OptionError, UserError, WeightsError
from tellapart.models import hub, hub_presets, transfer
from tellapart.models.backbones import build_backbone, find_backbone
from tellapart.models.backend import keras
from tellapart.models.features import Pretrained, cut, load_pretrained, photo_to, pooled_features
from tellapart.models.forward import Forward
from tellapart.models.hub import HubBackbone, preset_folder
from tellapart.models.onnx_export import to_onnx
from tellapart.models.task import Options
from tellapart.photos.batches import pixels_of
from tellapart.progress import Silent
from tellapart.weights.offline import VARIABLE

keras_hub = pytest.importorskip("keras_hub", reason="KerasHub is not installed: pip install 'tellapart[hub]'")
pytestmark = [
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


@pytest.fixture(scope="module")
def presets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("presets")
    for name, (_, converter, size, *_) in MADE.items():
        save(own_network(name), converter, size, root / name)
    return root


@pytest.fixture
def copied(presets: Path, tmp_path: Path) -> Path:
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


@FAMILIES
def test_its_maps_are_those_of_keras_hub(presets: Path, name: str) -> None:
    _, _, size, shape, own_maps = MADE[name]
    pretrained = loaded(presets / name)
    assert pretrained.spec.size == size
    assert pretrained.network.output_shape == (None, *shape)
    assert pretrained.network.trainable_weights == []
    photos = some_photos(size)
    found = photo_to(pretrained, pretrained.network)(photos)
    expected = own_maps(own_network(name), photos * np.array(SCALE, np.float32) + np.array(OFFSET, np.float32))
    assert keras.ops.convert_to_numpy(found) == pytest.approx(expected, abs=1e-5)


@FAMILIES
def test_the_export_agrees_and_so_do_the_halves_of_a_cut(presets: Path, name: str) -> None:
    pretrained = loaded(presets / name)
    whole, photos = photo_to(pretrained, pretrained.network), some_photos(pretrained.spec.size)
    expected = keras.ops.convert_to_numpy(whole(photos))
    assert Forward(to_onnx(whole))(photos) == pytest.approx(expected, abs=1e-4)
    halves = cut(pretrained)
    below = halves.lower(photos)
    assert below.shape[1:] == halves.shape
    assert keras.ops.convert_to_numpy(halves.upper(below)) == pytest.approx(expected, abs=1e-4)
    share = halves.upper.count_params() / pretrained.network.count_params()
    assert 0.1 <= share < 0.5
    if name != "resnet":
        assert halves.layer == hub.MARK


def test_pooled_features_are_the_means_of_its_maps(presets: Path, tmp_path: Path) -> None:
    pretrained, root = loaded(presets / "vit"), draw_set(tmp_path / "photos", per_class=2)
    photos = photos_of(root)
    found = pooled_features(pretrained, root, photos, cache=tmp_path, progress=Silent())
    pixels = np.stack(list(pixels_of(root, photos, pretrained.spec))).astype(np.float32)
    maps = keras.ops.convert_to_numpy(photo_to(pretrained, pretrained.network)(pixels))
    assert found == pytest.approx(maps.mean(axis=(1, 2)), abs=2e-3)


def test_its_last_block_learns_and_the_whole_is_exported(presets: Path, tmp_path: Path) -> None:
    task = task_on(draw_set(tmp_path / "photos", per_class=5), tmp_path, Options(seed=1, epochs=1))
    pretrained = loaded(presets / "siglip_vision")
    head = transfer.train_head(task, pretrained, "features")
    before = [weight.numpy().copy() for weight in pretrained.network.weights]
    transfer.train_last_block(task, pretrained, head, "finetuned")
    changed = [bool((old != new.numpy()).any()) for old, new in zip(before, pretrained.network.weights, strict=True)]
    assert 0 < sum(changed) < len(changed)
    whole, photos = transfer.with_head(pretrained, head.network), some_photos(32)
    assert Forward(to_onnx(whole))(photos) == pytest.approx(keras.ops.convert_to_numpy(whole(photos)), abs=1e-4)


def test_dinov2_takes_other_sizes(presets: Path) -> None:
    assert loaded(presets / "dinov2", 48).network.output_shape == (None, 6, 6, 8)
    with pytest.raises(OptionError, match=r"photos of 50 pixels \(only of multiples of 8\)\. Next: --image-size 64"):
        loaded(presets / "dinov2", 50)


def test_a_fixed_network_takes_its_own_size_alone(presets: Path) -> None:
    for name in ("vit", "siglip", "siglip_vision"):
        with pytest.raises(OptionError, match=r"photos of 64 pixels \(only of 32\)\. Next: --image-size 32"):
            loaded(presets / name, 64)


def test_too_small_a_photo_is_refused(tmp_path: Path) -> None:
    network = keras_hub.models.VGGBackbone([1, 1, 1], [4, 4, 4])
    with pytest.raises(OptionError, match=r"photos of 4 pixels.*Next: --image-size 64"):
        loaded(save(network, "VGG", 64, tmp_path / "vgg"), 4)


def test_grouped_convolutions_are_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=r"grouped convolutions. Next: KERAS_BACKEND=torch"):
        loaded(save(mobilenet(), "MobileNet", 64, tmp_path / "mobilenet"))


def test_more_than_a_model_file_holds_is_refused(presets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "ONNX_BYTES", 4000)
    with pytest.raises(OptionError, match=r"numbers, and a model file holds 1,000 at most. Next: a smaller preset"):
        loaded(presets / "vit")


def test_a_row_says_what_it_is(presets: Path) -> None:
    row = row_of(presets / "vit")
    assert row == row_of(presets / "vit") != row_of(presets / "resnet")
    assert len({row, row_of(presets / "vit")}) == 1
    assert row.scaling == "times 0.0172414, 0.0175439, 0.0173913, plus -2.1, -2, -1.8 (red, green, blue)"
    assert row.label.startswith("hub-vit-")
    assert row_of("dinov2_small").label == "hub-dinov2_small"
    assert build_backbone(row, 32).output_shape == (None, 4, 4, 8)
    with pytest.raises(OptionError, match="names no preset"):
        find_backbone("hub:")


def test_the_fingerprint_is_of_weights_and_settings(presets: Path, copied: Path) -> None:
    before = hub.fingerprint(presets / "vit")
    assert hub.fingerprint(copied) == before
    for file in hub_presets.FILES:
        content = (copied / file).read_bytes()
        (copied / file).write_bytes(content + b" ")
        assert hub.fingerprint(copied) != before
        (copied / file).write_bytes(content)
    (copied / "README.md").write_text("not read")
    assert hub.fingerprint(copied) == before


@pytest.mark.parametrize("file", ["config.json", "image_converter.json", "model.weights.h5"])
def test_a_file_that_is_missing_is_named(copied: Path, file: str) -> None:
    (copied / file).unlink()
    with pytest.raises(WeightsError, match=rf"it has no {file}\. Next: .*save_to_preset"):
        loaded(copied)


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b'{"a": 1}', b"[" * 100_000, b"\xff"])
def test_damaged_json_is_a_weights_error(copied: Path, content: bytes) -> None:
    (copied / "config.json").write_bytes(content)
    with pytest.raises(WeightsError, match=r"config\.json") as caught:
        loaded(copied)
    assert "\n" not in str(caught.value)


def test_damaged_weights_are_a_weights_error(copied: Path, presets: Path) -> None:
    whole = (copied / "model.weights.h5").read_bytes()
    other = (presets / "resnet" / "model.weights.h5").read_bytes()
    for content in (b"", whole[: len(whole) // 2], other):
        (copied / "model.weights.h5").write_bytes(content)
        with pytest.raises(WeightsError, match="does not hold the weights of hub:") as caught:
            loaded(copied)
        assert "\n" not in str(caught.value)


def edited(folder: Path, change: Callable[[dict[str, Any]], object], file: str = "config.json") -> Path:
    content = json.loads((folder / file).read_text())
    change(content)
    (folder / file).write_text(json.dumps(content))
    return folder


LAMBDA = {"module": "keras.layers", "class_name": "Lambda", "config": {"function": "x"}, "registered_name": None}
OURS = {
    "module": "os",
    "class_name": "SigLIPTextEncoder",
    "config": {},
    "registered_name": "keras_hub>SigLIPTextEncoder",
}


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda config: config.update(registered_name="mine>ViTBackbone"), "mine>ViTBackbone"),
        (lambda config: config.update(registered_name=None, module="os"), r"os\.ViTBackbone"),
        (lambda config: config["config"].update(mlp_dim=LAMBDA), r"keras\.layers\.Lambda"),
        (lambda config: config["config"].update(name=[{"deep": OURS}]), "keras_hub>SigLIPTextEncoder"),
        (lambda config: config["config"].update(dtype={"class_name": "__lambda__", "config": {}}), "__lambda__"),
    ],
)
def test_a_strange_class_is_never_built(copied: Path, change: Callable[[dict[str, Any]], object], named: str) -> None:
    with pytest.raises(WeightsError, match=f"names the class {named}, which is not loaded"):
        loaded(edited(copied, change))


def test_a_strange_converter_is_refused(copied: Path) -> None:
    edited(copied, lambda content: content.update(registered_name="mine>Converter"), "image_converter.json")
    with pytest.raises(WeightsError, match="names the class mine>Converter"):
        loaded(copied)


def test_other_networks_of_keras_hub_are_refused(copied: Path) -> None:
    edited(copied, lambda content: content.update(class_name="BertBackbone", registered_name="keras_hub>BertBackbone"))
    with pytest.raises(OptionError, match=r"is a BertBackbone, which is no backbone here. Accepted: ViTBackbone"):
        loaded(copied)


@pytest.mark.parametrize(
    ("file", "change", "said"),
    [
        ("config.json", {"num_layers": "many"}, "cannot be built"),
        ("config.json", {"patch_size": "large"}, "cannot be built"),
        ("config.json", {"image_shape": [32, 64, 3]}, "only squares"),
        ("image_converter.json", {"scale": [1, 2]}, "three channels"),
        ("image_converter.json", {"offset": "much"}, "is damaged"),
    ],
)
def test_settings_that_do_not_fit_are_a_weights_error(
    copied: Path, file: str, change: dict[str, Any], said: str
) -> None:
    with pytest.raises(WeightsError, match=said):
        loaded(edited(copied, lambda content: content["config"].update(change), file))


def test_a_preset_without_its_text_is_damaged(presets: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(presets / "siglip", tmp_path / "siglip"))
    with pytest.raises(WeightsError, match="cannot be built"):
        loaded(edited(folder, lambda content: content["config"].pop("text_encoder")))


def test_the_oldest_converters_are_understood(copied: Path) -> None:
    old = {"scale": 1 / 255, "offset": None, "mean": [0.5, 0.4, 0.3], "variance": [0.25, 0.04, 0.01]}
    edited(copied, lambda content: content["config"].update(old), "image_converter.json")
    found = hub_presets.read_preset(copied)
    assert found.scale == pytest.approx([1 / 127.5, 1 / 51, 1 / 25.5])
    assert found.offset == pytest.approx([-1, -2, -3])


def test_without_keras_hub_the_extra_is_named(presets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keras_hub", None)
    row = row_of(presets / "vit")
    with pytest.raises(MissingExtraError, match=r'pip install "tellapart\[hub\]"'):
        preset_folder(row, Silent())
    with pytest.raises(MissingExtraError, match=r'pip install "tellapart\[hub\]"'):
        hub.load(row, 32, presets / "vit")


def test_a_name_is_looked_up_before_anything_is_fetched() -> None:
    with pytest.raises(WeightsError, match=r"no usable preset 'dinov2_smal'\. Did you mean hub:dinov2_small"):
        preset_folder(row_of("dinov2_smal"), Silent())
    with pytest.raises(WeightsError, match=r"it has no config.json"):
        preset_folder(row_of("./nowhere"), Silent())
    with pytest.raises(WeightsError, match="gs://a/b is no handle"):
        preset_folder(row_of("gs://a/b"), Silent())


@pytest.mark.parametrize("preset", ["dinov2_small", "kaggle://keras/dinov2/keras/dinov2_small/1"])
def test_offline_a_preset_that_is_not_here_is_an_error_of_ours(
    preset: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("kagglehub", reason="kagglehub is not installed")
    monkeypatch.setenv(VARIABLE, "1")
    monkeypatch.setenv("KAGGLEHUB_CACHE", str(tmp_path))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(UserError, match=r"is not here and cannot be fetched .*TELLAPART_OFFLINE is 1.*hub:FOLDER"):
        preset_folder(row_of(preset), Silent())


def test_offline_a_preset_in_the_cache_is_found(presets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = pytest.importorskip("kagglehub.cache", reason="kagglehub is not installed")
    from kagglehub.handle import parse_model_handle

    monkeypatch.setenv(VARIABLE, "1")
    monkeypatch.setenv("KAGGLEHUB_CACHE", str(tmp_path))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    handle = parse_model_handle("keras/dinov2/keras/dinov2_small/1")
    shutil.copytree(presets / "dinov2", cache.get_cached_path(handle))
    for file in hub_presets.FILES:
        cache.Cache().mark_as_complete(handle, file)
    row = row_of("dinov2_small")
    assert preset_folder(row, Silent()) == Path(cache.get_cached_path(handle))
    assert row.image_size == 64


def test_what_stops_a_fetch_is_told_in_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(handle: str, file: str) -> str:
        raise ConnectionError(f"no route to\n{handle} {file}")

    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setattr(hub_presets, "_fetched", refuse)
    with pytest.raises(WeightsError, match=r"no route to hf://a/b config.json"):
        preset_folder(row_of("hf://a/b"), Silent())


@pytest.mark.slow
def test_a_preset_climbs_the_ladder_beside_pocket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer, "VIEWS", 2)
    photos = draw_set(tmp_path / "photos")
    folder = save(own_network("vit"), "ViT", 32, tmp_path / "my preset")
    run = ta.fit(photos, tmp_path / "run", backbone=f"pocket,hub:{folder}", recipes="bottleneck,finetuned", epochs=1)
    label = find_backbone(f"hub:{folder}").label
    expected = [f"{step}-{name}" for name in ("pocket", label) for step in ("bottleneck", "finetuned")]
    assert [entry["name"] for entry in run.results["recipes"]] == expected
    assert [entry["image_size"] for entry in run.results["recipes"]] == [128, 128, 32, 32]
    assert all(entry["export_difference"] < 1e-4 for entry in run.results["recipes"])
    assert (run.folder / "report.html").is_file()
