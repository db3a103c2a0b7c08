"""The main job, whole, on tiny photos, and on real ones where they are here."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tellapart as ta
from as_user import Notes
from brief import SCRIPT
from ladder_set import draw_shapes, random_weights
from tellapart.errors import OptionError, PhotosError, RunFolderError, UnknownNameError, WeightsError
from tellapart.explain import leave
from tellapart.files import cache_folder, read_csv
from tellapart.models import weights
from tellapart.models.pocket import FILE
from tellapart.models.recipes import Recipe, fit_recipe
from tellapart.models.task import Fitted, Task
from tellapart.report.figures import draw_figures
from tellapart.report.page import write_report
from tellapart.reproduction import arguments_of
from tellapart.times import Cost, key_of, read_times, remember
from vgg16_file import write_vgg16

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("briefly")]
ALL = ["majority", "baseline", "deeper", "augmented", "tuned", "linear", "bottleneck", "finetuned"]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photos with a copy and a broken file among them."""
    place = tmp_path_factory.mktemp("ladder")
    photos = draw_shapes(place / "photos")
    shutil.copy(photos / "disc" / "000.png", photos / "disc" / "copy of 000.png")
    (photos / "frame" / "broken.jpg").write_bytes(b"\xff\xd8 no photo")
    (photos / "frame" / "notes.txt").write_text("not a photo")
    return place


