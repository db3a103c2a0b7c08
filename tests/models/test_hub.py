"""Presets of KerasHub as backbones: maps, export, features, fine-tuning."""

from pathlib import Path

import numpy as np
import pytest
from tiny_presets import (
    FAMILIES,
    MADE,
    MARKS,
    OFFSET,
    SCALE,
    copied_fixture,
    keras_hub,
    loaded,
    mobilenet,
    own_network,
    presets_fixture,
    row_of,
    save,
    some_photos,
)
from tiny_set import draw_set, photos_of, task_on

import tellapart as ta
from brief import brief_explanations
from tellapart.errors import OptionError, WeightsError
from tellapart.models import hub, transfer
from tellapart.models.backbones import build_backbone, find_backbone
from tellapart.models.backend import keras
from tellapart.models.bottleneck import train_head
from tellapart.models.features import cut, photo_to, pooled_features
from tellapart.models.forward import Forward
from tellapart.models.onnx_export import to_onnx
from tellapart.models.task import Options
from tellapart.photos.batches import pixels_of
from tellapart.progress import Silent

pytestmark = MARKS
__all__ = ["copied_fixture", "presets_fixture"]  # fixtures


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
def test_the_export_agrees_and_so_do_the_halves_of_a_cut(presets: Path, name: str, tmp_path: Path) -> None:
    pretrained = loaded(presets / name)
    whole, photos = photo_to(pretrained, pretrained.network), some_photos(pretrained.spec.size)
    expected = keras.ops.convert_to_numpy(whole(photos))
    assert Forward(to_onnx(whole))(photos) == pytest.approx(expected, abs=1e-4)
    halves = cut(pretrained, tmp_path)
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
    found = pooled_features(pretrained.source, root, photos, cache=tmp_path, progress=Silent())
    pixels = np.stack(list(pixels_of(root, photos, pretrained.spec))).astype(np.float32)
    maps = keras.ops.convert_to_numpy(photo_to(pretrained, pretrained.network)(pixels))
    assert found == pytest.approx(maps.mean(axis=(1, 2)), abs=2e-3)


def test_its_last_block_learns_and_the_whole_is_exported(presets: Path, tmp_path: Path) -> None:
    task = task_on(draw_set(tmp_path / "photos", per_class=5), tmp_path, Options(seed=1, epochs=1))
    pretrained = loaded(presets / "siglip_vision")
    head = transfer.in_keras(train_head(task, pretrained.source, "features"))
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


def test_damaged_weights_are_a_weights_error(copied: Path, presets: Path) -> None:
    whole = (copied / "model.weights.h5").read_bytes()
    other = (presets / "resnet" / "model.weights.h5").read_bytes()
    for content in (b"", whole[: len(whole) // 2], other):
        (copied / "model.weights.h5").write_bytes(content)
        with pytest.raises(WeightsError, match="does not hold the weights of hub:") as caught:
            loaded(copied)
        assert "\n" not in str(caught.value)


@pytest.mark.slow
def test_a_preset_climbs_the_ladder_beside_pocket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer, "VIEWS", 2)
    brief_explanations(monkeypatch)
    photos = draw_set(tmp_path / "photos")
    folder = save(own_network("vit"), "ViT", 32, tmp_path / "my preset")
    run = ta.fit(photos, tmp_path / "run", backbone=f"pocket,hub:{folder}", recipes="bottleneck,finetuned", epochs=1)
    label = find_backbone(f"hub:{folder}").label
    expected = [f"{step}-{name}" for name in ("pocket", label) for step in ("bottleneck", "finetuned")]
    assert [entry["name"] for entry in run.results["recipes"]] == expected
    assert [entry["image_size"] for entry in run.results["recipes"]] == [112, 112, 32, 32]
    assert all(entry["export_difference"] < 1e-4 for entry in run.results["recipes"])
    assert (run.folder / "report.html").is_file()
