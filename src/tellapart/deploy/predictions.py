"""Answers for many photos: printed, written; in constant memory."""

import json
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

import numpy as np

from tellapart.answer_tables import class_columns
from tellapart.deploy.doubts import NONE, UNSURE
from tellapart.deploy.runtime import Answer, Model
from tellapart.errors import OptionError
from tellapart.files import whole_file
from tellapart.plain_text import csv_line, for_terminal, json_for_terminal

_BEFORE: Final = ("path", "predicted")  # columns of a table, before those of the classes
_BEHIND: Final = ("error", "answer", "set", "stranger")


@dataclass(frozen=True)
class Shown:
    """How answers are printed.

    Attributes:
        top: How many classes a photo.
        sets: Whether the prediction set is told as well.
        as_json: One JSON object a line, with everything.
    """

    top: int = 1
    sets: bool = False
    as_json: bool = False


def print_answers(model: Model, answers: Iterable[Answer], shown: Shown) -> int:
    """Print each answer as it comes.

    Returns:
        How many photos could not be read.

    Raises:
        OptionError: Sets are asked for, and the model file has none.
    """
    if shown.sets and model.doubts.conformal is None:
        raise OptionError(
            "This model file has no prediction sets: an early version made it. Next: tellapart fit, or without --sets"
        )
    n_errors = 0
    for answer in answers:
        n_errors += answer.probabilities is None
        sys.stdout.write(_shown(model, answer, shown) + "\n")
    sys.stdout.flush()  # a reader that went away is met here, not when Python ends
    return n_errors


def write_answers(out: Path, model: Model, answers: Iterable[Answer]) -> int:
    """Write all answers to a .csv or .jsonl file, whole.

    A text of a CSV file that a spreadsheet would take for a formula has an apostrophe
    before it (`plain_text.from_spreadsheet` takes it off); JSON has every text as it is.

    Returns:
        How many photos could not be read.
    """
    with whole_file(out) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        write = _write_jsonl if out.suffix.lower() == ".jsonl" else _write_csv
        return write(file, model, answers)


def as_record(model: Model, answer: Answer) -> dict[str, Any]:
    """An answer as a JSON object: path and error, or path, predicted class, probabilities and doubts."""
    if answer.probabilities is None:
        return {"path": answer.path, "error": answer.error}
    shares = {name: float(share) for name, share in zip(model.classes, answer.probabilities, strict=True)}
    return {
        "path": answer.path,
        "predicted": _predicted(model, answer.probabilities),
        "probabilities": shares,
        "answer": answer.answer,
        "set": None if answer.set is None else list(answer.set),
        "stranger": answer.stranger,
    }


def _write_jsonl(file: IO[str], model: Model, answers: Iterable[Answer]) -> int:
    n_errors = 0
    for answer in answers:
        n_errors += answer.probabilities is None
        file.write(json.dumps(as_record(model, answer), ensure_ascii=False) + "\n")
    return n_errors


def _write_csv(file: IO[str], model: Model, answers: Iterable[Answer]) -> int:
    n_errors = 0
    columns = class_columns(model.classes, _BEFORE + _BEHIND)
    file.write(csv_line([*_BEFORE, *columns, *_BEHIND]))
    for answer in answers:
        if answer.probabilities is None:
            n_errors += 1
            cells = [answer.path, "", *("" for _ in model.classes), answer.error, "", "", ""]
        else:
            shares = [f"{share:.6g}" for share in answer.probabilities]
            predicted = _predicted(model, answer.probabilities)
            cells = [answer.path, predicted, *shares, "", answer.answer, _joined(answer), _strange(answer)]
        file.write(csv_line(cells))
    return n_errors


def _predicted(model: Model, probabilities: np.ndarray) -> str:
    return model.classes[int(probabilities.argmax())]


def _joined(answer: Answer) -> str:
    """The classes of the set with | between them; a | or a backslash inside a name has a backslash before it."""
    return "|".join(name.replace("\\", "\\\\").replace("|", "\\|") for name in answer.set or ())


def _strange(answer: Answer) -> str:
    return "" if answer.stranger is None else f"{answer.stranger:.6g}"


def _shown(model: Model, answer: Answer, shown: Shown) -> str:
    if shown.as_json:
        return json_for_terminal(json.dumps(as_record(model, answer), ensure_ascii=False))
    return for_terminal(_line(model, answer, shown.top, sets=shown.sets))


def _line(model: Model, answer: Answer, top: int, *, sets: bool) -> str:
    if answer.probabilities is None:
        return f"{answer.path}: cannot be read: {answer.error}"
    order = np.argsort(-answer.probabilities)[: max(1, top)]
    told = ", ".join(f"{model.classes[place]} {answer.probabilities[place]:.1%}" for place in order)
    if answer.answer == NONE:
        told = f"{NONE} (nearest: {told})"
    elif answer.answer == UNSURE:
        told = f"{UNSURE} ({told})"
    held = f"; may be {' or '.join(answer.set)}" if sets and answer.set and answer.answer != NONE else ""
    return f"{answer.path}: {told}{held}"
