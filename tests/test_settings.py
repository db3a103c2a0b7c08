"""What a run writes down of its settings."""

import hashlib
import inspect
from pathlib import Path

import pytest

from tellapart.models.backbones import find_backbone
from tellapart.models.choice import Choice
from tellapart.models.hub_presets import FILES
from tellapart.pipeline import fit
from tellapart.settings import settled


def test_a_run_without_backbone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    told = settled(Path("photos"), None, None, {"seed": 3, "recipes": "majority"})
    version = told.pop("version")
    assert version
    assert told == {
        "photos": "photos",
        "photos_absolute": str(tmp_path / "photos"),
        "seed": 3,
        "recipes": "majority",
        "backbone": None,
        "weights": None,
        "weights_files": {},
    }


def test_backbones_as_settled_with_the_digest_of_their_files(tmp_path: Path) -> None:
    rows = find_backbone("pocket"), find_backbone("vgg16")
    files = {"pocket": tmp_path / "a.h5", "vgg16": tmp_path / "b.h5"}
    for name, path in files.items():
        path.write_text(name)
    told = settled(tmp_path, files["vgg16"], Choice(rows, files, "measured"), {"backbone": "auto"})
    assert told["backbone"] == "pocket,vgg16"
    assert told["weights"] == str(files["vgg16"])
    assert told["weights_files"]["vgg16"] == {"file": "b.h5", "sha256": hashlib.sha256(b"vgg16").hexdigest()}


def test_a_preset_is_a_folder_and_has_a_digest(tmp_path: Path) -> None:
    row = find_backbone("pocket")
    preset = tmp_path / "preset"
    preset.mkdir()
    for file in FILES:
        (preset / file).write_text(file)
    told = settled(tmp_path, None, Choice((row,), {"pocket": preset}, ""), {})["weights_files"]["pocket"]
    (preset / FILES[0]).write_text("another")
    other = settled(tmp_path, None, Choice((row,), {"pocket": preset}, ""), {})["weights_files"]["pocket"]
    assert len(told["sha256"]) == 64
    assert told["file"] == other["file"] == "preset"
    assert told["sha256"] != other["sha256"]


def test_every_argument_of_fit_that_shapes_a_run_is_written_down() -> None:
    """A new one is one line in `fit`; without it `tellapart reproduce` would make another run."""
    source = inspect.getsource(fit)
    taken_apart = {"photos", "out", "backbone", "weights", "workers", "resume", "progress"}
    for name in set(inspect.signature(fit).parameters) - taken_apart:
        assert f'"{name}": ' in source, name
