"""What a training needs comes back from JSON, and from a parcel, as it was."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from folds_job import set_up
from tellapart import training_plan
from tellapart.climb import Climb
from tellapart.errors import OptionError
from tellapart.evaluation.reference import looks
from tellapart.files import read_json
from tellapart.models.backbones import find_backbone
from tellapart.models.choice import Choice, resolve
from tellapart.models.features import kept_features, pooled_features, source_for
from tellapart.models.recipes import Recipe, choose_recipes, on_backbones
from tellapart.photos.folds import Folds
from tellapart.progress import Silent
from tellapart.scale.parcel import parts
from tellapart.training_plan import PLAN, climb_of, parcel_of, plan_of, recipe_of, told_of_recipe


@pytest.fixture
def run(tmp_path: Path) -> tuple[Climb, Folds]:
    climb, folds = set_up(tmp_path, "run")
    some = {photo.path: "a group" for photo in folds.parts[1][:2]}
    return climb, replace(folds, groups=some, duplicate_groups=1)


def bound(names: str) -> tuple[Recipe, ...]:
    """Recipes on two backbones, whose names they have then."""
    choice = resolve(["pocket"], None, Silent())
    rows = [find_backbone("pocket"), find_backbone("vgg16")]
    return on_backbones(choose_recipes(names), rows, dict.fromkeys(("pocket", "vgg16"), choice.weights["pocket"]))


def test_the_plan_comes_back(run: tuple[Climb, Folds], tmp_path: Path) -> None:
    climb, folds = run
    told, again = climb_of(json.loads(plan_of(climb, folds)), None, tmp_path / "elsewhere", Silent())
    assert told.photos.items == climb.photos.items
    assert told.photos.root == climb.photos.root
    assert (told.cache, told.run, told.options) == (climb.cache, tmp_path / "elsewhere", climb.options)
    assert again == folds
    for number in (1, 2, 3):
        assert again.round(number).fingerprint == folds.round(number).fingerprint
    before, now = looks(climb.photos.items), looks(told.photos.items)
    assert {name: values.tolist() for name, values in now.items()} == {
        name: values.tolist() for name, values in before.items()
    }
    assert [photo.look and photo.look.format for photo in told.photos.items] == ["PNG"] * 27


@pytest.mark.parametrize("recipe", bound("majority,linear"), ids=lambda recipe: recipe.name)
def test_recipes_come_back(recipe: Recipe) -> None:
    told = json.loads(json.dumps(told_of_recipe(recipe)))
    assert replace(recipe_of(told, None), asks="", against="") == replace(recipe, asks="", against="")


def test_a_parcel_holds_all_that_another_machine_needs(run: tuple[Climb, Folds], tmp_path: Path) -> None:
    climb, folds = run
    choice = resolve(["pocket"], None, Silent())
    climb = replace(climb, choice=choice)
    assert parcel_of(climb, folds) == parcel_of(climb, folds)
    assert not [name for name, _ in parts(parcel_of(climb, folds)) if name.startswith("cache")]
    (linear,) = on_backbones(choose_recipes("linear"), choice.backbones, choice.weights)
    source = source_for(climb.task(linear))
    pooled_features(source, climb.photos.root, climb.photos.items, cache=climb.cache, progress=Silent())
    place = tmp_path / "node"
    for name, content in parts(parcel_of(climb, folds)):
        path = place / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    told, _ = climb_of(read_json(place / PLAN), place, tmp_path / "run", Silent())
    assert told.photos.root.is_relative_to(place)
    for photo in climb.photos.items:
        assert (told.photos.root / photo.path).read_bytes() == (climb.photos.root / photo.path).read_bytes()
    there = recipe_of(told_of_recipe(linear), place)
    assert there.weights != linear.weights
    assert source_for(told.task(there)).key == source.key
    assert kept_features(source, told.photos.items, told.cache) is not None


def test_what_cannot_be_sent(run: tuple[Climb, Folds], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    climb, folds = run
    first, *others = climb.photos.items
    outside = replace(climb, photos=replace(climb.photos, items=(replace(first, path="../a.png"), *others)))
    with pytest.raises(OptionError, match=r"\.\./a\.png lies outside .* Next: --on local"):
        parcel_of(outside, folds)
    preset = Choice((find_backbone("pocket"),), {"pocket": tmp_path}, "")
    with pytest.raises(OptionError, match="pocket is a folder of files"):
        parcel_of(replace(climb, choice=preset), folds)
    monkeypatch.setattr(training_plan, "_MOST", 1000)
    with pytest.raises(OptionError, match="Accepted to be sent to a cluster"):
        parcel_of(climb, folds)
