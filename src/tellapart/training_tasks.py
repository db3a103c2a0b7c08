"""The trainings of a run with folds as independent tasks: each recipe in each round, side by side, by any engine.

A task trains in a folder of its own and returns what it left there; the process that asked writes it into the run.
What is done stands there as it does without an engine, so that a run goes on either way.
"""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from tellapart.climb import DONE, Climb, climb_step, forget_epochs, forget_networks, is_done, train_recipe, write_model
from tellapart.errors import StorageError, TrainingError
from tellapart.files import cache_folder, make_folder, read_json, write_bytes
from tellapart.models.features import pooled_features, source_for
from tellapart.models.recipes import Recipe, finetuned
from tellapart.models.transfer import share_views
from tellapart.photos.folds import Folds
from tellapart.printing import quiet
from tellapart.progress import Progress, Silent
from tellapart.scale.parcel import pack, parts, unpacked
from tellapart.scale.tasks import Engine, Made, Shared, Task, check_workers, open_engine
from tellapart.temporaries import temporary_folder
from tellapart.training_plan import PLAN, climb_of, parcel_of, plan_of, recipe_of, told_of_recipe

MODEL: Final = "model.onnx"
_SCORES: Final = ("valid", "test")
_NOTES: Final = "notes.json"
_FAILURES: Final = 3  # trainings; where so many fail, the others will
# What Keras' backends and BLAS read of the cores that they may use, when they are loaded.
_ONE_CORE: Final = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")


def sharing(climb: Climb, folds: Folds, number: int | None = None) -> Climb:
    """What the steps of one round share, or without a number the last training; they divide the search's time."""
    return replace(
        climb,
        split=folds.round(number) if number else folds.whole(),
        run=climb.run / "folds" / (str(number) if number else "final"),
        options=replace(climb.options, search_time=climb.options.search_time / (len(folds) + 1)),
        rounds=len(folds),
    )


@dataclass(frozen=True)
class Wanted:
    """A training that a run needs.

    Attributes:
        recipe: What is trained.
        number: In which round; None for the model that is handed over.
        scores: What it has of the recipe's entry in results.json, `valid` and `test`, which goes into its file.
    """

    recipe: Recipe
    number: int | None
    scores: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """For people, and unlike all others of the run."""
        return f"{self.recipe.name} in round {self.number}" if self.number else f"{self.recipe.name}, handed over"

    @property
    def last_file(self) -> str:
        """What it writes last."""
        return DONE if self.number else MODEL

    def folder(self, climb: Climb, folds: Folds) -> Path:
        """Where in the run it keeps its files."""
        return sharing(climb, folds, self.number).folder(self.recipe)

    def is_done(self, climb: Climb, folds: Folds) -> bool:
        """Whether its files are there."""
        folder = self.folder(climb, folds)
        return is_done(folder) if self.number else (folder / MODEL).is_file()


def train_last(wanted: Wanted, last: Climb) -> None:
    """Train the model that is handed over.

    Args:
        wanted: The chosen recipe, with its scores.
        last: As `sharing` gives it without a number.
    """
    folder = last.folder(wanted.recipe)
    write_model(folder, train_recipe(wanted.recipe, last), last, wanted.scores)
    forget_networks()
    forget_epochs(folder)


@dataclass(frozen=True)
class Trainings:
    """Makes trainings side by side.

    Attributes:
        engine: Runs them.
        sends: Whether photos, weights and features go to the workers; else they see the disk of this process.
    """

    engine: Engine
    sends: bool = False

    def make_rounds(self, recipes: Sequence[Recipe], climb: Climb, folds: Folds) -> None:
        """Train and test each recipe in each round, but those that are done; the dearest, which come last, first.

        Raises:
            TrainingError: Some failed; the others are kept.
        """
        numbers = range(1, len(folds) + 1)
        self.make([Wanted(recipe, number) for recipe in reversed(recipes) for number in numbers], climb, folds)

    def make(self, wanted: Sequence[Wanted], climb: Climb, folds: Folds) -> None:
        """Make the trainings that are not done.

        Args:
            wanted: Which.
            climb: Of the whole run.
            folds: They take turns.

        Raises:
            TrainingError: Some failed; the others are kept.
        """
        missing = [one for one in wanted if not one.is_done(climb, folds)]
        if not missing:
            return
        recipes = list({one.recipe.name: one.recipe for one in missing}.values())
        self._share_beforehand(recipes, sharing(climb, folds, 1))
        shared = parcel_of(climb, folds) if self.sends else plan_of(climb, folds)
        parcel = hashlib.sha256(shared).hexdigest() if self.sends else None
        named = {one.name: one for one in missing}
        failed: list[str] = []

        def tasks() -> Iterator[Task]:
            for one in missing:
                if len(failed) < _FAILURES:
                    scores = {part: one.scores[part] for part in _SCORES if part in one.scores}
                    told = {"recipe": told_of_recipe(one.recipe), "round": one.number, "scores": scores}
                    yield Task(one.name, {**told, "parcel": parcel}, one.recipe.needs_keras)

        with quiet(), climb.progress.bar("Trainings", len(missing)) as bar:
            for task, outcome in self.engine.run(train_task, tasks(), shared):
                if outcome.made is None:
                    failed.append(f"{task.name}: {outcome.error}")
                    continue
                _write(outcome.made.content, named[task.name], climb, folds)
                bar.advance()
        if failed:
            raise TrainingError(
                f"Not trained: {'; '.join(failed)}. What else was trained is kept. Next: the same command with --resume"
            )

    def _share_beforehand(self, recipes: Sequence[Recipe], climb: Climb) -> None:
        """Compute once, on all cores, what each training would compute again: features, and what fine-tuning keeps.

        The latter is too much to be sent.
        """
        tasks = [(recipe, climb.task(recipe)) for recipe in recipes if recipe.backbone]
        for source in {source.key: source for source in (source_for(task) for _, task in tasks)}.values():
            photos = climb.photos
            pooled_features(source, photos.root, photos.items, cache=climb.cache, progress=climb.progress)
        for recipe, task in tasks:
            if recipe.train is finetuned and not self.sends:
                share_views(task)
                forget_networks()


