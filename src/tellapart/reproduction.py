"""A run made again from its results.json, and what differs."""

import inspect
import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from tellapart.answer_tables import class_columns
from tellapart.differences import (
    Pair,
    differences,
    entries_of,
    environment_of,
    moved_between,
    photos_between,
    weights_of,
)
from tellapart.errors import PhotosError, RunFolderError
from tellapart.files import read_csv, write_json
from tellapart.photos.corrections import FILE as CORRECTIONS
from tellapart.pipeline import fit
from tellapart.progress import Progress
from tellapart.run import Run, check_free
from tellapart.run_rows import source_of
from tellapart.scale.tasks import LOCAL

REPORT: Final = "reproduction.json"
SAME: Final = "the same, to the byte"
NEAR: Final = "the same within the tolerance"
DIFFERS: Final = "it differs"
# The sums of another processor or version differ in the last digits; training makes more of that, or nothing at all.
TOLERANCE: Final = 1e-4
# The number of trials is what ends the search; a week is no limit to it.
_AMPLE: Final = 7 * 24 * 3600.0


@dataclass(frozen=True)
class RecipeAgain:
    """A recipe of both runs.

    Attributes:
        name: Its name.
        accuracy: On the test photos.
        log_loss: Likewise.
        largest_difference: Of any probability in predictions.csv; None where not the same photos were asked.
        same_predictions: Whether predictions.csv is the same to the byte.
        same_model: Whether model.onnx is the same to the byte.
    """

    name: str
    accuracy: Pair
    log_loss: Pair
    largest_difference: float | None
    same_predictions: bool
    same_model: bool

    @property
    def near(self) -> bool:
        """Whether all probabilities are the same within the tolerance."""
        return self.largest_difference is not None and self.largest_difference <= TOLERANCE


@dataclass(frozen=True)
class Reproduction:
    """What came out of making a run again.

    Attributes:
        run: The folder of the first run.
        again: The folder of the second.
        verdict: `SAME`, `NEAR` or `DIFFERS`.
        photos: Paths that are `new`, `gone` or `changed`, in content or class.
        moved: Paths that are in another part of the split.
        recipes: Those of both runs.
        missing: Recipes of the first run that the second has not.
        chosen: The names of the chosen recipes.
        weights: SHA-256 of the weights of each backbone, where they differ.
        environment: Versions and machine, where they differ.
        reasons: What probably made the difference, the likeliest first; what may make one where nothing differs.
        tolerance: Largest difference of a probability that still counts as the same.
    """

    run: str
    again: str
    verdict: str
    photos: dict[str, list[str]]
    moved: list[str]
    recipes: list[RecipeAgain]
    missing: list[str]
    chosen: Pair
    weights: dict[str, Pair] = field(default_factory=dict)
    environment: dict[str, Pair] = field(default_factory=dict)
    reasons: list[str] = field(default_factory=list)
    tolerance: float = TOLERANCE

    def as_json(self) -> dict[str, Any]:
        """What reproduction.json holds."""
        return {"format": 1, **asdict(self)}


def reproduce(
    run: Path,
    *,
    photos: Path | None = None,
    out: Path | None = None,
    resume: bool = False,
    progress: Progress | None = None,
) -> Reproduction:
    """Make a run again from its results.json, compare the two, and write reproduction.json.

    Args:
        run: The folder of a finished run; nothing in it is changed.
        photos: Where its photos are now; None for where they were.
        out: A new folder for the second run; None for the same name with `-again` behind it.
        resume: Go on with a second run that was interrupted.
        progress: Where to tell how far it is; silent without.

    Raises:
        RunFolderError: `run` is no finished run, or of a version that did not write its settings down.
        PhotosError: Its photos are gone.
        UserError: As `fit` raises.
    """
    first = Run(run)
    folder = out or run.absolute().with_name(f"{run.absolute().name}-again")
    arguments = arguments_of(first)
    source = photos or _source(first)
    if not resume:
        check_free(folder)
    second = fit(source, folder, **arguments, resume=resume, progress=progress)
    found = compare(first, second)
    write_json(folder / REPORT, found.as_json())
    return found


def arguments_of(run: Run) -> dict[str, Any]:
    """What `fit` is to be given for the same run again, without photos and folder.

    Raises:
        RunFolderError: The run is of a version that did not write its settings down.
    """
    settings = run.results.get("settings")
    if not settings:
        version = run.results.get("environment", {}).get("packages", {}).get("tellapart", "an earlier version")
        raise RunFolderError(
            f"{run.folder} was made by a version of Tellapart ({version}) that did not write its settings down, so it "
            "cannot be made again from results.json. Next: tellapart fit PHOTOS --out DIR, with the flags that it had"
        )
    known = set(inspect.signature(fit).parameters) - {
        "photos",
        "out",
        "resume",
        "progress",
        "track",  # no tracker shapes a run
        "workers",  # nor does their number
        "budget",  # what it cut is not cut at the same epoch twice
    }
    arguments = {name: value for name, value in settings.items() if name in known}
    # Before there was a limit for the whole run, `budget` was the time of the search.
    if "search_time" not in settings and settings.get("budget") is not None:
        arguments["search_time"] = settings["budget"]
    left_out = set(run.results.get("forecast", {}).get("left_out", []))
    if left_out:
        arguments["recipes"] = ",".join(name for name in settings["recipes"].split(",") if name not in left_out)
    made = _searches(run, "trials")
    if arguments.get("on"):  # the files are the same on every engine, and a cluster may be gone
        arguments["on"] = LOCAL if arguments.get("folds") or made else None
    if made:
        arguments |= {"trials": max(made), "search_time": _AMPLE}
    if run.results["photos"].get("corrections"):
        arguments["corrections"] = run.folder / CORRECTIONS
    if arguments.get("weights") and not Path(arguments["weights"]).is_file():
        arguments["weights"] = None  # the store may hold the same file; the comparison tells whether it does
    return arguments


