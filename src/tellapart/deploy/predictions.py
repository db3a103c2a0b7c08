"""Answers for many photos: found, printed, written; in constant memory."""

import csv
import json
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np

from tellapart.deploy.runtime import Answer, Model
from tellapart.errors import PhotosError
from tellapart.files import whole_file
from tellapart.photos.decode import SUFFIXES


def find_photos(places: Sequence[Path]) -> Iterator[Path]:
    """Yield the photos named, and those inside the folders named.

    Raises:
        PhotosError: A place does not exist, or a folder holds no photo.
    """
    missing = [str(place) for place in places if not place.exists()]
    if missing:
        raise PhotosError(f"There is no {', no '.join(missing)}. Accepted: photos, or folders of photos.")
    for place in places:
        if not place.is_dir():
            yield place
            continue
        found = 0
        for folder, folders, names in os.walk(place):
            folders[:] = sorted(name for name in folders if not name.startswith((".", "__MACOSX")))
            for name in sorted(names):
                path = Path(folder) / name
                if path.suffix.lower() in SUFFIXES and not name.startswith("."):
                    found += 1
                    yield path
        if not found:
            raise PhotosError(f"{place} holds no photo. Accepted: JPEG, PNG, WebP, BMP, GIF, TIFF.")


def print_answers(model: Model, answers: Iterable[Answer], top: int, *, as_json: bool) -> int:
    """Print each answer as it comes.

    Returns:
        How many photos could not be read.
    """
    n_errors = 0
    for answer in answers:
        n_errors += answer.probabilities is None
        line = json.dumps(as_record(model, answer), ensure_ascii=False) if as_json else _line(model, answer, top)
        sys.stdout.write(line + "\n")
    return n_errors


def write_answers(out: Path, model: Model, answers: Iterable[Answer]) -> int:
    """Write all answers to a .csv or .jsonl file, whole.

    Returns:
        How many photos could not be read.
    """
    with whole_file(out) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        write = _write_jsonl if out.suffix.lower() == ".jsonl" else _write_csv
        return write(file, model, answers)


def as_record(model: Model, answer: Answer) -> dict[str, Any]:
    """An answer as a JSON object: path, predicted class and probabilities, or path and error."""
    if answer.probabilities is None:
        return {"path": answer.path, "error": answer.error}
    shares = {name: float(share) for name, share in zip(model.classes, answer.probabilities, strict=True)}
    return {
        "path": answer.path,
        "predicted": _predicted(model, answer.probabilities),
        "probabilities": shares,
    }


def _write_jsonl(file: IO[str], model: Model, answers: Iterable[Answer]) -> int:
    n_errors = 0
    for answer in answers:
        n_errors += answer.probabilities is None
        file.write(json.dumps(as_record(model, answer), ensure_ascii=False) + "\n")
    return n_errors


def _write_csv(file: IO[str], model: Model, answers: Iterable[Answer]) -> int:
    n_errors = 0
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["path", "predicted", *model.classes, "error"])
    for answer in answers:
        if answer.probabilities is None:
            n_errors += 1
            writer.writerow([answer.path, "", *("" for _ in model.classes), answer.error])
        else:
            shares = [f"{share:.6g}" for share in answer.probabilities]
            writer.writerow([answer.path, _predicted(model, answer.probabilities), *shares, ""])
    return n_errors


def _predicted(model: Model, probabilities: np.ndarray) -> str:
    return model.classes[int(probabilities.argmax())]


def _line(model: Model, answer: Answer, top: int) -> str:
    if answer.probabilities is None:
        return f"{answer.path}: cannot be read: {answer.error}"
    order = np.argsort(-answer.probabilities)[: max(1, top)]
    told = ", ".join(f"{model.classes[place]} {answer.probabilities[place]:.1%}" for place in order)
    return f"{answer.path}: {told}"
