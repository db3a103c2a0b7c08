"""The table of a recipe's answers to some photos: predictions.csv and valid.csv of a run."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from tellapart.files import read_csv, write_csv

VALID = "valid.csv"
TEST = "predictions.csv"
_OWN: Final = ("path", "class", "predicted")


@dataclass(frozen=True)
class AnswerTable:
    """Answers to photos.

    Attributes:
        paths: Of the photos.
        labels: Their class numbers, (photos,).
        probabilities: Shape (photos, classes), float64.
    """

    paths: list[str]
    labels: np.ndarray
    probabilities: np.ndarray


def class_columns(classes: Sequence[str], own: Sequence[str] = _OWN) -> list[str]:
    """What the columns of classes are called: as the classes, but where a table has such a column of its own.

    Each class has one name, whatever the others are.

    Args:
        classes: Their names.
        own: The other columns.

    Example:
        >>> class_columns(["road", "path", "path (class)"])
        ['road', 'path (class)', 'path (class) (class)']
    """
    ours = re.compile(rf"(?:{'|'.join(map(re.escape, own))})(?: \(class\))*")
    return [f"{name} (class)" if ours.fullmatch(name) else name for name in classes]


def write_answers(path: Path, classes: Sequence[str], answers: AnswerTable) -> None:
    """Write `path,class,predicted` and a column of probabilities for each class."""
    # Nine digits give each float32 back exactly, so that no two probabilities become equal.
    write_csv(
        path,
        (*_OWN, *class_columns(classes)),
        (
            (photo, classes[label], classes[int(row.argmax())], *(f"{share:.9g}" for share in row))
            for photo, label, row in zip(answers.paths, answers.labels, answers.probabilities, strict=True)
        ),
    )


def read_answers(path: Path, classes: Sequence[str]) -> AnswerTable:
    """Read what `write_answers` wrote, ordered by path, so that tables of the same photos agree row by row."""
    rows = sorted(read_csv(path), key=lambda row: row["path"])
    labels = np.array([classes.index(row["class"]) for row in rows])
    shares = np.array([[float(row[name]) for name in class_columns(classes)] for row in rows])
    return AnswerTable([row["path"] for row in rows], labels, shares)


def joined(tables: Sequence[AnswerTable]) -> AnswerTable:
    """One table of several, in their order."""
    return AnswerTable(
        [path for table in tables for path in table.paths],
        np.concatenate([table.labels for table in tables]),
        np.concatenate([table.probabilities for table in tables]),
    )
