"""What a run will write, and the memory that it takes, told beforehand where there is clearly less.

Coarse on purpose: measured on whole ladders (docs/LOG.md), and meant to tell 50 MB from 5 GB.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tellapart.climb import Climb
from tellapart.forecast import SEARCH
from tellapart.memory import available_bytes
from tellapart.models.forward import BATCH
from tellapart.models.recipes import SCRATCH_SIZE, Recipe
from tellapart.models.scratch import WITH_KERAS, memory_of
from tellapart.models.search_space import sides
from tellapart.schedule import FLOOR
from tellapart.storage import free_bytes, megabytes, nearest_folder

# Bytes in the run folder: figures, explanations and page; and of each recipe from scratch, networks and tables.
_PAGE: Final = 23e6
_SCRATCH: Final = 12e6
# Of a recipe on a backbone: its weights as Keras network (with the optimiser's numbers) and as model file.
_COPIES: Final = 3.0
# While a step trains, the state that a killed one goes on from: what is trained four times (as it is, at its best, and
# Adam's two moments). Of a backbone up to half is trained; a network from scratch takes about `_SCRATCH` again.
_STATE: Final = 2.0
# Bytes a photo and square pixel: last maps of a backbone, activations below its cut, of which are kept three views.
_MAPS: Final = 2.5
_BELOW: Final = 4.0
_VIEWS: Final = 3
# Memory: Python with what computes, without a training framework; activations of a backbone as multiples of a float32
# photo; weights, their gradients, their optimiser's numbers and copies for export.
_WITHOUT: Final = 350e6
_ACTIVATIONS: Final = 60
_WEIGHTS: Final = 6


@dataclass(frozen=True)
class Needs:
    """Bytes that a run takes.

    Attributes:
        run: In its folder, while its largest state of a training lies there.
        cache: In the cache, at most: less where something is kept from before.
        memory: At its peak.
    """

    run: float
    cache: float
    memory: float


def needs_of(climb: Climb, recipes: Sequence[Recipe]) -> Needs:
    """Estimate what a run takes.

    Args:
        climb: The run, before its first step.
        recipes: To be climbed.
    """
    learned, photos = len(climb.split.train), len(climb.photos.items)
    rounds = climb.rounds if climb.rounds > 1 else 1
    run, cache, memory, state = _PAGE, 0.0, _WITHOUT, 0.0
    sizes: set[int] = set()
    backbones: set[tuple[str, int]] = set()
    for recipe in recipes:
        memory = max(memory, _memory_of(recipe, climb))
        if recipe.backbone is None:
            size = _size(recipe, climb)
            sizes |= set(sides(size)) if recipe.name == SEARCH else {size}
            run += _SCRATCH * rounds
            state = max(state, _SCRATCH)
            continue
        size, weights = _size(recipe, climb), _weights(recipe.weights)
        run += _COPIES * weights * rounds
        if (recipe.backbone.name, size) not in backbones:
            backbones.add((recipe.backbone.name, size))
            cache += weights + photos * _MAPS * size**2
        if recipe.name.startswith("finetuned"):
            cache += (photos + (_VIEWS - 1) * learned) * _BELOW * size**2
            state = max(state, _STATE * weights)
    cache += sum(3 * size**2 * photos for size in sizes)
    return Needs(run + state, cache, memory)


def tell_needs(climb: Climb, recipes: Sequence[Recipe]) -> None:
    """Tell, before anything is trained, of a disk or a memory that is clearly too small.

    Nothing is refused: the estimate is coarse, a run that meets a full disk goes on with `--resume`, and one that
    cannot write its cache goes on without.
    """
    needs = needs_of(climb, recipes)
    for line in filter(None, [_about_disks(climb, needs), _about_memory(needs)]):
        climb.progress.note(line)


def _about_disks(climb: Climb, needs: Needs) -> str:
    run, cache = nearest_folder(climb.run), nearest_folder(climb.cache)
    together = _device(run) == _device(cache)
    told = []
    for what, folder, needed in (
        ("", run, needs.run + (needs.cache if together else 0.0)),
        ("the cache of ", cache, 0.0 if together else needs.cache),
    ):
        free = free_bytes(folder)
        if free is not None and free < needed:
            told.append(f"{what}this run takes about {megabytes(needed)}, and {megabytes(free)} are free in {folder}")
    if not told:
        return ""
    sentence = "; ".join(told)
    return (
        f"Room: {sentence}. Next: free some space, or another disk with --out or TELLAPART_CACHE; a run that meets a "
        "full disk goes on with --resume"
    )


def _about_memory(needs: Needs) -> str:
    available = available_bytes()
    if available is None or available >= needs.memory:
        return ""
    return (
        f"Memory: this run takes about {megabytes(needs.memory)} at its peak, and {megabytes(available)} are "
        "available: it may become slow, or be ended by the system. Next: end other programs, or a smaller "
        "--image-size or --backbone, or fewer --recipes"
    )


def _memory_of(recipe: Recipe, climb: Climb) -> float:
    photo = 3 * 4 * _size(recipe, climb) ** 2
    base = WITH_KERAS if recipe.needs_keras else _WITHOUT
    if recipe.backbone is None:
        return base if recipe.name == FLOOR else memory_of(_size(recipe, climb))
    return base + BATCH * _ACTIVATIONS * photo + _WEIGHTS * _weights(recipe.weights)


def _size(recipe: Recipe, climb: Climb) -> int:
    return climb.options.image_size or (recipe.backbone.image_size if recipe.backbone else SCRATCH_SIZE)


def _weights(path: Path | None) -> float:
    """Bytes of a file of weights, or of all files of a preset."""
    if path is None:
        return 0.0
    files = [file for file in path.rglob("*") if file.is_file()] if path.is_dir() else [path]
    return float(sum(file.stat().st_size for file in files))


def _device(folder: Path) -> int | None:
    try:
        return os.stat(folder).st_dev
    except OSError:
        return None
