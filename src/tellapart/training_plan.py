"""All that the trainings of a run with folds need, as JSON and files, so that any process can make one of them."""

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from tellapart.climb import Climb
from tellapart.errors import OptionError
from tellapart.models.backbones import Backbone, find_backbone
from tellapart.models.features import source_of
from tellapart.models.kept_features import held_means
from tellapart.models.kept_seconds import FILE as SECONDS
from tellapart.models.recipes import RECIPES, Recipe
from tellapart.models.task import Options
from tellapart.photos.folds import Folds
from tellapart.photos.look import Look
from tellapart.photos.scan import Photo, Photos
from tellapart.progress import Progress
from tellapart.scale.parcel import pack, stays_inside
from tellapart.storage import megabytes

PLAN: Final = "plan.json"
_PHOTOS, _WEIGHTS, _CACHE = "photos", "weights", "cache"
_MOST: Final = 4_000_000_000  # bytes that are sent: they pass through memory, here and on each node
_NO_THUMBNAIL: Final = np.empty((0, 0), np.uint8)  # the audit alone looks at it, and is over by then
_LOOK: Final = tuple(field.name for field in fields(Look) if field.name != "thumbnail")
_OPTIONS: Final = ("seed", "image_size", "epochs", "search_time", "trials", "fast")


def plan_of(climb: Climb, folds: Folds) -> bytes:
    """What all trainings share, for processes that see the same disk.

    Args:
        climb: Of the whole run.
        folds: They take turns.
    """
    return json.dumps(_told(climb, folds)).encode()


def parcel_of(climb: Climb, folds: Folds) -> bytes:
    """What all trainings share, with photos, weights and kept features, for machines that see none of them.

    Args:
        climb: Of the whole run.
        folds: They take turns.

    Raises:
        OptionError: It is too much, or photos lie outside their folder.
    """
    files = [*_photos(climb.photos), *_weights(climb), *_features(climb)]
    check_size("Photos, weights and features", sum(path.stat().st_size for _, path in files))
    return pack([(PLAN, json.dumps(_told(climb, folds)).encode()), *files])


def climb_of(told: Mapping[str, Any], place: Path | None, run: Path, progress: Progress) -> tuple[Climb, Folds]:
    """The inverse of `plan_of` and `parcel_of`.

    Args:
        told: The plan.
        place: Where the parcel was unpacked; None where photos and cache are those of the process that asked.
        run: The folder that takes what a training leaves.
        progress: Where it tells how far it is.
    """
    items = tuple(photo_of(row) for row in told["photos"])
    folds = Folds(
        tuple(tuple(items[number] for number in part) for part in told["folds"]),
        told["groups"],
        told["duplicate_groups"],
    )
    root, cache = (place / _PHOTOS, place / _CACHE) if place else (Path(told["root"]), Path(told["cache"]))
    photos, options = Photos(root, items, (), ()), Options(**told["options"])
    return Climb(photos, folds.whole(), options, run, cache, progress), folds


def check_size(what: str, size: int) -> None:
    """Refuse to send too much.

    Raises:
        OptionError: So many bytes are.
    """
    if size > _MOST:
        raise OptionError(
            f"{what} take {megabytes(size)}. Accepted to be sent to a cluster: {megabytes(_MOST)}. "
            "Next: --on local or --on ray, on its largest machine"
        )


def told_of_recipe(recipe: Recipe) -> dict[str, Any]:
    """A recipe as JSON holds it; `recipe_of` is the inverse."""
    row = next(name for name, known in RECIPES.items() if known.train is recipe.train)
    return {
        "row": row,
        "name": recipe.name,
        "title": recipe.title,
        "backbone": recipe.backbone.name if recipe.backbone else None,
        "weights": str(recipe.weights) if recipe.weights else None,
    }


def recipe_of(told: Mapping[str, Any], place: Path | None) -> Recipe:
    """The recipe of what `told_of_recipe` gave, its weights in the unpacked parcel, where there is one."""
    recipe = replace(RECIPES[told["row"]], name=told["name"], title=told["title"])
    if told["backbone"] is None:
        return recipe
    weights = Path(told["weights"])
    if place:
        weights = place / _WEIGHTS / told["backbone"] / weights.name
    return replace(recipe, backbone=find_backbone(told["backbone"]), weights=weights)


def _told(climb: Climb, folds: Folds) -> dict[str, Any]:
    items = climb.photos.items
    places = {photo.path: number for number, photo in enumerate(items)}
    return {
        "root": str(climb.photos.root.resolve()),
        "cache": str(climb.cache.resolve()),
        "backend": os.environ.get("KERAS_BACKEND", ""),
        "options": told_of_options(climb.options),
        "photos": [told_of_photo(photo) for photo in items],
        "folds": [[places[photo.path] for photo in part] for part in folds.parts],
        "groups": folds.groups,
        "duplicate_groups": folds.duplicate_groups,
    }


def told_of_options(options: Options) -> dict[str, Any]:
    """The settings that shape a training, as JSON holds them; `Options` takes them again."""
    return {name: getattr(options, name) for name in _OPTIONS}


def told_of_photo(photo: Photo) -> dict[str, Any]:
    """A photo as JSON holds it; `photo_of` is the inverse."""
    told = asdict(replace(photo, look=None))
    if photo.look is not None:
        told["look"] = {name: getattr(photo.look, name) for name in _LOOK}
    return told


def photo_of(told: Mapping[str, Any]) -> Photo:
    """The photo of what `told_of_photo` gave, without its thumbnail."""
    look = told["look"]
    return Photo(**{**told, "look": None if look is None else Look(**look, thumbnail=_NO_THUMBNAIL)})


def _photos(photos: Photos) -> Iterator[tuple[str, Path]]:
    for photo in photos.items:
        if not stays_inside(photo.path):
            raise OptionError(
                f"{photo.path} lies outside {photos.root}. Accepted to be sent to a cluster: photos below the folder "
                "of their table. Next: --on local or --on ray"
            )
        yield f"{_PHOTOS}/{photo.path}", photos.root / photo.path


def _backbones(climb: Climb) -> list[tuple[Backbone, Path]]:
    choice = climb.choice
    return [(row, choice.weights[row.name]) for row in choice.backbones] if choice else []


def _weights(climb: Climb) -> Iterator[tuple[str, Path]]:
    for row, path in _backbones(climb):
        if not path.is_file():
            raise OptionError(
                f"{row.name} is a folder of files. Accepted to be sent to a cluster: backbones of one file. "
                "Next: --on local or --on ray"
            )
        yield f"{_WEIGHTS}/{row.name}/{path.name}", path


def _features(climb: Climb) -> Iterator[tuple[str, Path]]:
    """The files that hold the mean features of the run's photos, as the cache of a node is to hold them."""
    for row, weights in _backbones(climb):
        source = source_of(row, climb.options.image_size or row.image_size, weights)
        folder = climb.cache / "features" / source.key
        held = held_means(folder)
        found = {held[photo.content] for photo in climb.photos.items if photo.content in held}
        for path in (*sorted(found), folder / SECONDS):
            if path.is_file():
                yield f"{_CACHE}/{path.relative_to(climb.cache).as_posix()}", path
