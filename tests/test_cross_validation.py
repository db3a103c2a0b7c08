"""Folds: every recipe in every round, answers pooled, one more training for the model that is handed over."""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from brief import brief
from ladder_set import CLASSES, draw_shapes
from tellapart.answer_tables import read_answers
from tellapart.climb import Climb
from tellapart.cross_validation import climb_in_folds
from tellapart.deploy.runtime import load
from tellapart.evaluation.calibration import scaled
from tellapart.evaluation.metrics import score
from tellapart.files import cache_folder, read_json
from tellapart.models.recipes import RECIPES
from tellapart.models.task import Options
from tellapart.photos.duplicates import Duplicates
from tellapart.photos.folds import Folds, cut_into_folds
from tellapart.photos.scan import scan
from tellapart.progress import Silent
from tellapart.training_tasks import sharing

STEPS = [RECIPES["majority"], RECIPES["baseline"]]


@pytest.fixture(scope="module")
def climbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Climb, Folds, dict[str, Any], Path]:
    """Two recipes in three folds."""
    place = tmp_path_factory.mktemp("folds")
    photos = scan(draw_shapes(place / "photos", per_class=12))
    folds = cut_into_folds(photos, Duplicates((), ()), n_folds=3)
    options = Options(seed=0, image_size=32, epochs=6, search_time=40.0)
    climb = Climb(photos, folds.whole(), options, place / "run", place / "cache", Silent())
    with brief() as patch:
        patch.setattr("tellapart.evaluation.calibration.FEWEST", 5)
        results, model = climb_in_folds(STEPS, climb, folds)
    return climb, folds, results, model


def test_every_photo_is_tested_once_by_the_model_of_its_own_round(climbed: Any) -> None:
    climb, folds, results, _ = climbed
    pooled = read_answers(climb.run / "recipes" / "baseline" / "predictions.csv", CLASSES)
    assert Counter(pooled.paths) == Counter(photo.path for photo in climb.photos.items)
    answers = dict(zip(pooled.paths, pooled.probabilities, strict=True))
    for number, part in enumerate(folds.parts, start=1):
        model = load(climb.run / "folds" / str(number) / "recipes" / "baseline" / "model.onnx")
        own = [photo.path for photo in part]
        told = model.predict_proba([climb.photos.root / path for path in own])
        assert np.stack([answers[path] for path in own]) == pytest.approx(told, abs=1e-5)
    test = results["recipes"][1]["test"]
    assert test["n"] == 36
    assert test["accuracy"] == pytest.approx(score(pooled.labels, pooled.probabilities).accuracy)


def test_the_entry_holds_what_follows_from_all_rounds(climbed: Any) -> None:
    climb, _, results, _ = climbed
    entry = results["recipes"][1]
    rounds = entry["rounds"]
    assert [one["n_test"] for one in rounds] == [12, 12, 12]
    assert entry["test"]["accuracy"] == pytest.approx(np.mean([one["accuracy"] for one in rounds]))
    assert entry["train"]["accuracy"] == pytest.approx(np.mean([one["train_accuracy"] for one in rounds]))
    assert entry["valid"]["n"] == 36
    assert entry["seconds"]["total"] == pytest.approx(sum(one["seconds"] for one in rounds), abs=0.01)
    assert results["split"] | {"fingerprint": ""} == {
        "train": 12, "valid": 12, "test": 36, "folds": 3, "fingerprint": "",
    }  # fmt: skip
    told = entry["calibration"]
    temperatures = [one["temperature"] for one in rounds]
    assert told["temperature"] == pytest.approx(np.exp(np.mean(np.log(temperatures))))
    assert len(set(temperatures)) > 1
    tables = [read_answers(climb.run / f"folds/{n}/recipes/baseline/predictions.csv", CLASSES) for n in (1, 2, 3)]
    before = [scaled(table.probabilities, 1 / one) for table, one in zip(tables, temperatures, strict=True)]
    labels = np.concatenate([table.labels for table in tables])
    assert told["log_loss_before"] == pytest.approx(score(labels, np.concatenate(before)).log_loss)


def test_doubts_are_those_of_all_rounds(climbed: Any) -> None:
    _, _, results, _ = climbed
    entry = results["recipes"][1]
    assert (entry["rejection"]["n_valid"], entry["rejection"]["n"]) == (36, 36)
    assert entry["rejection"]["curve"][-1]["coverage"] == 1
    assert entry["rejection"]["curve"][-1]["error"] == pytest.approx(1 - entry["test"]["accuracy"])
    assert entry["conformal"]["n"] == 36
    assert entry["stranger"]["threshold"] is None


def test_the_procedure_is_scored_by_the_recipe_that_each_round_chose(climbed: Any) -> None:
    climb, _, results, _ = climbed
    told = results["procedure"]
    right = []
    for number, name in enumerate(told["chosen"], start=1):
        table = read_answers(climb.run / f"folds/{number}/recipes/{name}/predictions.csv", CLASSES)
        right.append(table.probabilities.argmax(axis=1) == table.labels)
    assert told["accuracy"] == pytest.approx(np.concatenate(right).mean())
    assert told["n"] == 36
    assert "the whole procedure" in results["best"]["why"]
    assert "had no part" not in results["best"]["why"]


def test_the_model_handed_over_has_learned_from_all_folds_but_the_last(climbed: Any) -> None:
    climb, folds, results, file = climbed
    model = load(file)
    assert model.passport["fingerprints"]["split"] == folds.whole().fingerprint
    assert model.passport["recipe"] == results["best"]["recipe"]
    entry = next(one for one in results["recipes"] if one["name"] == results["best"]["recipe"])
    assert model.passport["scores"]["test"]["accuracy"] == entry["test"]["accuracy"]
    assert len(folds.whole().train) == 24
    assert climb.split.fingerprint == folds.whole().fingerprint


def test_what_is_done_is_not_done_again(climbed: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    climb, folds, results, file = climbed
    before = file.stat().st_mtime_ns
    monkeypatch.setattr("tellapart.climb.fit_recipe", None)
    again, same = climb_in_folds(STEPS, climb, folds)
    assert same.stat().st_mtime_ns == before
    assert again["recipes"][1]["test"] == results["recipes"][1]["test"]


def test_a_round_gets_its_share_of_the_time_and_a_folder_of_its_own(climbed: Any) -> None:
    climb, folds, _, _ = climbed
    shared = sharing(climb, folds, 2)
    assert shared.options.search_time == 10.0
    assert shared.run == climb.run / "folds" / "2"
    task = shared.task(RECIPES["baseline"])
    assert {photo.path for photo in task.together} == {photo.path for photo in climb.photos.items}
    assert len(task.train) == len(task.valid) == 12
    assert read_json(shared.run / "recipes" / "baseline" / "recipe.json")["test"]["n"] == 12
    assert cache_folder() != climb.cache
