"""What the folder of a preset says, and where it comes from."""

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tiny_presets import MARKS, copied_fixture, loaded, presets_fixture, row_of

from tellapart.errors import MissingExtraError, OptionError, UserError, WeightsError
from tellapart.models import hub, hub_presets
from tellapart.models.hub import preset_folder
from tellapart.progress import Silent
from tellapart.weights.offline import VARIABLE

pytestmark = MARKS
__all__ = ["copied_fixture", "presets_fixture"]  # fixtures


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
