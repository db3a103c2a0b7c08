"""Keras' file of a backbone with a head, written with Keras once and then without."""

import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from test_bottleneck import pixels, saved, task
from tiny_set import QUIET

from tellapart.models import keras_file
from tellapart.models.backend import keras
from tellapart.models.bottleneck import fit_bottleneck
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


@pytest.mark.parametrize("damage", [b"", b"no file of Keras", None])
def test_a_damaged_one_in_the_cache_is_made_anew(task: Task, tmp_path: Path, damage: bytes | None) -> None:
    fitted = fit_bottleneck(task)
    saved(fitted, tmp_path / "first.keras")
    (kept,) = (task.cache / "keras").iterdir()
    content = kept.read_bytes()
    kept.write_bytes(content[: len(content) // 2] + content[len(content) // 2 + 9 :] if damage is None else damage)
    network = keras.models.load_model(saved(fitted, tmp_path / "second.keras"))
    assert predict(network, pixels(task, fitted)) == pytest.approx(fitted.answer(pixels(task, fitted)), abs=1e-4)
