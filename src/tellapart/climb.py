"""One step of the ladder, from training to the files that it leaves."""

import gc
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from tellapart.answer_tables import TEST, VALID, AnswerTable, class_columns, write_answers
from tellapart.deploy.doubts import doubts_of
from tellapart.deploy.export import Answers, answer_both, calibrated, stamp
from tellapart.deploy.stranger_output import strangers_of, with_strangers
from tellapart.evaluation.calibration import Temperature, calibration, fit_temperature, scaled
from tellapart.evaluation.conformal import conformal
from tellapart.evaluation.intervals import group_numbers
from tellapart.evaluation.metrics import Evaluation, evaluate, score
from tellapart.evaluation.reference import reference_of
from tellapart.evaluation.selective import rejection
from tellapart.evaluation.strangers import Strangers, false_alarms
from tellapart.explain.heat_output import with_heat_or_note
from tellapart.files import make_folder, read_json, whole_file, write_bytes, write_csv, write_json
from tellapart.memory import peak_mb, start_peak
from tellapart.models.backend import is_loaded, keras
from tellapart.models.choice import Choice
from tellapart.models.held_memory import release_memory
from tellapart.models.recipes import Recipe, fit_recipe
from tellapart.models.task import Fitted, Options, Task
from tellapart.out_of_memory import HALVINGS
from tellapart.photos.batches import label_numbers
from tellapart.photos.scan import Photo, Photos
from tellapart.photos.split import Split
from tellapart.progress import Progress
from tellapart.schedule import Schedule

_HISTORY = ("epoch", "loss", "accuracy", "valid_loss", "valid_accuracy", "seconds", "learning_rate")
DONE = "recipe.json"  # written last
_EPOCHS = "epochs"  # the folder that keeps the state of trainings until the recipe is done


@dataclass(frozen=True)
class Climb:
    """What all steps of a run, or of one round of its folds, share.

    Attributes:
        photos: All of them.
        split: What to learn from, to validate with and to test.
        options: The user's settings.
        run: The folder that takes `recipes/`.
        cache: Features and decoded photos.
        progress: Where to tell how far it is.
        choice: The backbones; None where no step needs one.
        rounds: How many rounds share their photos; what is computed of a photo serves all of them.
        schedule: How long the steps may take; None sets no limit.
        listener: Told the entry of each recipe that is finished, all its rounds included.
    """

    photos: Photos
    split: Split
    options: Options
    run: Path
    cache: Path
    progress: Progress
    choice: Choice | None = None
    rounds: int = 1
    schedule: Schedule | None = None
    listener: Callable[[Mapping[str, Any]], object] = lambda entry: entry

    def folder(self, recipe: Recipe) -> Path:
        """Where a recipe keeps its files."""
        return make_folder(self.run / "recipes" / recipe.name)

    def task(self, recipe: Recipe) -> Task:
        """What a recipe is given."""
        return Task(
            self.photos.root,
            self.photos.classes,
            self.split.train,
            self.split.valid,
            replace(self.options, backbone=recipe.backbone, weights=recipe.weights),
            self.folder(recipe),
            self.cache,
            self.progress,
            self.photos.items if self.rounds > 1 else (),
            self.split.groups,
            self.rounds,
            self.folder(recipe) / _EPOCHS,
        )


@dataclass(frozen=True)
class Trained:
    """A recipe, trained, calibrated and exported.

    Attributes:
        fitted: Its probabilities are those with the temperature.
        temperature: As fitted on validation.
        network: The exported network, with temperature, strangers and heat maps inside.
        strangers: What tells photos of nothing that was learned; None where nothing does.
    """

    fitted: Fitted
    temperature: Temperature
    network: bytes
    strangers: Strangers | None = None


