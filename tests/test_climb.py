"""One step: trained, exported, asked once for the test photos, written; read when it is done."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tellapart
from ladder_set import CLASSES, draw_shapes
from tellapart import climb as climbing
from tellapart.climb import Climb, climb_step
from tellapart.deploy.runtime import load
from tellapart.errors import TellapartError
from tellapart.evaluation.calibration import scaled
from tellapart.evaluation.metrics import expected_calibration_error, score
from tellapart.evaluation.reference import Reference, short
from tellapart.files import cache_folder, read_csv, read_json
from tellapart.models import onnx_export, pocket, training
from tellapart.models.backbones import find_backbone
from tellapart.models.recipes import RECIPES, fit_recipe
from tellapart.models.task import Fitted, Options
from tellapart.photos.scan import scan
from tellapart.photos.split import split
from tellapart.progress import Silent


@pytest.fixture
def shared_climb(tmp_path: Path) -> Climb:
    photos = scan(draw_shapes(tmp_path / "photos", per_class=10))
    options = Options(seed=0, image_size=32, epochs=2)
    return Climb(photos, split(photos), options, tmp_path / "run", cache_folder(), Silent())


def test_a_step_leaves_its_files_and_scores(shared_climb: Climb) -> None:
    entry = climb_step(RECIPES["baseline"], shared_climb)
    folder = shared_climb.run / "recipes" / "baseline"
    assert entry["epochs"] == 2
    assert entry["seconds"]["total"] >= entry["seconds"]["train"] > 0
    assert 0 <= entry["waiting"] <= entry["seconds"]["train"]
    assert entry["peak_rss_mb"] > 50
    rows = read_csv(folder / "predictions.csv")
    assert len(rows) == entry["test"]["n"] == 6
    right = np.mean([row["class"] == row["predicted"] for row in rows])
    assert right == pytest.approx(entry["test"]["accuracy"])
    for row in rows:
        assert sum(float(row[label]) for label in CLASSES) == pytest.approx(1, abs=1e-5)
    confusion = read_csv(folder / "confusion.csv")
    assert [[int(row[label]) for label in CLASSES] for row in confusion] == entry["test"]["confusion"]
    assert list(read_csv(folder / "history.csv")[0]) == [
        "epoch", "loss", "accuracy", "valid_loss", "valid_accuracy", "seconds", "learning_rate",
    ]  # fmt: skip


def test_the_model_is_calibrated_and_all_figures_are_those_with_the_temperature(
    shared_climb: Climb, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tellapart.evaluation.calibration.FEWEST", 5)
    entry = climb_step(RECIPES["baseline"], shared_climb)
    folder = shared_climb.run / "recipes" / "baseline"
    told, model = entry["calibration"], load(folder / "model.onnx")
    assert told["temperature"] != 1.0
    assert told["valid_log_loss_after"] < told["valid_log_loss_before"]
    assert model.passport["temperature"] == told["temperature"]
    assert model.passport["scores"]["test"] == entry["test"]

    rows = read_csv(folder / "predictions.csv")
    labels = np.array([CLASSES.index(row["class"]) for row in rows])
    answers = model.predict_proba([shared_climb.photos.root / row["path"] for row in rows])
    assert answers == pytest.approx(np.array([[float(row[label]) for label in CLASSES] for row in rows]), abs=1e-6)
    assert entry["test"]["ece"] == told["ece_after"] == pytest.approx(expected_calibration_error(labels, answers))
    before = scaled(answers, 1 / told["temperature"])
    assert told["ece_before"] == pytest.approx(expected_calibration_error(labels, before), abs=1e-4)

    valid = read_csv(folder / "valid.csv")
    assert [row["path"] for row in valid] == [photo.path for photo in shared_climb.split.valid]
    shares = np.array([[float(row[label]) for label in CLASSES] for row in valid])
    kept = score(np.array([CLASSES.index(row["class"]) for row in valid]), shares)
    assert entry["valid"]["log_loss"] == pytest.approx(kept.log_loss) == pytest.approx(told["valid_log_loss_after"])


def test_the_model_file_tells_where_it_looks_and_where_it_comes_from(shared_climb: Climb) -> None:
    climb_step(RECIPES["baseline"], shared_climb)
    model = load(shared_climb.run / "recipes" / "baseline" / "model.onnx")
    photo = np.random.default_rng(0).integers(0, 256, (1, 32, 32, 3), dtype=np.uint8)
    (answer,) = model.answer_pixels(photo, heat=True)
    assert answer.heat is not None
    assert answer.heat.shape == (8, 8)
    assert model.passport["made_by"] == f"tellapart {tellapart.__version__}"
    assert model.passport["backbone_licence"] is None
    assert len(model.passport["digest"]) == 64


def test_a_network_without_gradients_is_handed_over_without_heat_maps(
    shared_climb: Climb, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> bytes:
        raise RuntimeError("no such operator")

    monkeypatch.setattr("tellapart.explain.heat_output.with_heat", broken)
    notes: list[str] = []
    monkeypatch.setattr(shared_climb.progress, "note", notes.append, raising=False)
    climb_step(RECIPES["baseline"], shared_climb)
    assert "baseline: the model file goes without heat maps: no such operator" in notes
    model = load(shared_climb.run / "recipes" / "baseline" / "model.onnx")
    (answer,) = model.answer_pixels(np.zeros((1, 32, 32, 3), np.uint8), heat=True)
    assert answer.heat is None
    assert answer.probabilities is not None


def test_doubts_are_found_on_validation_and_measured_on_test(shared_climb: Climb) -> None:
    entry = climb_step(RECIPES["baseline"], shared_climb)
    model = load(shared_climb.run / "recipes" / "baseline" / "model.onnx")
    n_valid = len(shared_climb.split.valid)
    assert (entry["rejection"]["n_valid"], entry["rejection"]["n"]) == (n_valid, 6)
    assert entry["rejection"]["curve"][-1]["error"] == pytest.approx(1 - entry["test"]["accuracy"])
    assert sum(entry["conformal"]["sizes"]) == 6
    assert entry["stranger"]["threshold"] is None  # its own features do not tell
    assert entry["stranger"]["why"]
    for name, kept in (("conformal", ("level", "quantile", "n")), ("stranger", ("threshold", "why"))):
        assert {field: entry[name][field] for field in kept} == model.passport[name]
    assert model.passport["rejection"]["n"] == n_valid
    assert model.doubts.thresholds is not None


@pytest.mark.slow
def test_a_step_on_a_backbone_tells_strangers(shared_climb: Climb) -> None:
    recipe = replace(RECIPES["bottleneck"], backbone=find_backbone("pocket"), weights=pocket.FILE)
    entry = climb_step(recipe, shared_climb)
    model = load(shared_climb.run / "recipes" / "bottleneck" / "model.onnx")
    told = entry["stranger"]
    assert (told["threshold"], told["n_test"]) == (1.0, 6)
    assert model.passport["stranger"] == {name: told[name] for name in ("threshold", "why", "quantile", "n")}
    paths = [shared_climb.photos.root / photo.path for photo in shared_climb.split.test.open_for_evaluation()]
    strange = [answer.stranger or 0 for answer in model.answers(paths)]
    assert sum(score > 1 for score in strange) == told["false_alarms"]
    valid = model.answers([shared_climb.photos.root / photo.path for photo in shared_climb.split.valid])
    # The threshold is the largest of so few validation photos, up to the half precision of kept features.
    assert max(answer.stranger or 0 for answer in valid) == pytest.approx(1, abs=0.02)


def test_a_step_of_an_early_version_without_answers_to_validation_is_done_again(
    shared_climb: Climb, monkeypatch: pytest.MonkeyPatch
) -> None:
    climb_step(RECIPES["majority"], shared_climb)
    (shared_climb.run / "recipes" / "majority" / "valid.csv").unlink()
    trained = []

    def noted(*given: Any) -> Fitted:
        trained.append(1)
        return fit_recipe(*given)

    monkeypatch.setattr(climbing, "fit_recipe", noted)
    climb_step(RECIPES["majority"], shared_climb)
    assert trained == [1]


def test_a_step_that_is_done_is_read(shared_climb: Climb, monkeypatch: pytest.MonkeyPatch) -> None:
    first = climb_step(RECIPES["majority"], shared_climb)
    monkeypatch.setattr(climbing, "fit_recipe", lambda *_: pytest.fail("trained again"))
    assert climb_step(RECIPES["majority"], shared_climb) == first


def test_the_model_file_remembers_its_photos(shared_climb: Climb) -> None:
    climb_step(RECIPES["majority"], shared_climb)
    file = shared_climb.run / "recipes" / "majority" / "model.onnx"
    reference = Reference.from_passport(load(file).passport)
    assert reference is not None
    split = shared_climb.split
    assert reference.n == {"train": len(split.train), "valid": len(split.valid)}
    assert sum(reference.classes.values()) == len(split.train)
    assert reference.learned == {short(photo.content) for photo in (*split.train, *split.valid)}
    assert reference.tested == {short(content) for content in split.test.contents()}
    assert {"brightness", "sharpness", "side", "confidence"} <= set(reference.quantiles)
    assert "stranger" not in reference.quantiles, "its features tell no strangers"


def test_the_test_photos_are_opened_once(shared_climb: Climb, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = []
    genuine = type(shared_climb.split.test).open_for_evaluation

    def counted(test: object) -> object:
        opened.append(1)
        return genuine(test)  # type: ignore[arg-type]

    monkeypatch.setattr(type(shared_climb.split.test), "open_for_evaluation", counted)
    climbing_fingerprint = shared_climb.split.fingerprint  # names the photos by content, and is part of the file
    opened.clear()
    climb_step(RECIPES["majority"], shared_climb)
    assert climbing_fingerprint
    assert len(opened) == 2, "once for the answers, once for the split's fingerprint"


def test_a_wrong_export_is_not_handed_over(shared_climb: Climb, monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(network: object) -> bytes:
        for weight in network.weights:  # type: ignore[attr-defined]
            weight.assign(np.ones(weight.shape) * 0.01 * np.arange(weight.shape[-1]))
        content = genuine(network)
        for weight in network.weights:  # type: ignore[attr-defined]
            weight.assign(np.zeros(weight.shape))
        return content

    genuine = onnx_export.to_onnx
    monkeypatch.setattr(onnx_export, "to_onnx", wrong)
    with pytest.raises(TellapartError, match="not handed over"):
        climb_step(RECIPES["baseline"], shared_climb)
    assert not (shared_climb.run / "recipes" / "baseline" / "recipe.json").exists()


def test_batches_that_did_not_fit_stand_in_the_entry_of_the_step(
    shared_climb: Climb, monkeypatch: pytest.MonkeyPatch
) -> None:
    genuine = training._train

    def short(network: Any, parts: Any, plan: Any, watcher: Any) -> Any:
        if parts[0].batch_size > 8:
            raise MemoryError
        return genuine(network, parts, plan, watcher)

    monkeypatch.setattr(training, "_train", short)
    entry = climb_step(RECIPES["baseline"], shared_climb)
    assert entry["hyperparameters"]["batch_size"] == 8
    (note,) = entry["notes"]
    assert note.startswith("Memory was too little for batches of 32 photos: it was trained with batches of 8")
    assert read_json(shared_climb.run / "recipes" / "baseline" / "recipe.json")["notes"] == [note]
