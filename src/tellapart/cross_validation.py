"""Every recipe in every fold: trained in each round anew, its answers pooled over all photos.

A round is a small run of its own under `folds/`, so that a run that was stopped goes
on at the round where it was. The model that is handed over is one more training, of
the chosen recipe, on all folds but the one that validates it.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from tellapart.answer_tables import TEST, VALID, AnswerTable, joined, read_answers, write_answers
from tellapart.climb import Climb, climb_step, forget_epochs, write_confusion
from tellapart.evaluation.calibration import calibration_in_rounds
from tellapart.evaluation.comparison import percent
from tellapart.evaluation.conformal import conformal
from tellapart.evaluation.intervals import group_numbers
from tellapart.evaluation.metrics import TestScore, score, test_score
from tellapart.evaluation.selection import UNTOUCHED, choose
from tellapart.evaluation.selective import rejection
from tellapart.evaluation.strangers import false_alarms_in_rounds
from tellapart.files import write_bytes
from tellapart.models.recipes import Recipe
from tellapart.photos.folds import Folds
from tellapart.progress import Silent
from tellapart.results import marks_of, put_together
from tellapart.training_tasks import MODEL, Trainings, Wanted, sharing, train_last

# What a round leaves for the report beside its answers; the first round's stand for all.
_SHOWN: Final = ("history.csv", "trials.csv", "importance.csv")
_OF_SEARCH: Final = ("trials", "trials_cut_off")
_TOUCHED: Final = (
    "Each photo validated in one round and was tested in another, so that the choice is not quite free of the photos "
    "that it is judged by; the score of the whole procedure is."
)


def climb_in_folds(
    recipes: Sequence[Recipe], climb: Climb, folds: Folds, trainings: Trainings | None = None
) -> tuple[dict[str, Any], Path]:
    """Climb every step in every fold.

    Args:
        recipes: The steps.
        climb: Of the whole run.
        folds: They take turns.
        trainings: Makes the trainings side by side; None for one after the other.

    Returns:
        What results.json holds, and the model file of the chosen recipe.

    Raises:
        TrainingError: Some trainings that were made side by side failed.
    """
    if trainings:
        trainings.make_rounds(recipes, climb, folds)
    # What was made side by side was told when it was made.
    reading = replace(climb, progress=Silent()) if trainings else climb
    climbed = [climb_folds(recipe, reading, folds) for recipe in recipes]
    results = put_together(climb, recipes, [entry for entry, _ in climbed])
    results |= _of_folds(climb, folds, results, [rounds for _, rounds in climbed])
    name = results["best"]["recipe"]
    chosen, entry = next(pair for pair in zip(recipes, results["recipes"], strict=True) if pair[0].name == name)
    if trainings:
        results["environment"]["cores"] = 1  # each training had one; it stands there as sums depend on it
    return results, hand_over(Wanted(chosen, None, entry), climb, folds, trainings)


def climb_folds(recipe: Recipe, climb: Climb, folds: Folds) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Train and test one recipe in every round, and pool what came out.

    Args:
        recipe: A step of the ladder.
        climb: Of the whole run.
        folds: They take turns.

    Returns:
        Its entry in results.json, and those of its rounds.
    """
    entries = []
    for number in range(1, len(folds) + 1):
        climb.progress.note(f"{recipe.name}, round {number} of {len(folds)}")
        entries.append(climb_step(recipe, sharing(climb, folds, number)))
    entry = _pooled(recipe, climb, entries)
    test = entry["test"]
    climb.progress.note(
        f"{recipe.name}: accuracy {test['accuracy']:.3f} ({test['accuracy_low']:.3f} to {test['accuracy_high']:.3f}) "
        f"on all {test['n']} photos"
    )
    climb.listener(entry)
    return entry, entries


def hand_over(last: Wanted, climb: Climb, folds: Folds, trainings: Trainings | None = None) -> Path:
    """Train the chosen recipe once more, on all photos but those of the fold that validates it.

    Args:
        last: The chosen recipe, with its scores.
        climb: Of the whole run.
        folds: The last one validates.
        trainings: Makes it; None for this process.

    Returns:
        The model file.
    """
    shared, folder = sharing(climb, folds), last.folder(climb, folds)
    if not last.is_done(climb, folds):
        climb.progress.note(f"{last.recipe.name}: one more training, for the model that is handed over")
        if trainings:
            trainings.make([last], climb, folds)
        else:
            train_last(last, shared)
    forget_epochs(folder)
    return folder / MODEL


def _of_folds(
    climb: Climb, folds: Folds, results: dict[str, Any], rounds: Sequence[Sequence[dict[str, Any]]]
) -> dict[str, Any]:
    """What results.json says otherwise, or more, of a run with folds.

    Each photo validates in one round and is tested in another, so that the choice
    among recipes is not quite free of the photos that they are judged by. `procedure`
    is: in it the choice is made in every round anew, by that round's validation
    photos alone, and what it chose is judged by that round's test photos.
    """
    best = results["best"]
    return {
        "split": {
            **{part: round(np.mean([entry[part]["n"] for entry in rounds[0]])) for part in ("train", "valid")},
            "test": len(climb.photos.items),
            "folds": len(folds),
            "fingerprint": folds.fingerprint,
        },
        "best": {**best, "why": best["why"].replace(UNTOUCHED, _TOUCHED)},
        "procedure": _procedure(climb, folds, rounds),
    }