def climb_step(recipe: Recipe, climb: Climb) -> dict[str, Any]:
    """Train, calibrate, export, evaluate and write one recipe; a recipe that is done is read instead.

    Returns:
        Its entry in results.json.
    """
    folder = climb.folder(recipe)
    if is_done(folder):
        climb.progress.note(f"{recipe.name}: done before")
        forget_epochs(folder)
        return read_json(folder / DONE)  # type: ignore[no-any-return]
    start_peak()
    HALVINGS.told()  # what was halved before is not of this step
    if recipe.needs_keras:
        keras.backend.backend()  # loaded by now: else the seconds of that would be those of the first step
    start = time.perf_counter()
    trained = train_recipe(recipe, climb)
    fitted = trained.fitted
    before_test = time.perf_counter()
    evaluation, answers = _evaluate(trained, climb)
    seconds = {
        **fitted.seconds,
        "evaluate": time.perf_counter() - before_test,
        "total": time.perf_counter() - start + fitted.found_done,
    }
    entry = _entry(recipe, fitted, climb, evaluation)
    entry["seconds"] = {name: round(value, 3) for name, value in seconds.items()}
    entry["waiting"] = round(fitted.history.waited, 3)  # seconds of training in which the network had no photos
    entry["peak_rss_mb"] = peak_mb()
    entry["export_difference"] = answers.difference
    entry["calibration"] = calibration(trained.temperature, evaluation.labels, evaluation.probabilities)
    entry |= _doubts(trained, climb, evaluation, answers)
    entry |= _about_batches(fitted, climb.progress)
    _write(folder, climb, fitted, evaluation)
    write_model(folder, trained, climb, entry)
    write_json(folder / DONE, entry)
    forget_epochs(folder)
    climb.progress.note(_told(entry))
    del fitted, trained
    forget_networks()
    return entry


def is_done(folder: Path) -> bool:
    """Whether a recipe has left all its files in its folder."""
    # An early version kept no answers to the validation photos, which the choice needs: done again.
    return (folder / DONE).is_file() and (folder / VALID).is_file()


def train_recipe(recipe: Recipe, climb: Climb) -> Trained:
    """Train and export a recipe, with the temperature that its validation photos ask for."""
    task = climb.task(recipe)
    fitted = fit_recipe(recipe, task)
    labels = label_numbers(climb.split.valid, climb.photos.classes)
    temperature = fit_temperature(labels, fitted.valid, climb.photos.classes)
    train, valid = (scaled(shares, temperature.value) for shares in (fitted.train, fitted.valid))
    strangers = strangers_of(fitted, task.labels(task.train))
    network = with_strangers(calibrated(fitted.as_onnx(), temperature.value), strangers)
    network = with_heat_or_note(network, recipe.name, fitted.backbone, climb.progress)
    return Trained(replace(fitted, train=train, valid=valid), temperature, network, strangers)


def write_model(folder: Path, trained: Trained, climb: Climb, entry: Mapping[str, Any]) -> None:
    """Write the Keras network, where there is one, and last the model file.

    Args:
        folder: The recipe's own.
        trained: The recipe.
        climb: Gives classes and fingerprints.
        entry: Of results.json; its scores are what the file says of its quality.
    """
    fitted, features = trained.fitted, trained.fitted.features
    strange = trained.strangers.scores(features.valid) if trained.strangers and features else None
    if fitted.keras_file is not None:
        with whole_file(folder / "model.keras") as temporary:
            fitted.keras_file(temporary)
    facts = {
        "classes": list(climb.photos.classes),
        "temperature": trained.temperature.value,
        "fingerprints": {"photos": climb.photos.fingerprint, "split": climb.split.fingerprint},
        "scores": {part: entry[part] for part in ("valid", "test")},
        **doubts_of((label_numbers(climb.split.valid, climb.photos.classes), fitted.valid), trained.strangers),
        "reference": reference_of(climb.split, fitted.valid, strange),
    }
    write_bytes(folder / "model.onnx", stamp(trained.network, fitted, climb.photos.root, climb.split.valid, facts))


def forget_epochs(folder: Path) -> None:
    """Remove the state of trainings that a recipe which is done needs no more."""
    shutil.rmtree(folder / _EPOCHS, ignore_errors=True)


def forget_networks() -> None:
    """Give the memory of networks back; Keras keeps what it built."""
    if is_loaded():
        keras.backend.clear_session()  # which collects as well
        release_memory()
    else:
        gc.collect()