def _searches(run: Run, what: str) -> list[int]:
    """A figure of the search of `tuned`, or of each of its rounds; empty where there was none."""
    tuned = entries_of(run).get("tuned")
    if not tuned:
        return []
    return [told.get(what, 0) for told in tuned.get("rounds") or [tuned["hyperparameters"]]]


def _side_by_side(run: Run) -> bool:
    """Whether the trials of one search ran side by side."""
    settings = run.results.get("settings", {})
    return bool(settings.get("on") and not settings.get("folds") and _searches(run, "trials"))


def _source(run: Run) -> Path:
    source = source_of(run)
    if source is not None:
        return source
    settings = run.results["settings"]
    raise PhotosError(
        f"The photos of {run.folder} are no longer at {settings['photos_absolute']}. "
        f"Next: tellapart reproduce {run.folder} --photos FOLDER"
    )


def compare(first: Run, second: Run) -> Reproduction:
    """Hold two runs against each other."""
    before, now = entries_of(first), entries_of(second)
    recipes = [_recipe(first, second, name) for name in before if name in now]
    missing = [name for name in before if name not in now]
    photos, moved = photos_between(first, second), moved_between(first, second)
    chosen = Pair(first.best, second.best)
    weights = differences(weights_of(first), weights_of(second))
    environment = differences(environment_of(first), environment_of(second))
    found = Reproduction(
        str(first.folder),
        str(second.folder),
        _verdict(recipes, same=not any(photos.values()) and not moved and not missing and chosen.same),
        photos,
        moved,
        recipes,
        missing,
        chosen,
        weights,
        environment,
    )
    return replace(found, reasons=_reasons(found, first))


def _verdict(recipes: list[RecipeAgain], *, same: bool) -> str:
    if same and all(recipe.same_model and recipe.same_predictions for recipe in recipes):
        return SAME
    return NEAR if same and all(recipe.near for recipe in recipes) else DIFFERS


def _reasons(found: Reproduction, first: Run) -> list[str]:
    reasons = []
    if found.verdict != SAME:
        changed = [f"{len(paths)} {what}" for what, paths in found.photos.items() if paths]
        told = {
            f"the photos are not the same ({', '.join(changed)})": bool(changed),
            "photos are in other parts of the split": bool(found.moved) and not changed,
            f"the weights of {', '.join(found.weights)} are another file": bool(found.weights),
            f"the environment is not the same ({', '.join(found.environment)})": bool(found.environment),
        }
        reasons = [reason for reason, holds in told.items() if holds]
        if not found.chosen.same and all(recipe.near for recipe in found.recipes):
            reasons.append("the choice between recipes that are level goes by their seconds")
    if _side_by_side(first):
        reasons.append(
            "the trials of `tuned` ran side by side, and what each was held against depends on which had ended by "
            "then: tuned may differ"
        )
    if len(set(_searches(first, "trials"))) > 1:
        reasons.append(
            "the time budget ended the search of `tuned` after other numbers of trials in each round: tuned may differ"
        )
    if first.results.get("forecast", {}).get("cut"):
        reasons.append("the budget ended training by the clock, which no second run does at the same epoch")
    if any(_searches(first, "trials_cut_off")):
        reasons.append(
            "the time budget cut a trial of `tuned` off in the middle of its training, and no second run ends it at "
            "the same epoch: tuned may differ"
        )
    if found.verdict != SAME and not reasons:
        reasons.append("photos, weights and versions are the same: the arithmetic of this machine is not")
    return reasons


def _recipe(first: Run, second: Run, name: str) -> RecipeAgain:
    folders = [run.folder / "recipes" / name for run in (first, second)]
    tests = [entries_of(run)[name]["test"] for run in (first, second)]
    predictions = [folder / "predictions.csv" for folder in folders]
    return RecipeAgain(
        name,
        Pair(*(test["accuracy"] for test in tests)),
        Pair(*(test["log_loss"] for test in tests)),
        _largest_difference(*(_probabilities(path, first.results["photos"]["classes"]) for path in predictions)),
        _same_bytes(predictions),
        all(_same_bytes(files) for files in zip(*(_models(run, name) for run in (first, second)), strict=True)),
    )


def _probabilities(path: Path, classes: list[str]) -> dict[str, list[float]]:
    """By photo, its probabilities; a class that is gone has none."""
    columns = class_columns(classes)
    return {row["path"]: [float(row.get(name) or math.nan) for name in columns] for row in read_csv(path)}


def _largest_difference(before: Mapping[str, list[float]], now: Mapping[str, list[float]]) -> float | None:
    if before.keys() != now.keys():
        return None
    largest = max(abs(a - b) for path, row in before.items() for a, b in zip(row, now[path], strict=True))
    return None if math.isnan(largest) else largest


def _models(run: Run, name: str) -> list[Path]:
    """The model file of a recipe, or those of its rounds."""
    n_folds = run.results["split"].get("folds", 0)
    places = [Path("folds", str(number)) for number in range(1, n_folds + 1)] or [Path()]
    return [run.folder / place / "recipes" / name / "model.onnx" for place in places]


def _same_bytes(files: Iterable[Path]) -> bool:
    one, other = (file.read_bytes() for file in files)
    return one == other