def trainings_on(on: str | None, workers: int | None, folds: int | None) -> Trainings | None:
    """What makes the trainings of a run.

    Args:
        on: `local`, `ray` or `ray://HOST:PORT`; None for one after the other in this process.
        workers: Processes at once; None for one a core.
        folds: How many the run has, if any; without, `trial_tasks` shares out the trials of a search instead.

    Returns:
        None for one after the other in this process.

    Raises:
        OptionError: No such engine, or a number of workers for none.
        MissingExtraError: Ray is asked for and not installed.
    """
    check_workers(on, workers)
    if on is None or folds is None:
        return None
    return Trainings(open_engine(on, workers=workers), sends="://" in on)


def train_task(task: Task, shared: Shared) -> Made:
    """Make one training.

    Args:
        task: Inputs `recipe`, as `told_of_recipe` gives it; `round`, its number, or None for the model that is handed
            over; `scores`, for that one; `parcel`, the SHA-256 of what is shared where that is a parcel.
        shared: What `plan_of` or `parcel_of` gave.

    Returns:
        The files that it left.
    """
    asked, heard = task.inputs, _Heard()
    plan, place = plan_for(asked["parcel"], shared)
    climb, folds = climb_of(plan, place, Path(), heard)
    with workshop(climb.cache) as folder:
        wanted = Wanted(recipe_of(asked["recipe"], place), asked["round"], asked["scores"])
        own = sharing(replace(climb, run=folder), folds, wanted.number)
        if wanted.number:
            climb_step(wanted.recipe, own)
        else:
            train_last(wanted, own)
        return Made(_packed(own.folder(wanted.recipe), wanted.last_file, heard.notes))


def plan_for(parcel: str | None, shared: Shared) -> tuple[dict[str, Any], Path | None]:
    """Make this process ready for a task: one core, the backend of the process that asked, and what all tasks share.

    Args:
        parcel: The SHA-256 of what is shared, where that is a parcel.
        shared: Gives it.

    Returns:
        The plan, and where the parcel lies unpacked, if there is one.
    """
    keep_to_one_core()
    place = unpacked(parcel, shared, cache_folder() / "parcels") if parcel else None
    plan = read_json(place / PLAN) if place else json.loads(shared())
    if plan["backend"]:
        os.environ["KERAS_BACKEND"] = plan["backend"]
    return plan, place


class _Heard(Silent):
    """Keeps what is told, for the process that asked."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


def keep_to_one_core() -> None:
    """Let libraries compute on one core, as the other cores have tasks of their own; sums are then always the same."""
    from threadpoolctl import threadpool_limits  # scikit-learn's own

    for name in _ONE_CORE:
        os.environ[name] = "1"
    threadpool_limits(1)  # of those that are loaded already


@contextmanager
def workshop(cache: Path) -> Iterator[Path]:
    """Give a folder for a training; in the cache, where the next start removes what was killed, if that is possible."""
    try:
        place = make_folder(cache / "trainings")
    except StorageError:
        with TemporaryDirectory() as folder:
            yield Path(folder)
        return
    with temporary_folder(place / "training") as folder:
        yield folder


def _packed(folder: Path, last: str, notes: Sequence[str]) -> bytes:
    paths = sorted((path.name == last, path) for path in folder.rglob("*") if path.is_file())
    files = [(path.relative_to(folder).as_posix(), path) for _, path in paths]
    return pack([(_NOTES, json.dumps(notes).encode()), *files])


def _write(content: bytes, wanted: Wanted, climb: Climb, folds: Folds) -> None:
    """Write what a training left into the run; the file that tells that it is done comes last."""
    folder = wanted.folder(climb, folds)
    for name, part in parts(content):
        if name == _NOTES:
            _tell(json.loads(part), wanted, climb.progress)
        else:
            write_bytes(folder / name, part)


def _tell(notes: Sequence[str], wanted: Wanted, progress: Progress) -> None:
    for note in notes:
        progress.note(f"Round {wanted.number}: {note}" if wanted.number else note)
