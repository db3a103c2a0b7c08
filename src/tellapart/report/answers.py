"""What each recipe answered to the test photos, read from the tables of a run."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tellapart.report.run_folder import RunFolder

if TYPE_CHECKING:
    import numpy as np

    from tellapart.evaluation.class_scores import ClassChange, ClassFare


@dataclass(frozen=True)
class Answers:
    """The answers of one recipe, in the order of the paths.

    Attributes:
        paths: Of the test photos.
        labels: Their class numbers, (photos,).
        predicted: The class numbers that were said, (photos,).
        groups: The group of each photo, (photos,); copies share one.
    """

    paths: list[str]
    labels: "np.ndarray"
    predicted: "np.ndarray"
    groups: "np.ndarray"


def answers_of(run: RunFolder, name: str) -> Answers | None:
    """Read predictions.csv of a recipe; None where it is not there, or does not fit the classes of the run."""
    import numpy as np

    from tellapart.evaluation.intervals import group_numbers

    rows = sorted(run.table("recipes", name, "predictions.csv"), key=lambda row: row.get("path") or "")
    number = {label: at for at, label in enumerate(run.results["photos"]["classes"])}
    pairs = [(row.get("class") or "", row.get("predicted") or "") for row in rows]
    if not rows or any(word not in number for pair in pairs for word in pair):
        return None
    paths = [row.get("path") or "" for row in rows]
    groups = {row["path"]: row["group"] for row in run.table("split.csv") if row.get("path") and row.get("group")}
    said = np.array([[number[word] for word in pair] for pair in pairs])
    return Answers(paths, said[:, 0], said[:, 1], group_numbers(paths, groups))


def fares_of(run: RunFolder, name: str) -> "list[ClassFare]":
    """Score each class for a recipe, with intervals; empty where its answers are not there."""
    from tellapart.evaluation.class_scores import class_fares

    told = answers_of(run, name)
    return class_fares(told.labels, told.predicted, run.results["photos"]["classes"], told.groups) if told else []


@dataclass(frozen=True)
class StepsOfClasses:
    """The recall of each class with each recipe, and what each recipe changed.

    Attributes:
        recipes: Their names, in the order of the ladder.
        changes: One row a class, one column a recipe.
    """

    recipes: list[str]
    changes: "list[list[ClassChange]]"


def steps_of_classes(run: RunFolder) -> StepsOfClasses | None:
    """Compare the classes between the recipes, but for the floor; None with fewer than two of the same photos."""
    from tellapart.evaluation.class_scores import class_changes

    names = [recipe["name"] for recipe in run.recipes if recipe["name"] != "majority"]
    read = [(name, answers_of(run, name)) for name in names]
    told = [(name, answers) for name, answers in read if answers is not None]
    if len(told) < 2 or any(answers.paths != told[0][1].paths for _, answers in told):
        return None
    first, said = told[0][1], [answers.predicted for _, answers in told]
    changes = class_changes(first.labels, said, len(run.results["photos"]["classes"]), first.groups)
    return StepsOfClasses([name for name, _ in told], changes)


def learned_of(run: RunFolder) -> Sequence[tuple[str, list[dict[str, str]], int | None]]:
    """Name, history and best epoch of each recipe that was trained in epochs."""
    read = [(recipe, run.table("recipes", recipe["name"], "history.csv")) for recipe in run.recipes]
    return [
        (recipe["name"], history, recipe["best_epoch"])
        for recipe, history in read
        if history and recipe["name"] != "majority"
    ]
