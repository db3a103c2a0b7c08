"""What a run will take, told before it starts, and each step within its share of a budget."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from tellapart.cache import kept_where_possible
from tellapart.climb import Climb, climb_step
from tellapart.models.recipes import Recipe
from tellapart.models.time_limit import OVER, training_until
from tellapart.schedule import FLOOR, Part, Schedule
from tellapart.times import Cost, cost_of, expected, key_of, probe, read_times, remember

SEARCH: Final = "tuned"
_TRIAL: Final = 10  # epochs of a search that is worth its start
# Seconds, where `times.REFERENCE` was measured, of what comes after training.
AFTER: Final[dict[str, float]] = {"more": 5.5, "map": 9.5, "heatmaps": 19.0, "inside": 20.0, "report": 19.0}


def plan(climb: Climb, recipes: Sequence[Recipe], budget: float | None, start: float) -> Schedule:
    """Forecast the steps of a run.

    Args:
        climb: The run, before its first step.
        recipes: To be climbed.
        budget: Seconds for the whole run; None for no limit.
        start: When it began, in `time.perf_counter()`.

    Raises:
        OptionError: No step fits into the budget.
    """
    kept = read_times(climb.cache)
    known = all(key_of(recipe.name, *_backbone(recipe, climb)) in kept for recipe in recipes)
    speed = 1.0 if known else probe()
    parts = _with_shared_features([_part(recipe, climb, kept, speed) for recipe in recipes], recipes)
    after = sum(after_training(climb.cache, speed).values())
    schedule = Schedule(parts, after, budget, start)
    schedule.check()
    return schedule


def timed(work: Callable[[], object]) -> float:
    """Do something, and give the seconds that it took."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def after_training(cache: Path, speed: float = 1.0) -> dict[str, float]:
    """Seconds that each part of what comes after training is expected to take.

    Args:
        cache: Holds the record of this machine.
        speed: Of this machine's products of matrices, in multiples of the one where `AFTER` was measured. Half of this
            work is Python's, whose pace differs less between machines, and none of it uses more than two cores: a
            machine of half the speed took 1.2 to 1.4 times as long (docs/LOG.md).
    """
    kept = read_times(cache)
    return {name: kept[name].rest if name in kept else seconds / speed**0.5 for name, seconds in AFTER.items()}


def _backbone(recipe: Recipe, climb: Climb) -> tuple[str | None, int | None]:
    return (recipe.backbone.name if recipe.backbone else None), climb.options.image_size


def _part(recipe: Recipe, climb: Climb, kept: Mapping[str, Cost], speed: float) -> Part:
    key = key_of(recipe.name, *_backbone(recipe, climb))
    cost = expected(recipe.name, *_backbone(recipe, climb), kept, speed)
    learned, photos = len(climb.split.train), len(climb.photos.items)
    epochs = min(cost.epochs, climb.options.epochs or math.inf)
    features, tail = photos * cost.features, photos * cost.rest
    train, least = learned * epochs * cost.epoch, learned * cost.epoch
    if recipe.name == SEARCH:
        train, least = climb.options.search_time, _TRIAL * least
    first = recipe.transfer or recipe.name == FLOOR
    least = features + min(least, train) + tail
    return Part(recipe.name, features + train + tail, least, tail, features, key in kept, first)


def _with_shared_features(parts: Sequence[Part], recipes: Sequence[Recipe]) -> tuple[Part, ...]:
    """A later recipe on a backbone finds the features done that the first one needs."""
    done: dict[str, float] = {}
    shared = []
    for part, recipe in zip(parts, recipes, strict=True):
        name = recipe.backbone.name if recipe.backbone else ""
        found = min(done.get(name, 0.0), part.features)
        less = {what: getattr(part, what) - found for what in ("seconds", "least", "features")}
        shared.append(replace(part, **less))
        done.setdefault(name, part.features)
    return tuple(shared)


def in_turn(recipes: Sequence[Recipe], schedule: Schedule | None) -> list[Recipe]:
    """Recipes in the order in which they are climbed, which is not the ladder's where a budget is short."""
    turns = schedule.turns if schedule else ()
    return sorted(recipes, key=lambda recipe: turns.index(recipe.name) if turns else 0)


def climb_in_time(recipe: Recipe, climb: Climb) -> dict[str, Any] | None:
    """Climb a step within its share of the time.

    Returns:
        Its entry in results.json; None where the step does not fit into what is left, which a note tells.
    """
    schedule = climb.schedule
    if schedule is None or schedule.budget is None or (climb.run / "recipes" / recipe.name / "recipe.json").is_file():
        return climb_step(recipe, climb)
    seconds = schedule.before(recipe.name)
    if seconds is None:
        climb.progress.note(schedule.left_out[recipe.name])
        return None
    part = schedule.part(recipe.name)
    training = max(seconds - part.tail, 0.0)
    searching = max(min(climb.options.search_time, training), 1.0)
    options = replace(climb.options, search_time=searching)
    start = time.perf_counter()
    with training_until(start + training):
        entry = climb_step(recipe, replace(climb, options=options))
    schedule.done(time.perf_counter() - start, seconds)
    if entry["stopped"] == OVER or (recipe.name == SEARCH and searching < climb.options.search_time):
        schedule.cut.append(recipe.name)
    return entry


def keep_times(climb: Climb, recipes: Sequence[Recipe], results: Mapping[str, Any], after: Mapping[str, float]) -> None:
    """Add what a run took to the machine's record.

    Args:
        climb: The run.
        recipes: Those that were asked for.
        results: Its entries.
        after: Seconds of each part of what came after training.
    """
    learned, photos = len(climb.split.train), len(climb.photos.items)
    cut = climb.schedule.cut if climb.schedule else []
    entries = {entry["name"]: entry for entry in results["recipes"]}
    found = {
        key_of(recipe.name, *_backbone(recipe, climb)): cost_of(entries[recipe.name], learned, photos)
        for recipe in recipes
        # How many epochs a step comes to is not told by one that was cut.
        if recipe.name in entries and recipe.name not in cut
    }
    found |= {name: Cost(0.0, 0.0, 0.0, seconds, 1) for name, seconds in after.items() if name in AFTER}
    with kept_where_possible(climb.progress):
        remember(climb.cache, found)