@pytest.fixture(scope="module")
def whole(place: Path, tmp_path_factory: pytest.TempPathFactory) -> ta.Run:
    """One run of the whole ladder, shared by the tests that only read it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TELLAPART_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setattr("tellapart.report.page.draw_figures", draw_figures)
        return climb(place, place / "run")


def climb(place: Path, out: Path, **settings: Any) -> ta.Run:
    given = {
        "backbone": "pocket",
        "image_size": 64,
        "epochs": 3,
        "trials": 3,
        "search_time": 60.0,
    }
    return ta.fit(place / "photos", out, **{**given, **settings})


def test_the_run_folder_keeps_its_contract(whole: ta.Run, shared: Path) -> None:
    check = shared / "contract" / "check_run.py"
    result = subprocess.run([sys.executable, check, whole.folder], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout


def test_every_step_leaves_its_files(whole: ta.Run) -> None:
    assert [entry["name"] for entry in whole.results["recipes"]] == ALL
    for name in ALL:
        files = {path.name for path in (whole.folder / "recipes" / name).iterdir()}
        assert files >= {"history.csv", "predictions.csv", "valid.csv", "confusion.csv", "model.onnx"}
        assert ("model.keras" in files) == (name not in ("majority", "linear")), "which are made without Keras"
        assert (whole.folder / "figures" / f"confusion_{name}.png").is_file()
        for figure in ("curves", "reliability"):
            drawn = (whole.folder / "figures" / f"{figure}_{name}.png").is_file()
            assert drawn or name == "majority" or (name, figure) == ("linear", "curves")
    figures = {path.stem for path in (whole.folder / "figures").iterdir()}
    assert figures >= {"ladder", "augmentation", "tuning_history"}
    explained = {path.name for path in (whole.folder / "explanations").iterdir()}
    assert explained >= {f"{part}.{ending}" for part in leave.PARTS for ending in ("json", "npz")}
    assert (whole.folder / "study.db").is_file()
    assert not list(whole.folder.rglob("*.tmp*")), "a temporary file was left behind"


def test_what_is_broken_doubled_or_no_photo_is_told(whole: ta.Run) -> None:
    photos = whole.results["photos"]
    assert [item["path"] for item in photos["excluded"]] == ["frame/broken.jpg"]
    assert [item["path"] for item in photos["skipped"]] == ["frame/notes.txt"]
    assert photos["duplicate_groups"] == 1
    rows = {row["path"]: row for row in read_csv(whole.folder / "split.csv")}
    one, other = rows["disc/000.png"], rows["disc/copy of 000.png"]
    assert one["group"] == other["group"] != ""
    assert one["part"] == other["part"]


def test_the_run_begins_with_an_audit(whole: ta.Run) -> None:
    audit = json.loads((whole.folder / "audit.json").read_text(encoding="utf-8"))
    kinds = {finding["kind"]: finding["paths"] for finding in audit["findings"]}
    assert kinds["duplicates"] == ["disc/000.png", "disc/copy of 000.png"]
    assert kinds["unreadable"] == ["frame/broken.jpg"]
    assert "disc/000.png" in audit["thumbnails"]
    assert audit["labels_checked"] == len(read_csv(whole.folder / "split.csv"))
    assert audit["labels"]
    assert "corrections" not in whole.results["photos"]
    page = (whole.folder / "report.html").read_text(encoding="utf-8")
    assert "show 1 picture more than once" in page
    assert "data:image/jpeg;base64," in page


def test_the_run_says_whether_more_photos_would_help(whole: ta.Run) -> None:
    curve, naive = whole.results["learning_curve"], whole.results["naive"]
    assert curve["features"] == "pocket"
    assert curve["photos"] == whole.results["split"]["train"] + whole.results["split"]["valid"]
    assert naive is None or naive["groups"] == 1
    page = (whole.folder / "report.html").read_text(encoding="utf-8")
    assert "Would more photos help?" in page
    assert bool(curve["sizes"]) == (whole.folder / "figures" / "learning_curve.png").is_file()


def test_lessons_speak_of_training_and_test(whole: ta.Run) -> None:
    for entry in whole.results["recipes"][1:]:
        assert "training accuracy went from" in entry["lesson"]
        assert "test accuracy from" in entry["lesson"]


def test_the_chosen_model_answers_as_its_predictions_say(whole: ta.Run, place: Path) -> None:
    model = ta.load(whole.folder / "model.onnx")
    rows = read_csv(whole.folder / "recipes" / whole.best / "predictions.csv")
    answers = model.predict_proba([place / "photos" / row["path"] for row in rows])
    for row, answer in zip(rows, answers, strict=True):
        for label, share in zip(model.classes, answer, strict=True):
            assert float(row[label]) == pytest.approx(float(share), abs=1e-5)
    assert max(entry["export_difference"] for entry in whole.results["recipes"]) < 1e-4


def test_the_run_shows_itself(whole: ta.Run) -> None:
    board = whole.leaderboard()
    assert len(board.rows) == len(ALL)
    assert f"{whole.best} *" in str(board)
    assert len(whole.recipe("deeper").history) == whole.recipe("deeper").results["epochs"]
    with pytest.raises(UnknownNameError, match="deeper"):
        whole.recipe("deepr")


def test_the_same_seed_gives_the_same_files(whole: ta.Run, place: Path, tmp_path: Path) -> None:
    again = climb(place, tmp_path / "again", recipes="baseline,augmented,bottleneck,finetuned")
    assert (again.folder / "split.csv").read_bytes() == (whole.folder / "split.csv").read_bytes()
    for name in ("baseline", "augmented", "bottleneck", "finetuned"):
        one, other = whole.folder / "recipes" / name, again.folder / "recipes" / name
        for file in ("predictions.csv", "valid.csv", "confusion.csv", "model.onnx"):
            assert (one / file).read_bytes() == (other / file).read_bytes(), f"{name}/{file}"


def test_another_seed_gives_another_split(place: Path, tmp_path: Path, whole: ta.Run) -> None:
    other = climb(place, tmp_path / "other", recipes="majority", seed=1)
    assert other.results["split"]["fingerprint"] != whole.results["split"]["fingerprint"]


def test_a_second_run_reads_its_features(place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TELLAPART_CACHE", str(tmp_path / "cache"))
    climb(place, tmp_path / "first", recipes="bottleneck")
    started = []
    monkeypatch.setattr("tellapart.models.features.in_batches", lambda *_: started.append(1))
    climb(place, tmp_path / "second", recipes="bottleneck")
    assert not started


def test_resume_trains_only_what_is_missing(place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "run"
    first = climb(place, out, recipes="majority,baseline")
    before = (out / "recipes" / "baseline" / "model.onnx").read_bytes()
    with pytest.raises(RunFolderError, match="--resume"):
        climb(place, out, recipes="majority,baseline")
    with pytest.raises(RunFolderError, match="seed was 0, is 1"):
        climb(place, out, recipes="majority,baseline", seed=1, resume=True)
    trained = watch(monkeypatch)
    second = climb(place, out, recipes="majority,baseline,deeper", resume=True)
    assert trained == ["deeper"]
    assert (out / "recipes" / "baseline" / "model.onnx").read_bytes() == before
    assert first.results["recipes"][1]["test"] == second.results["recipes"][1]["test"]


def test_labels_are_corrected_before_the_split_and_the_run_tells_it(place: Path, tmp_path: Path, shared: Path) -> None:
    table = tmp_path / "mine.csv"
    table.write_text("path,class,proposed\ndisc/001.png,disc,frame\ndisc/002.png,disc,-\n", encoding="utf-8")
    notes = Notes()
    run = climb(place, tmp_path / "run", recipes="majority", corrections=table, progress=notes)
    photos = run.results["photos"]
    assert photos["corrections"]["file"] == "mine.csv"
    assert photos["corrections"]["changed"] == [{"path": "disc/001.png", "from": "disc", "to": "frame"}]
    assert photos["corrections"]["left_out"] == ["disc/002.png"]
    labels = {row["path"]: row["class"] for row in read_csv(run.folder / "split.csv")}
    assert labels["disc/001.png"] == "frame"
    assert "disc/002.png" not in labels
    assert "1 label corrected, 1 photo left out by hand" in notes.lines
    assert "1 label corrected and 1 photo left out by hand" in (run.folder / "report.html").read_text(encoding="utf-8")
    settings = json.loads((run.folder / "run.json").read_text(encoding="utf-8"))["settings"]
    assert settings["corrections"] == photos["corrections"]["sha256"]
    check = shared / "contract" / "check_run.py"
    subprocess.run([sys.executable, check, run.folder], check=True)
    kept = run.folder / "corrections.csv"
    assert kept.read_bytes() == table.read_bytes()
    again = climb(place, run.folder, recipes="majority", corrections=kept, resume=True)
    assert again.results["photos"]["corrections"]["changed"] == photos["corrections"]["changed"]
    table.write_text("path,class,proposed\ndisc/001.png,disc,\n", encoding="utf-8")
    for other in (table, None):
        with pytest.raises(RunFolderError, match="corrections was"):
            climb(place, run.folder, recipes="majority", corrections=other, resume=True)


def watch(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Note which recipes are trained."""
    trained: list[str] = []

    def noted(recipe: Recipe, task: Task) -> Fitted:
        trained.append(recipe.name)
        return fit_recipe(recipe, task)

    monkeypatch.setattr("tellapart.climb.fit_recipe", noted)
    return trained


