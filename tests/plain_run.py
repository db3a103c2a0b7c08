"""Run folders with answers that a test chooses, made without training anything."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from tellapart.answer_tables import AnswerTable, write_answers
from tellapart.evaluation.metrics import test_score as scored
from tellapart.files import write_csv, write_json
from tellapart.run import Run

CLASSES = ("chair", "table")
HISTORY = ("epoch", "loss", "accuracy", "valid_loss", "valid_accuracy", "seconds", "learning_rate")


def photo(number: int) -> str:
    """The path of a photo; even ones are chairs."""
    return f"{CLASSES[number % 2]}/{number:03}.jpg"


def plain_run(
    folder: Path,
    test: Sequence[int],
    wrong: Mapping[str, Sequence[int]],
    *,
    n: int = 100,
    groups: Mapping[int, str] | None = None,
    classes: Sequence[str] = CLASSES,
    folds: int = 0,
    change: Mapping[str, Any] | None = None,
) -> Run:
    """Write a finished run.

    Args:
        folder: The run folder.
        test: Numbers of the photos that it tested, of `n`; the others it learned from.
        wrong: By recipe, the numbers that it got wrong; the first recipe is the chosen one.
        n: Photos in all.
        groups: The group of a photo.
        classes: In their order.
        folds: Into so many folds; then all photos are tested, whatever `test` says.
        change: What results.json has otherwise.
    """
    tested = list(range(n)) if folds else list(test)
    part = {number: f"fold-{number % folds + 1}" if folds else "test" for number in tested}
    rows = [(photo(k), CLASSES[k % 2], part.get(k, "train"), (groups or {}).get(k, "")) for k in range(n)]
    write_csv(folder / "split.csv", ("path", "class", "part", "group"), rows)
    digests = [(path, label, hashlib.sha256(path.encode()).hexdigest()) for path, label, *_ in rows]
    write_csv(folder / "photos.csv", ("path", "class", "sha256"), digests)
    entries = [_recipe(folder, name, tested, wrongly, classes) for name, wrongly in wrong.items()]
    results = {
        "format": 1,
        "photos": {"classes": list(classes), "counts": {}, "fingerprint": f"{n:064}"},
        "split": {"train": n - len(tested), "valid": 0, "test": len(tested), "fingerprint": str(sum(tested)) * 9},
        "recipes": entries,
        "best": {"recipe": next(iter(wrong)), "why": "it is the only one"},
        "settings": {"seed": 0, "photos": str(folder), "weights_files": {}},
        "environment": {"python": "3.12.1", "packages": {"numpy": "2.0.0"}},
    }
    if folds:
        results["split"]["folds"] = folds  # type: ignore[index]
    write_json(folder / "results.json", {**results, **(change or {})})
    return Run(folder)


def _recipe(
    folder: Path, name: str, tested: Sequence[int], wrong: Sequence[int], classes: Sequence[str]
) -> dict[str, Any]:
    labels = np.array([classes.index(CLASSES[number % 2]) for number in tested])
    right = np.array([number not in wrong for number in tested])
    shares = np.full((len(tested), 2), 0.1)
    shares[np.arange(len(tested)), np.where(right, labels, 1 - labels)] = 0.9
    table = AnswerTable([photo(number) for number in tested], labels, shares)
    write_answers(folder / "recipes" / name / "predictions.csv", classes, table)
    write_csv(folder / "recipes" / name / "history.csv", HISTORY, [(1, 0.9, 0.5, 0.8, 0.6, 1.0, 0.01)])
    learned = {"n": 10, "accuracy": 0.9, "log_loss": 0.3}
    return {
        "name": name,
        "step": "1",
        "backbone": "pocket" if name == "bottleneck" else None,
        "image_size": 32,
        "hyperparameters": {"rate": 0.1, "layers": [8, 16]},
        "seconds": {"total": 12.0},
        "train": learned,
        "valid": learned,
        "test": asdict(scored(labels, shares)),
    }