def _evaluate(trained: Trained, climb: Climb) -> tuple[Evaluation, Answers]:
    """Ask the exported network for the test photos, and hold Keras against it on the same ones."""
    told: list[Answers] = []

    def answer(photos: Sequence[Photo]) -> np.ndarray:
        told.append(answer_both(trained.network, trained.fitted, climb.photos.root, photos, trained.temperature.value))
        return told[-1].probabilities

    return evaluate(answer, climb.split.test, climb.photos.classes, climb.split.groups), told[-1]


def _doubts(trained: Trained, climb: Climb, evaluation: Evaluation, answers: Answers) -> dict[str, Any]:
    """What it is worth to let the model say "not sure", several classes, or "none of these"."""
    valid = label_numbers(climb.split.valid, climb.photos.classes), trained.fitted.valid
    test = evaluation.labels, evaluation.probabilities
    groups = group_numbers([photo.path for photo in evaluation.photos], climb.split.groups)
    return {
        "rejection": rejection(valid, test, groups),
        "conformal": conformal(valid, test, groups),
        "stranger": false_alarms(trained.strangers, answers.strangers, groups),
    }


def _entry(recipe: Recipe, fitted: Fitted, climb: Climb, evaluation: Evaluation) -> dict[str, Any]:
    task = climb.task(recipe)
    return {
        "name": recipe.name,
        "step": recipe.step,
        "title": recipe.title,
        "backbone": fitted.backbone,
        "image_size": fitted.spec.size,
        "pixels": fitted.spec.as_dict(),
        "parameters": fitted.parameters,
        "trainable_parameters": fitted.trainable_parameters,
        "epochs": len(fitted.history.rows),
        "best_epoch": fitted.history.best_epoch,
        "stopped": fitted.history.stopped,
        "phases": list(fitted.history.phases),
        "hyperparameters": fitted.hyperparameters,
        "train": asdict(score(task.labels(task.train), fitted.train)),
        "valid": asdict(score(task.labels(task.valid), fitted.valid)),
        "test": asdict(evaluation.score),
    }


def _about_batches(fitted: Fitted, progress: Progress) -> dict[str, Any]:
    """Which batches were smaller than planned, as memory was too little: `notes` of the entry, and its batch size."""
    told, size = HALVINGS.told(), fitted.history.batch_size
    notes = [told] if told else []
    if told:
        progress.note(f"{fitted.recipe}: {told}")
    if not size:
        return {"notes": notes} if notes else {}
    planned = fitted.hyperparameters["batch_size"]
    notes.append(
        f"Memory was too little for batches of {planned} photos: it was trained with batches of {size}, which is "
        "another training."
    )
    return {"notes": notes, "hyperparameters": {**fitted.hyperparameters, "batch_size": size}}


def _write(folder: Path, climb: Climb, fitted: Fitted, evaluation: Evaluation) -> None:
    classes = climb.photos.classes
    history = (asdict(row) for row in fitted.history.rows)
    write_csv(folder / "history.csv", _HISTORY, ([row[column] for column in _HISTORY] for row in history))
    for file, photos, answers in (
        (TEST, evaluation.photos, evaluation.probabilities),
        (VALID, climb.split.valid, fitted.valid),
    ):
        table = AnswerTable([photo.path for photo in photos], label_numbers(photos, classes), answers)
        write_answers(folder / file, classes, table)
    write_confusion(folder, classes, evaluation.score.confusion)


def write_confusion(folder: Path, classes: Sequence[str], matrix: Sequence[Sequence[int]]) -> None:
    """Write confusion.csv: a row a true class, a column a predicted one."""
    rows = ((label, *row) for label, row in zip(classes, matrix, strict=True))
    write_csv(folder / "confusion.csv", ("class", *class_columns(classes, ("class",))), rows)


def _told(entry: dict[str, Any]) -> str:
    test = entry["test"]
    return (
        f"{entry['name']}: test accuracy {test['accuracy']:.3f} "
        f"({test['accuracy_low']:.3f} to {test['accuracy_high']:.3f}), "
        f"training {entry['train']['accuracy']:.3f}, {entry['seconds']['total']:.0f} s"
    )
