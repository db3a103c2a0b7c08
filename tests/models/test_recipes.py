import json
import os
import subprocess
import sys
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binom
from tiny_set import QUIET, draw_set, photos_of, task_on

from tellapart.errors import UnknownNameError
from tellapart.models import pocket, transfer
from tellapart.models.backbones import find_backbone
from tellapart.models.forward import Forward
from tellapart.models.onnx_export import to_onnx
from tellapart.models.recipes import RECIPES, choose_recipes, find_recipe, fit_recipe, on_backbones
from tellapart.models.scratch import predict
from tellapart.models.search_space import sides
from tellapart.models.task import Options, Task
from tellapart.photos.batches import pixels_of

pytestmark = QUIET

LADDER = {
    "majority": "0",
    "baseline": "1",
    "deeper": "2",
    "augmented": "3",
    "tuned": "4",
    "linear": "5",
    "bottleneck": "5a",
    "finetuned": "5b",
}


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Photos, and one cache for all."""
    place = tmp_path_factory.mktemp("recipes")
    return draw_set(place / "photos"), place


@pytest.fixture
def task(places: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Task:
    monkeypatch.setattr(transfer, "VIEWS", 2)
    photos, place = places
    options = Options(image_size=32, epochs=1, backbone=find_backbone("pocket"), weights=pocket.FILE, trials=2)
    return replace(task_on(photos, place, options), folder=tmp_path / "recipes" / "tiny")


def test_the_table_is_the_ladder() -> None:
    assert {name: recipe.step for name, recipe in RECIPES.items()} == LADDER
    assert list(RECIPES) == list(LADDER)
    assert all(name == recipe.name for name, recipe in RECIPES.items())
    assert {name for name, recipe in RECIPES.items() if recipe.transfer} == {"linear", "bottleneck", "finetuned"}
    assert all(recipe.asks.endswith("?") for recipe in RECIPES.values())


@pytest.mark.parametrize(
    ("asked", "names"),
    [
        ("all", list(LADDER)),
        ("", list(LADDER)),
        ("baseline", ["baseline"]),
        ("finetuned, majority,baseline", ["majority", "baseline", "finetuned"]),
        ("deeper,deeper", ["deeper"]),
    ],
)
def test_recipes_are_chosen_in_the_ladders_order(asked: str, names: list[str]) -> None:
    assert [recipe.name for recipe in choose_recipes(asked)] == names


def test_an_unknown_recipe_gives_near_names() -> None:
    with pytest.raises(UnknownNameError, match=r"No recipe is called 'botleneck'\. Did you mean bottleneck"):
        choose_recipes("baseline,botleneck")
    with pytest.raises(UnknownNameError, match="Accepted: all, augmented"):
        find_recipe("nothing")


def test_several_backbones_stand_side_by_side() -> None:
    recipes = choose_recipes("baseline,bottleneck,finetuned")
    rows = [find_backbone("pocket"), find_backbone("vgg16")]
    files = {"pocket": pocket.FILE, "vgg16": Path("vgg16.h5")}
    one = on_backbones(recipes, rows[:1], files)
    assert [recipe.name for recipe in one] == ["baseline", "bottleneck", "finetuned"]
    assert (one[1].backbone, one[1].weights, one[1].against) == (rows[0], pocket.FILE, "")
    bound = on_backbones(recipes, rows, files)
    assert [recipe.name for recipe in bound[1:]] == [
        "bottleneck-pocket",
        "finetuned-pocket",
        "bottleneck-vgg16",
        "finetuned-vgg16",
    ]
    assert bound[3].against == "bottleneck-pocket"
    assert bound[3].asks == "Is vgg16 better than pocket?"
    assert bound[4].against == ""
    assert {recipe.step for recipe in bound} == {"1", "5a", "5b"}


@pytest.mark.slow
@pytest.mark.parametrize("name", LADDER)
def test_every_recipe_trains_on_the_tiny_set(name: str, task: Task) -> None:
    fitted = fit_recipe(find_recipe(name), task)
    assert fitted.recipe == name
    assert fitted.spec.size in (sides(32) if name == "tuned" else (32,))
    assert (fitted.train.shape, fitted.valid.shape) == ((len(task.train), 3), (len(task.valid), 3))
    assert fitted.train.sum(axis=1) == pytest.approx(np.ones(len(task.train)), abs=1e-4)
    assert {"features", "train"} <= set(fitted.seconds)
    assert len(fitted.history.rows) == {"majority": 0, "linear": 0, "finetuned": 2}.get(name, 1)
    assert (fitted.backbone == "pocket") == find_recipe(name).transfer
    assert (fitted.trainable_parameters > 0) == (name != "majority")
    pixels = np.stack(list(pixels_of(task.root, task.valid, fitted.spec)))
    assert fitted.answer(pixels) == pytest.approx(fitted.valid, abs=1e-2)
    assert (fitted.features is not None) == find_recipe(name).transfer
    outputs = Forward(fitted.as_onnx()).named_outputs(pixels)
    assert outputs["probabilities"] == pytest.approx(fitted.valid, abs=1e-2)
    if fitted.features is not None:
        assert outputs["features"] == pytest.approx(fitted.features.valid, abs=1e-2)
        assert fitted.features.train.shape == (len(task.train), outputs["features"].shape[1])


def test_majority_gives_the_shares_of_the_training_photos(task: Task) -> None:
    bars = [photo for photo in task.train if photo.label == "bar"]
    unequal = replace(task, train=tuple(photo for photo in task.train if photo not in bars[1:]))
    labels = unequal.labels(unequal.train)
    fitted = fit_recipe(find_recipe("majority"), unequal)
    assert fitted.valid[0] == pytest.approx(np.bincount(labels, minlength=3) / len(labels))


@pytest.mark.slow
def test_the_same_seed_gives_the_same_bytes_whatever_came_before(task: Task) -> None:
    first = fit_recipe(find_recipe("baseline"), task)
    fit_recipe(find_recipe("deeper"), task)
    again = fit_recipe(find_recipe("baseline"), task)
    assert again.valid.tobytes() == first.valid.tobytes()
    assert to_onnx(again.network) == to_onnx(first.network)
    other = fit_recipe(find_recipe("baseline"), replace(task, options=replace(task.options, seed=1)))
    assert other.valid.tobytes() != first.valid.tobytes()


@pytest.mark.slow
@pytest.mark.parametrize("shuffled", [True, False])
def test_shuffled_labels_score_at_chance(shuffled: bool, tmp_path: Path) -> None:
    root = draw_set(tmp_path / "photos", per_class=40)
    photos = photos_of(root)
    labels = np.array([photo.label for photo in photos])
    generator = np.random.default_rng(0)
    if shuffled:
        generator.shuffle(labels)
    mixed = [replace(photo, label=str(label)) for photo, label in zip(photos, labels, strict=True)]
    order = generator.permutation(len(mixed))
    test, valid, train = (tuple(mixed[n] for n in some) for some in (order[:50], order[50:65], order[65:]))
    options = Options(image_size=32, epochs=6)
    task = Task(root, ("bar", "disc", "ring"), train, valid, options, tmp_path / "run", tmp_path / "cache")
    fitted = fit_recipe(find_recipe("baseline"), task)
    answers = predict(fitted.network, np.stack(list(pixels_of(root, test, fitted.spec))))
    hits = int((answers.argmax(axis=1) == task.labels(test)).sum())
    low, high = binom.interval(0.999, len(test), 1 / 3)
    assert (low <= hits <= high) == shuffled


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["tensorflow", "torch", "jax"])
def test_every_backend_runs_the_same_code(backend: str, tmp_path: Path) -> None:
    if find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    result = subprocess.run(
        [sys.executable, Path(__file__).with_name("tiny_run.py"), tmp_path],
        env={**os.environ, "KERAS_BACKEND": backend},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    name, losses, difference = json.loads(result.stdout.splitlines()[-1])
    assert name == backend
    assert losses[-1] < losses[0]
    assert difference < 1e-4