def test_results_come_last(place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def noted(run: Path, results: dict[str, Any]) -> Path:
        seen.append((run / "results.json").exists())
        return write_report(run, results)

    monkeypatch.setattr("tellapart.pipeline.write_report", noted)
    climb(place, tmp_path / "run", recipes="majority")
    assert seen == [False]


@pytest.mark.usefixtures("closed")
def test_a_backbone_that_was_named_is_not_replaced(place: Path, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="tellapart weights add"):
        climb(place, tmp_path / "stopped", backbone="vgg16")
    assert not (tmp_path / "stopped").exists()


@pytest.mark.usefixtures("closed")
def test_without_weights_the_built_in_backbone_takes_over_and_a_resumed_run_keeps_it(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    notes = Notes()
    settings: dict[str, Any] = {"backbone": None, "recipes": "majority,bottleneck", "progress": notes}
    run = climb(place, tmp_path / "run", **settings)
    assert [entry["backbone"] for entry in run.results["recipes"]] == [None, "pocket"]
    why = run.results["backbone"]["why"]
    assert run.results["backbone"]["used"] == ["pocket"]
    assert "pocket takes the place of vgg16" in why
    assert run.results["notes"] == [why]
    assert why in notes.lines
    first_screen = (run.folder / "report.html").read_text(encoding="utf-8").split('id="ladder"')[0]
    assert "pocket takes the place of vgg16" in first_screen
    (run.folder / "results.json").unlink()
    monkeypatch.setattr("tellapart.models.choice.weights_path", lambda row, *_: FILE if row.name == "pocket" else None)
    again = climb(place, tmp_path / "run", resume=True, **settings)
    assert again.results["backbone"] == {"used": ["pocket"], "why": why, "trials": []}
    assert again.results["notes"] == [why]


@pytest.fixture(scope="module")
def side_by_side(place: Path, tmp_path_factory: pytest.TempPathFactory) -> ta.Run:
    """A run on two backbones; the weights file is that of the one that is not built in."""
    settings = {"backbone": "pocket,mobilenet_v2", "recipes": "majority,bottleneck,finetuned", "epochs": 1}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TELLAPART_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setattr("tellapart.report.page.draw_figures", draw_figures)
        return climb(place, place / "two", weights=random_weights(place), **settings)


def test_a_run_on_two_backbones_keeps_the_contract(side_by_side: ta.Run, shared: Path) -> None:
    check = shared / "contract" / "check_run.py"
    result = subprocess.run([sys.executable, check, side_by_side.folder], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout


def test_backbones_stand_side_by_side_and_are_held_against_each_other(side_by_side: ta.Run) -> None:
    run, names = side_by_side, ["pocket", "mobilenet_v2"]
    entries = {entry["name"]: entry for entry in run.results["recipes"]}
    assert list(entries)[1:] == [f"{step}-{name}" for name in names for step in ("bottleneck", "finetuned")]
    assert [entry["backbone"] for entry in entries.values()][1:] == ["pocket", "pocket", "mobilenet_v2", "mobilenet_v2"]
    lesson = entries["bottleneck-mobilenet_v2"]["lesson"]
    assert lesson.startswith("Is mobilenet_v2 better than pocket?")
    assert "From bottleneck-pocket to bottleneck-mobilenet_v2" in lesson
    assert run.results["backbone"]["used"] == names
    assert (run.folder / "figures" / "confusion_finetuned-mobilenet_v2.png").is_file()


@pytest.mark.usefixtures("closed")
def test_auto_measures_what_is_here_on_training_photos(place: Path, tmp_path: Path) -> None:
    run = climb(place, tmp_path / "run", backbone="auto", recipes="bottleneck", epochs=1)
    chosen = run.results["backbone"]
    assert chosen["used"] == ["pocket"]
    assert chosen["trials"][0]["photos"] <= run.results["split"]["train"]
    assert "cross-validation of frozen features" in run.results["notes"][0]


def test_a_keras_cache_with_a_damaged_file_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TELLAPART_OFFLINE", "1")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    damaged = tmp_path / "models" / "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5"
    damaged.parent.mkdir()
    damaged.write_bytes(b"not whole")
    notes = Notes()
    from tellapart.models.backbones import find_backbone

    with pytest.raises(WeightsError):
        weights.weights_path(find_backbone("vgg16"), None, notes)
    assert damaged.read_bytes() == b"not whole"
    assert "damaged" in notes.lines[0]


@pytest.mark.parametrize(
    ("settings", "error", "told"),
    [
        ({"recipes": "deper"}, UnknownNameError, "Did you mean deeper"),
        ({"backbone": "vgg61"}, UnknownNameError, "vgg16"),
        ({"epochs": 0}, OptionError, "1 or more"),
        ({"image_size": 4}, OptionError, "16 to 1024"),
        ({"test_share": 0.9}, OptionError, "0.05 to 0.5"),
        ({"trials": 0}, OptionError, "at least one trial"),
        ({"folds": 2}, OptionError, "Accepted: 3 to 20"),
        ({"folds": 16}, PhotosError, "15 different photos or groups for 16 folds.*--folds 15"),
        ({"folds": 3, "backbone": "auto"}, OptionError, "none is left to choose a backbone"),
    ],
)
def test_wrong_settings_stop_before_anything_is_written(
    place: Path, tmp_path: Path, settings: dict[str, Any], error: type[Exception], told: str
) -> None:
    with pytest.raises(error, match=told):
        climb(place, tmp_path / "run", **settings)
    assert not (tmp_path / "run").exists()


@pytest.fixture(scope="module")
def in_folds(place: Path) -> ta.Run:
    """The same photos in three folds."""
    return climb(place, place / "folds", recipes="majority,baseline", folds=3, image_size=32, epochs=2)


def test_a_run_in_folds_keeps_the_contract(in_folds: ta.Run, shared: Path) -> None:
    command = [sys.executable, str(shared / "contract" / "check_run.py"), str(in_folds.folder)]
    assert subprocess.run(command, capture_output=True, text=True, check=False).returncode == 0


def test_every_photo_lies_in_one_fold_and_is_tested(in_folds: ta.Run, place: Path) -> None:
    rows = read_csv(in_folds.folder / "split.csv")
    assert {row["part"] for row in rows} == {"fold-1", "fold-2", "fold-3"}
    copies = {row["part"] for row in rows if row["path"] in {"disc/000.png", "disc/copy of 000.png"}}
    assert len(copies) == 1
    tested = read_csv(in_folds.folder / "recipes" / "baseline" / "predictions.csv")
    assert sorted(row["path"] for row in tested) == sorted(row["path"] for row in rows)
    assert in_folds.results["split"]["folds"] == 3
    sizes = json.loads((in_folds.folder / "audit.json").read_text())["classes"]
    assert [size["test_photos"] for size in sizes] == [size["photos"] for size in sizes]
    assert ta.load(in_folds.folder).predict([place / "photos" / "disc" / "000.png"])


def test_the_report_of_folds_tells_rounds_and_the_whole_procedure(in_folds: ta.Run) -> None:
    page = (in_folds.folder / "report.html").read_text()
    assert "Each of the 3 rounds" in page
    assert "the score of the whole procedure, choice included" in page
    assert "stays whole in one fold" in page
    assert "set aside to test with" not in page


def test_a_run_in_folds_goes_on_only_with_as_many(in_folds: ta.Run, place: Path) -> None:
    with pytest.raises(RunFolderError, match="folds was 3, is 4"):
        climb(place, in_folds.folder, recipes="majority", folds=4, image_size=32, epochs=2, resume=True)
    with pytest.raises(RunFolderError, match="folds was 3"):
        climb(place, in_folds.folder, recipes="majority", image_size=32, epochs=2, resume=True)


def test_the_run_folder_must_lie_outside_the_photos(place: Path) -> None:
    with pytest.raises(PhotosError, match="inside the photos"):
        climb(place, place / "photos" / "run")


def test_the_demo_climbs_every_step_without_a_network(tmp_path: Path) -> None:
    """The whole ladder, of few epochs, in a process of its own, in which any use of a network is an error."""
    place = tmp_path / "demo"
    script = f"""{SCRIPT}
import functools, socket
def refuse(*args, **kwargs):
    raise AssertionError("a socket was made")
socket.socket.connect = socket.create_connection = socket.getaddrinfo = refuse
from tellapart import pipeline
from tellapart.progress import Silent
class Told(Silent):
    def note(self, text):
        print(text)
pipeline.fit = functools.partial(pipeline.fit, epochs=2)
pipeline.demo({str(place)!r}, photos_per_class=8, search_time=1.0, progress=Told())
"""
    names = ("PATH", "HOME", "TELLAPART_CACHE", "KERAS_BACKEND", "LD_LIBRARY_PATH")
    environment = {name: os.environ[name] for name in names if name in os.environ}
    environment |= {
        "TELLAPART_OFFLINE": "1",
        "TELLAPART_WEIGHTS": str(tmp_path / "store"),
        "KERAS_HOME": str(tmp_path / "keras"),
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }
    result = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, env=environment
    )
    assert result.returncode == 0, result.stderr[-2000:]
    (line,) = [line for line in result.stdout.splitlines() if line.startswith("Backbone:")]
    assert line.startswith("Backbone: pocket, which is built in. For vgg16 (59 MB): tellapart weights pull vgg16")
    run = ta.Run(place)
    assert [entry["name"] for entry in run.results["recipes"]] == ALL
    assert run.results["photos"]["classes"] == ["bed", "chair", "sofa", "table"]
    assert run.results["photos"]["excluded"], "the broken file is named"
    assert run.results["photos"]["duplicate_groups"] >= 1


def test_vgg16_runs_from_a_file_of_the_official_layout(place: Path, tmp_path: Path) -> None:
    settings = {"backbone": "vgg16", "weights": write_vgg16(tmp_path), "epochs": 1}
    run = climb(place, tmp_path / "run", recipes="bottleneck,finetuned", **settings)
    assert [entry["backbone"] for entry in run.results["recipes"]] == ["vgg16", "vgg16"]
    assert ta.load(run.folder).passport["pixels"]["scaling"].startswith("BGR minus")


@pytest.mark.parametrize("name", ["mobilenet_v2", "vgg16"])
def test_the_base_installation_climbs_to_a_dense_head(place: Path, tmp_path: Path, name: str) -> None:
    """In a process that cannot import a training framework."""
    weights = random_weights(tmp_path) if name == "mobilenet_v2" else write_vgg16(tmp_path)
    script = (
        "import importlib.util, sys\n"
        "FAR = {'keras', 'tensorflow', 'torch', 'jax', 'optuna', 'tf2onnx'}\n"
        "genuine = importlib.util.find_spec\n"
        "importlib.util.find_spec = lambda name, *at: None if name in FAR else genuine(name, *at)\n"
        "class Missing:\n"  # not None among the modules: SciPy looks there for arrays of PyTorch
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.partition('.')[0] in FAR:\n"
        "            raise ModuleNotFoundError(name, name=name)\n"
        "sys.meta_path.insert(0, Missing())\n"
        f"{SCRIPT}\n"
        "import tellapart\n"
        "tellapart.fit(*sys.argv[1:3], recipes='majority,linear,bottleneck', backbone=sys.argv[3], "
        "weights=sys.argv[4], image_size=64, epochs=9)"
    )
    words = [sys.executable, "-c", script, str(place / "photos"), str(tmp_path / "run"), name, str(weights)]
    result = subprocess.run(words, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr[-2000:]
    run = ta.Run(tmp_path / "run")
    assert [entry["name"] for entry in run.results["recipes"]] == ["majority", "linear", "bottleneck"]
    assert [entry["backbone"] for entry in run.results["recipes"]] == [None, name, name]
    assert not (run.folder / "recipes" / "bottleneck" / "model.keras").exists()
    assert ta.load(run.folder).predict(sorted((place / "photos" / "disc").iterdir())[:1])


def test_shuffled_labels_score_at_chance(tmp_path: Path) -> None:
    """Nothing of the test photos reaches the training: with labels that mean nothing, nothing is learned."""
    paths = sorted((draw_shapes(tmp_path / "more", per_class=60, seed=7)).rglob("*.png"))
    labels = np.random.default_rng(0).permutation([path.parent.name for path in paths])
    table = tmp_path / "more" / "photos.csv"
    rows = (f"{path.relative_to(table.parent)},{label}" for path, label in zip(paths, labels, strict=True))
    table.write_text("path,label\n" + "\n".join(rows), encoding="utf-8")
    run = ta.fit(table, tmp_path / "run", recipes="baseline", image_size=32, epochs=8)
    test = run.recipe("baseline").results["test"]
    assert test["n"] == 36
    assert test["accuracy"] <= 0.58, "over what 36 coin-like guesses at 1/3 give in 999 of 1000 cases"


def test_real_photos_and_real_weights(shared: Path, tmp_path: Path) -> None:
    """A twentieth of the main job on real input: what the frozen real backbone is worth."""
    photos = tmp_path / "photos"
    for label in ("bed", "chair"):
        for path in sorted((shared / "data" / "furniture4" / label).iterdir())[:40]:
            (photos / label).mkdir(parents=True, exist_ok=True)
            shutil.copy(path, photos / label)
    run = ta.fit(
        photos,
        tmp_path / "run",
        recipes="majority,bottleneck",
        backbone="mobilenet_v2",
        weights=shared / "weights" / "mobilenet_v2_imagenet_notop.weights.h5",
        image_size=160,
    )
    assert run.recipe("bottleneck").results["test"]["accuracy"] >= 0.8
    assert json.loads((run.folder / "results.json").read_text(encoding="utf-8")) == run.results


@pytest.mark.slow
def test_a_budget_leaves_out_what_does_not_fit_and_says_so(tmp_path: Path) -> None:
    photos = draw_shapes(tmp_path / "photos", per_class=8)
    after = dict.fromkeys(("map", "heatmaps", "inside", "report"), Cost(0, 0, 0, 2.0, 1))
    steps = {
        "majority": Cost(0, 0, 0, 0.01, 1),
        "baseline": Cost(0, 0.01, 5, 0.05, 1),
        "deeper": Cost(0, 50, 5, 0.05, 1),
    }
    kept = {key_of(name, None, 32): cost for name, cost in steps.items()}
    remember(cache_folder(), {**kept, **after, "more": Cost(0, 0, 0, 1000.0, 1)})
    given: dict[str, Any] = {"recipes": "majority,baseline,deeper", "image_size": 32, "epochs": 2}
    with pytest.raises(OptionError, match="too short for any step"):
        ta.fit(photos, tmp_path / "run", budget=3.0, **given)
    assert not (tmp_path / "run").exists()
    remember(cache_folder(), {"more": Cost(0, 0, 0, 0.0, 1)})  # that makes 500 s of it
    started = time.perf_counter()
    run = ta.fit(photos, tmp_path / "run", budget=900.0, **given)
    took = time.perf_counter() - started
    told = run.results["forecast"]
    assert [entry["name"] for entry in run.results["recipes"]] == ["majority", "baseline"]
    assert told["left_out"] == ["deeper"]
    assert any("deeper was left out: it takes" in note for note in run.results["notes"])
    assert told["took"] == pytest.approx(took, abs=2)
    assert took < 990
    assert "deeper was left out" in (run.folder / "report.html").read_text(encoding="utf-8")
    assert read_times(cache_folder())[key_of("baseline", None, 32)].runs == 2
    assert arguments_of(run)["recipes"] == "majority,baseline"


def test_a_budget_with_folds_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="With folds there is no forecast"):
        ta.fit(tmp_path, tmp_path / "run", folds=3, budget=100.0)
    with pytest.raises(OptionError, match="--budget 10m"):
        ta.fit(tmp_path, tmp_path / "run", budget=0.0)
