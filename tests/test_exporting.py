"""A tiny run exported in every form; the forms answer, their card is true, and what does not agree is not kept."""

import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tellapart as ta
from as_user import Notes
from exported_run import run_to_export
from reproduced_run import copied
from tellapart import exporting
from tellapart.deploy import formats
from tellapart.deploy.int8 import Int8, int8_file
from tellapart.errors import PhotosError, RunFolderError, TellapartError, UnknownNameError
from tellapart.files import read_csv, read_json, write_csv
from tellapart.models.backend import keras

# Keras asks NumPy for TensorFlow's variables in a way that NumPy 2 deprecates, whenever it saves or reads one.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture(scope="module")
def run() -> ta.Run:
    return run_to_export()


@pytest.fixture(scope="module")
def names() -> str:
    """All formats that can be written here, but int8."""
    there = [name for name, row in formats.FORMATS.items() if row.write and find_spec(row.module)]
    return ",".join(name for name in there if name != "savedmodel" or keras.backend.backend() == "tensorflow")


@pytest.fixture(scope="module")
def out(run: ta.Run, names: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All of them, exported once."""
    out = tmp_path_factory.mktemp("exported") / "out"
    ta.export(run.folder, recipe="baseline", formats=names, out=out)
    return out


def test_every_form_answers_the_golden_and_the_test_photos_as_the_run_did(run: ta.Run, out: Path, names: str) -> None:
    record = read_json(out / "export.json")
    n_test = run.results["split"]["test"]
    assert list(record["files"]) == names.split(",")
    for told in record["files"].values():
        assert {part: found["n"] for part, found in told["compared"].items()} == {"golden": 3, "test": n_test}
        assert all(found["same"] == found["n"] for found in told["compared"].values())
        assert max(found["largest_difference"] for found in told["compared"].values()) < 1e-4
        assert told["bytes"] > 1000
    assert record["source"]["recipe"] == "baseline"
    assert record["classes"] == run.results["photos"]["classes"]
    assert record["photos_missing"] == {}
    written = {path.name for path in out.iterdir()}
    assert written == {told["file"] for told in record["files"].values()} | {"export.json", "MODEL_CARD.md"}


def test_the_onnx_file_is_the_recipes_own(run: ta.Run, out: Path) -> None:
    source = run.folder / "recipes" / "baseline" / "model.onnx"
    assert (out / "model.onnx").read_bytes() == source.read_bytes()


@pytest.mark.slow
def test_the_examples_of_the_card_run(run: ta.Run, out: Path, names: str) -> None:
    photo = next((run.folder.parent / "photos").rglob("*.png"))
    shutil.copy(photo, out / "photo.jpg")  # Pillow goes by the content
    (wanted,) = ta.load(out / "model.onnx").predict([photo])
    examples = re.findall(r"```python\n(.*?)```", (out / "MODEL_CARD.md").read_text(encoding="utf-8"), re.DOTALL)
    assert len(examples) == 1 + len(names.split(","))
    for code in examples:
        told = subprocess.run([sys.executable, "-c", code], cwd=out, capture_output=True, text=True, check=False)
        assert told.returncode == 0, told.stderr
        assert wanted in told.stdout.splitlines()[-1]
    (out / "photo.jpg").unlink()


def test_fit_leaves_a_card_of_the_chosen_recipe(run: ta.Run) -> None:
    text = (run.folder / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert text.startswith("---\nlicense: unknown\n")
    assert f"the\nrecipe is {run.best}." in text
    assert run.results["photos"]["fingerprint"] in text


def test_a_second_export_keeps_the_files_of_the_first_in_the_record(run: ta.Run, tmp_path: Path) -> None:
    ta.export(run.folder, out=tmp_path / "out", recipe="baseline")
    record = ta.export(run.folder, out=tmp_path / "out", recipe="baseline", formats="keras")
    assert list(record["files"]) == ["onnx", "keras"]
    with pytest.raises(RunFolderError, match=r"holds the export of another model.*--out"):
        ta.export(run.folder, out=tmp_path / "out", recipe="majority")


@pytest.mark.parametrize("content", ["{", "[]", '{"files": 1}'])
def test_a_folder_with_another_export_json_is_left_alone(run: ta.Run, tmp_path: Path, content: str) -> None:
    (tmp_path / "export.json").write_text(content)
    with pytest.raises(RunFolderError, match="holds the export of another model"):
        ta.export(run.folder, out=tmp_path)
    assert (tmp_path / "export.json").read_text() == content


def test_without_out_it_lies_in_the_run_folder(run: ta.Run, tmp_path: Path) -> None:
    again = copied(run, tmp_path / "run")
    record = ta.export(again.folder)
    assert record["source"]["recipe"] == run.best
    assert (tmp_path / "run" / "exports" / run.best / "model.onnx").is_file()


def test_what_does_not_agree_is_not_kept(run: ta.Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    row = formats.FORMATS["keras"]

    def wrong(path: Path) -> Any:
        forward = row.open(path)
        return lambda pictures: np.roll(forward(pictures), 1, axis=1)

    monkeypatch.setattr(formats, "FORMATS", {"keras": replace(row, open=wrong)})
    with pytest.raises(TellapartError, match=r"keras: of 3 golden photos .*not handed over"):
        ta.export(run.folder, recipe="baseline", formats="keras", out=tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_without_its_photos_the_golden_ones_are_asked_and_it_says_so(run: ta.Run, tmp_path: Path) -> None:
    moved = copied(run, tmp_path / "run", lambda results: results["settings"].update(_nowhere(tmp_path)))
    notes = Notes()
    record = ta.export(moved.folder, out=tmp_path / "out", progress=notes)
    assert list(record["files"]["onnx"]["compared"]) == ["golden"]
    assert any("golden photos alone" in line and "--photos" in line for line in notes.lines)
    with pytest.raises(PhotosError, match=r"onnx-int8 takes the training and the validation photos.*--photos"):
        ta.export(moved.folder, out=tmp_path / "out", formats="onnx-int8")
    photos = run.folder.parent / "photos"
    record = ta.export(moved.folder, out=tmp_path / "out", photos=photos)
    assert list(record["files"]["onnx"]["compared"]) == ["golden", "test"]


def test_photos_that_are_gone_are_named_and_the_others_asked(run: ta.Run, tmp_path: Path) -> None:
    photos = shutil.copytree(run.folder.parent / "photos", tmp_path / "photos")
    gone = next(row["path"] for row in read_csv(run.folder / "split.csv") if row["part"] == "test")
    (photos / gone).unlink()
    notes = Notes()
    record = ta.export(run.folder, out=tmp_path / "out", photos=photos, progress=notes)
    assert record["photos_missing"] == {"test": [gone]}
    assert record["files"]["onnx"]["compared"]["test"]["n"] == run.results["split"]["test"] - 1
    assert any(gone in line for line in notes.lines)


def _nowhere(place: Path) -> dict[str, str]:
    return {"photos_absolute": str(place / "nowhere"), "photos": str(place / "nowhere")}


def test_a_run_with_folds_exports_the_model_that_was_handed_over(run: ta.Run, tmp_path: Path) -> None:
    folds = copied(run, tmp_path / "run", lambda results: results["split"].update(folds=3))
    shutil.copytree(run.folder / "recipes", tmp_path / "run" / "folds" / "final" / "recipes")
    shutil.rmtree(tmp_path / "run" / "folds" / "final" / "recipes" / "majority")
    rows = read_csv(run.folder / "split.csv")
    dealt = [(row["path"], row["class"], f"fold-{number % 3 + 1}", "") for number, row in enumerate(rows)]
    write_csv(tmp_path / "run" / "split.csv", ("path", "class", "part", "group"), dealt)
    record = ta.export(folds.folder, recipe="baseline", out=tmp_path / "out")
    found = record["files"]["onnx"]["compared"]
    assert list(found) == ["golden", "valid"]
    assert found["valid"]["n"] == len(rows) // 3
    with pytest.raises(RunFolderError, match=r"holds no model of majority: a run with folds.*--recipe"):
        ta.export(folds.folder, recipe="majority", out=tmp_path / "out")


def test_int8_is_written_measured_and_loads(run: ta.Run, tmp_path: Path) -> None:
    told = ta.export(run.folder, recipe="baseline", formats="onnx-int8", out=tmp_path, force=True)["files"]["onnx-int8"]
    assert told["valid"]["n"] == run.results["split"]["valid"]
    assert told["test"]["n"] == run.results["split"]["test"]
    assert told["engine"].startswith("onnxruntime ")
    assert told["test"]["accuracy_float"] == run.recipe("baseline").results["test"]["accuracy"]
    assert set(told["compared"]) == {"golden", "test"}
    model = ta.load(tmp_path / told["file"])
    assert model.passport["precision"] == "int8"
    assert told["why"].split(":")[0] in (tmp_path / "MODEL_CARD.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("force", [False, True])
def test_an_int8_file_that_costs_too_much_is_an_experiment_at_most(
    run: ta.Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, force: bool
) -> None:
    def costly(*given: Any) -> Int8:
        return replace(int8_file(*given), accepted=False, why="it costs more than 0.5 points")

    monkeypatch.setattr(exporting, "int8_file", costly)
    record = ta.export(run.folder, recipe="baseline", formats="onnx,onnx-int8", out=tmp_path, force=force)
    told: Mapping[str, Any] = record["files"]["onnx-int8"]
    assert not told["accepted"]
    assert told["why"] == "it costs more than 0.5 points"
    assert told["file"] == ("model-int8-experimental.onnx" if force else None)
    files = {path.name for path in tmp_path.iterdir()}
    assert "model-int8.onnx" not in files
    assert ("model-int8-experimental.onnx" in files) == force
    assert "costs too much to stand in" in (tmp_path / "MODEL_CARD.md").read_text(encoding="utf-8") or not force


def test_names_that_are_not_there_are_told(run: ta.Run, tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="Did you mean baseline"):
        ta.export(run.folder, recipe="basline", out=tmp_path)
    with pytest.raises(RunFolderError, match="holds no finished run"):
        ta.export(tmp_path, out=tmp_path)
    assert list(tmp_path.iterdir()) == []
