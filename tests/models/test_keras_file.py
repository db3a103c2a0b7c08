"""Keras' file of a backbone with a head, written with Keras once and then without."""

import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from test_bottleneck import pixels, saved, task
from tiny_set import QUIET

from tellapart.models import keras_file, pocket
from tellapart.models.backbone_file import backbone_onnx
from tellapart.models.backbones import build_backbone, find_backbone
from tellapart.models.backend import keras
from tellapart.models.bottleneck import fit_bottleneck
from tellapart.models.dense import fresh_head
from tellapart.models.features import source_of
from tellapart.models.forward import Forward
from tellapart.models.head_file import read_by_head, with_head
from tellapart.models.keras_file import write_keras_file
from tellapart.models.networks import HEAD_UNITS
from tellapart.models.scratch import predict
from tellapart.models.task import Task

pytestmark = QUIET

__all__ = ["task"]  # a fixture


def test_a_second_file_is_written_without_keras(task: Task, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    saved(fit_bottleneck(task), tmp_path / "first.keras")

    def never(*_: object) -> None:
        raise AssertionError

    other = fit_bottleneck(replace(task, options=replace(task.options, seed=5)))
    monkeypatch.setattr(keras_file, "load_pretrained", never)
    second = saved(other, tmp_path / "second.keras")
    network = keras.models.load_model(second)
    assert predict(network, pixels(task, other)) == pytest.approx(other.answer(pixels(task, other)), abs=1e-4)
    first, later = (zipfile.ZipFile(tmp_path / name) for name in ("first.keras", "second.keras"))
    assert first.read("config.json") == later.read("config.json")
    assert first.read("model.weights.h5") != later.read("model.weights.h5")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["pocket", "mobilenet_v3_small", "resnet50_v2"])
def test_both_files_read_the_same_maps(name: str, tmp_path: Path) -> None:
    """Of backbones that are written straight, and that Keras builds; VGG16 and MobileNet by the bytes of `chains`."""
    backbone, path = find_backbone(name), pocket.FILE
    if name != "pocket":
        keras.utils.set_random_seed(0)
        path = tmp_path / "random.weights.h5"
        build_backbone(backbone, 64).save_weights(path)
    content = backbone_onnx(backbone, 64, path, tmp_path)
    photos = np.random.default_rng(0).uniform(0, 255, (3, 64, 64, 3)).astype(np.float32)
    features = read_by_head(Forward(content), photos)
    head = fresh_head(features.shape[1], HEAD_UNITS, 3, np.random.default_rng(0))
    head = head.behind(1 / (features.std(axis=0) + np.float32(1)))
    write_keras_file(tmp_path / "model.keras", source_of(backbone, 64, path), head, 0.5, tmp_path)
    answers = predict(keras.models.load_model(tmp_path / "model.keras"), photos)
    assert answers == pytest.approx(Forward(with_head(content, head))(photos), abs=1e-4)
    assert answers == pytest.approx(head.probabilities(features), abs=1e-4)


@pytest.mark.parametrize("damage", [b"", b"no file of Keras", None])
def test_a_damaged_one_in_the_cache_is_made_anew(task: Task, tmp_path: Path, damage: bytes | None) -> None:
    fitted = fit_bottleneck(task)
    saved(fitted, tmp_path / "first.keras")
    (kept,) = (task.cache / "keras").iterdir()
    content = kept.read_bytes()
    kept.write_bytes(content[: len(content) // 2] + content[len(content) // 2 + 9 :] if damage is None else damage)
    network = keras.models.load_model(saved(fitted, tmp_path / "second.keras"))
    assert predict(network, pixels(task, fitted)) == pytest.approx(fitted.answer(pixels(task, fitted)), abs=1e-4)
