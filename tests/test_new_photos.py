"""A model tried on labelled photos: what counts, what is left out, what is said."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from needed import needs_parquet
from PIL import Image, ImageEnhance
from remembering import LEARNED, labelled, paths, remembering
from tiny_model import CLASSES, tiny_model, with_passport
from worked import Backwards

from photo_maker import save
from tellapart import evaluate
from tellapart.deploy.field_test import FieldTest
from tellapart.deploy.runtime import Model, load
from tellapart.errors import ModelFileError, PhotosError, RunFolderError
from tellapart.evaluation.metrics import test_score as scored


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return labelled(tmp_path_factory.mktemp("new") / "photos", dict.fromkeys(CLASSES, 10))


@pytest.fixture(scope="module")
def tested(folder: Path) -> FieldTest:
    return evaluate(remembering().model, folder)


def test_the_scores_are_those_of_the_answers(tested: FieldTest, folder: Path) -> None:
    photos = tested.picked.photos
    assert paths(photos) == sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.png"))
    shares = remembering().model.predict_proba([folder / photo.path for photo in photos])
    assert np.array_equal(tested.probabilities, shares)
    labels = np.array([CLASSES.index(photo.label) for photo in photos])
    assert np.array_equal(tested.labels, labels)
    assert tested.score == scored(labels, shares, tested.picked.groups)
    assert [fare.photos for fare in tested.classes] == [10, 10, 10]


@needs_parquet
def test_an_engine_changes_nothing(tested: FieldTest, folder: Path) -> None:
    told = evaluate(remembering().model, folder, engine=Backwards())
    assert told.probabilities.tobytes() == tested.probabilities.tobytes()
    assert told.as_json() == tested.as_json()


def test_all_is_told_in_json(tested: FieldTest) -> None:
    told = json.loads(json.dumps(tested.as_json(), allow_nan=False))
    assert told["format"] == 1
    assert told["photos"]["counts"] == dict.fromkeys(sorted(CLASSES), 10)
    assert told["promise"]["accuracy"] == 1.0
    assert told["promise"]["differs"]
    assert "worse here than was promised" in told["sentences"][0]
    assert {"calibration", "rejection", "conformal", "stranger", "others", "drift", "notes"} <= set(told)
    assert told["conformal"]["coverage_low"] <= told["conformal"]["coverage"] <= told["conformal"]["coverage_high"]
    assert told["stranger"]["n_test"] == 30
    assert told["others"] is None
    assert len(told["drift"]["measures"]) == 9, "all but JPEG compression, which PNG files have not"


def test_photos_that_it_learned_from_are_left_out_with_their_copies() -> None:
    told = evaluate(remembering().model, remembering().root)
    part = remembering().parts
    assert paths(told.picked.photos) == sorted(path for path in part if part[path] == "test")
    assert len(told.picked.learned) == 3 * (LEARNED + 4)
    assert told.picked.tested == 12
    assert any("48 photos left out: the model learned from them" in note for note in told.notes)
    assert any("12 of the 12 photos are the model's own test photos" in note for note in told.notes)


def test_a_copy_of_what_it_learned_from_is_left_out(tmp_path: Path) -> None:
    known = remembering()
    first = next(path for path, part in known.parts.items() if part == "train")
    photos = labelled(tmp_path / "photos", dict.fromkeys(CLASSES, 3))
    target = photos / CLASSES[0] / "same.png"
    shutil.copy(known.root / first, target)
    with Image.open(target) as picture:
        picture.save(target.with_name("again.bmp"))  # another file, the same picture
    told = evaluate(known.model, photos)
    assert paths(told.picked.learned) == [f"{CLASSES[0]}/again.bmp", f"{CLASSES[0]}/same.png"]
    assert len(told.picked.photos) == 9


def test_nothing_but_known_photos_is_an_error(tmp_path: Path) -> None:
    known = remembering()
    for path, part in known.parts.items():
        if part == "train":
            (tmp_path / path).parent.mkdir(exist_ok=True)
            shutil.copy(known.root / path, tmp_path / path)
    with pytest.raises(PhotosError, match=r"learned from all 36 photos.*Next: other photos"):
        evaluate(known.model, tmp_path)


def test_copies_count_as_one(tmp_path: Path) -> None:
    photos = labelled(tmp_path / "photos", dict.fromkeys(CLASSES, 4))
    for number in range(6):
        shutil.copy(photos / "table" / "000.png", photos / "table" / f"copy {number}.png")
    told = evaluate(remembering().model, photos)
    assert told.as_json()["photos"]["groups"] == 12
    assert len(told.picked.photos) == 18
    alone = scored(told.labels, told.probabilities)
    assert told.score.accuracy == alone.accuracy
    assert told.score.accuracy_high - told.score.accuracy_low > alone.accuracy_high - alone.accuracy_low


def test_classes_that_do_not_match_are_named(tmp_path: Path) -> None:
    photos = labelled(tmp_path / "photos", {"table": 6, "Tables": 5, "soup": 4})
    told = evaluate(remembering().model, photos)
    assert len(told.picked.photos) == 6
    notes = "\n".join(told.notes)
    assert "no class 'Tables': its 5 photos are left out. Did you mean table?" in notes
    assert "no class 'soup': its 4 photos are left out.\n" in notes
    assert "No photo of chair & co, 椅子" in notes
    others = told.as_json()["others"]
    assert others["n_test"] == 9
    assert told.score.macro_f1 == pytest.approx(told.classes[2].f1.value), "the mean over classes with photos"


def test_no_class_that_matches_is_an_error(tmp_path: Path) -> None:
    photos = labelled(tmp_path / "photos", {"Tables": 2, "soup": 2})
    with pytest.raises(PhotosError, match=r"Found: Tables, soup\. Accepted: chair & co, .*'Tables' is near to table"):
        evaluate(remembering().model, photos)


def test_one_class_is_enough_and_a_table_too(tmp_path: Path) -> None:
    photos = labelled(tmp_path / "photos", {"table": 6})
    (photos / "table" / "bad.jpg").write_text("no photo")
    told = evaluate(remembering().model, photos)
    assert told.score.n == 6
    assert "1 file could not be read; the first: table/bad.jpg" in "\n".join(told.notes)
    (tmp_path / "photos.csv").write_text("path,label\nphotos/table/000.png,table\nphotos/table/001.png,table\n")
    assert evaluate(remembering().model, tmp_path / "photos.csv").score.n == 2


def test_darker_photos_are_noticed(tmp_path: Path, folder: Path) -> None:
    for path in folder.rglob("*.png"):
        with Image.open(path) as picture:
            save(ImageEnhance.Brightness(picture).enhance(0.4), tmp_path / path.relative_to(folder))
    told = evaluate(remembering().model, tmp_path)
    verdicts = {row["name"]: row["verdict"] for row in told.drift.as_json()["measures"]}
    assert verdicts["brightness"] == "darker"
    assert verdicts["side"] == verdicts["shape"] == "alike"
    assert any(sentence.startswith("The photos are darker: median brightness 0.2") for sentence in told.sentences)


def test_an_early_file_says_what_it_does_not_know(folder: Path, tmp_path: Path) -> None:
    early = tiny_model().content  # no doubts, no scores, no reference
    told = evaluate(Model(early, "model.onnx"), folder)
    assert told.promise is None
    assert not told.drift.shifts
    assert told.doubts["rejection"] is None
    assert "Its file says nothing of its own test photos." in told.sentences
    assert len([note for note in told.notes if note.startswith("Not known: ")]) == 2
    json.dumps(told.as_json(), allow_nan=False)
    run = remembering().write_run(tmp_path / "run")
    by_run = evaluate(run, remembering().root)
    assert len(by_run.picked.learned) == 48
    assert len(evaluate(Model(remembering().forgetful(), "m"), remembering().root, run=run).picked.learned) == 48


@pytest.mark.parametrize("broken", [{"train": 1}, {}, 7, {"quantiles": {"a": [1]}}])
def test_a_file_of_another_hand_is_one_error(folder: Path, broken: object) -> None:
    content = with_passport(remembering().content, lambda passport: passport.update(reference=broken))
    with pytest.raises(ModelFileError, match="damaged or was altered"):
        evaluate(Model(content, "model.onnx"), folder)


def test_places_for_results(folder: Path, tmp_path: Path) -> None:
    model = remembering().model
    with pytest.raises(PhotosError, match="inside the photos"):
        evaluate(model, folder, out=folder / "out")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "letter.txt").touch()
    with pytest.raises(RunFolderError, match="not empty"):
        evaluate(model, folder, out=tmp_path / "full")
    (tmp_path / "full" / "run.json").touch()
    with pytest.raises(RunFolderError, match="holds a run"):
        evaluate(model, folder, out=tmp_path / "full")


def test_the_base_installation_is_enough(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(remembering().content)
    script = f"""
import importlib.abc, sys
class Missing(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name.partition(".")[0] in {{"keras", "tensorflow", "torch", "jax", "optuna", "onnx", "tf2onnx"}}:
            raise ModuleNotFoundError(name=name)
sys.meta_path.insert(0, Missing())
sys.argv = ["tellapart", "evaluate", "model.onnx", {str(folder)!r}, "--out", "out"]
from tellapart.cli import main
main()
"""
    environment = {**os.environ, "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, cwd=tmp_path, env=environment, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    assert "30 new photos" in done.stdout.decode()
    assert load(tmp_path / "model.onnx").classes == CLASSES
    assert (tmp_path / "out" / "evaluation.html").is_file()