def _pooled(recipe: Recipe, climb: Climb, entries: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """One entry of all rounds: answers to all photos, mean training scores, the sum of the times."""
    folder, first = climb.folder(recipe), entries[0]
    tested, validated = (_answers(climb, recipe.name, file, len(entries)) for file in (TEST, VALID))
    for file, tables in ((TEST, tested), (VALID, validated)):
        write_answers(folder / file, climb.photos.classes, joined(tables))
    for name in _SHOWN:
        if (source := climb.run / "folds" / "1" / "recipes" / recipe.name / name).is_file():
            write_bytes(folder / name, source.read_bytes())
    test, valid = joined(tested), joined(validated)
    scores, groups = _scored(test, climb), group_numbers(test.paths, climb.split.groups)
    answered = (valid.labels, valid.probabilities), (test.labels, test.probabilities)
    write_confusion(folder, climb.photos.classes, scores.confusion)
    return {
        **first,
        "train": _mean_score(entries),
        "valid": asdict(score(valid.labels, valid.probabilities)),
        "test": asdict(scores),
        "seconds": {name: round(sum(entry["seconds"][name] for entry in entries), 3) for name in first["seconds"]},
        "waiting": round(sum(entry.get("waiting", 0.0) for entry in entries), 3),
        "peak_rss_mb": max(entry["peak_rss_mb"] for entry in entries),
        "export_difference": max(entry["export_difference"] for entry in entries),
        "calibration": calibration_in_rounds(
            [entry["calibration"] for entry in entries], [(table.labels, table.probabilities) for table in tested]
        ),
        "rejection": rejection(*answered, groups),
        "conformal": conformal(*answered, groups),
        "stranger": false_alarms_in_rounds([entry["stranger"] for entry in entries]),
        "rounds": [_told(entry) for entry in entries],
    }


def _answers(climb: Climb, name: str, file: str, n_rounds: int) -> list[AnswerTable]:
    """What a recipe answered in each round."""
    rounds = (climb.run / "folds" / str(number) for number in range(1, n_rounds + 1))
    return [read_answers(run / "recipes" / name / file, climb.photos.classes) for run in rounds]


def _scored(table: AnswerTable, climb: Climb) -> TestScore:
    return test_score(table.labels, table.probabilities, group_numbers(table.paths, climb.split.groups))


def _mean_score(entries: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The training scores of the rounds, each photo counted as often as it was learned from; `n` of a round."""
    sizes = [entry["train"]["n"] for entry in entries]
    means = {
        name: float(np.average([entry["train"][name] for entry in entries], weights=sizes))
        for name in ("accuracy", "log_loss")
    }
    return {"n": round(float(np.mean(sizes))), **means}


def _told(entry: dict[str, Any]) -> dict[str, Any]:
    """What a round has of its own."""
    return {
        **{f"n_{part}": entry[part]["n"] for part in ("train", "valid", "test")},
        "accuracy": entry["test"]["accuracy"],
        "log_loss": entry["test"]["log_loss"],
        "train_accuracy": entry["train"]["accuracy"],
        "valid_accuracy": entry["valid"]["accuracy"],
        "epochs": entry["epochs"],
        "best_epoch": entry["best_epoch"],
        "temperature": entry["calibration"]["temperature"],
        **{name: entry["hyperparameters"][name] for name in _OF_SEARCH if name in entry["hyperparameters"]},
        "seconds": entry["seconds"]["total"],
    }


def _procedure(climb: Climb, folds: Folds, rounds: Sequence[Sequence[dict[str, Any]]]) -> dict[str, Any]:
    """The score of ladder and choice together, nested: each round chooses for itself."""
    chosen, tested = [], []
    for number, entries in enumerate(zip(*rounds, strict=True), start=1):
        shared = sharing(climb, folds, number)
        name = choose(entries, *marks_of(shared, VALID, entries))["recipe"]
        chosen.append(name)
        tested.append(read_answers(shared.run / "recipes" / name / TEST, climb.photos.classes))
    told = _scored(joined(tested), climb)
    times = ", ".join(f"{name} {n} of {len(folds)} times" for name, n in Counter(chosen).most_common())
    return {
        "chosen": chosen,
        **asdict(told),
        "sentence": (
            f"With the choice made in every round anew, by its own validation photos, {percent(told.accuracy)} "
            f"({percent(told.accuracy_low)} to {percent(told.accuracy_high)}) of all photos are named correctly "
            f"({times}): the score of the whole procedure, choice included."
        ),
    }
