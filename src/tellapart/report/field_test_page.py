"""The page of a model that was tried on new photos, made from evaluation.json alone."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from tellapart.files import make_folder, write_bytes
from tellapart.report.coverage import coverage
from tellapart.report.drift_figure import drift
from tellapart.report.facts import mistakes
from tellapart.report.matrix import confusion
from tellapart.report.page import render
from tellapart.report.page_tables import PageTable, matrix_table, reliability_table
from tellapart.report.reliability import reliability
from tellapart.report.run_folder import read_record
from tellapart.report.step_view import embedded
from tellapart.report.style import save_figure
from tellapart.words import decimal, percent

FILE: Final = "evaluation.json"
PAGE: Final = "evaluation.html"
_AGAIN: Final = "Next: tellapart evaluate MODEL PHOTOS --out DIR"
_TITLE: Final = "New photos"
_SCORES: Final = (
    ("Accuracy", "accuracy"),
    ("Macro F1", "macro_f1"),
    ("Balanced accuracy", "balanced_accuracy"),
    ("Log loss", "log_loss"),
    ("Calibration error", "ece"),
)


def write_field_test_page(folder: Path) -> Path:
    """Write evaluation.html, and its figures into `figures/`, from evaluation.json beside it.

    Raises:
        RunFolderError: There is no evaluation.json, or it cannot be read.
        StorageError: No space, no permission.
    """
    file = folder / FILE
    told = read_record(file, _AGAIN)
    pictures: dict[str, Any] = dict.fromkeys(("confusion", "reliability", "coverage", "drift"))
    for name, figure in _figures(told).items():
        saved = save_figure(figure, make_folder(folder / "figures") / f"{name}.png")
        pictures[name] = embedded(saved.read_bytes())
    classes, matrix = told["model"]["classes"], told["test"]["confusion"]
    context = {
        "told": told,
        "pictures": pictures,
        "scores": _scores(told),
        "measures": _measures(told["drift"]["measures"]),
        "matrix_table": matrix_table(matrix, classes, photos="photos"),
        "reliability_table": reliability_table(_calibration(told), photos="photos"),
        "mistakes": mistakes(matrix, classes),
    }
    target = folder / PAGE
    write_bytes(target, render("evaluation.html.j2", context, file))
    return target


def _figures(told: Mapping[str, Any]) -> dict[str, Any]:
    classes = told["model"]["classes"]
    figures = {
        "confusion": confusion(_TITLE, told["test"]["confusion"], classes, photos="photos"),
        "reliability": reliability(_TITLE, _calibration(told), label="how often it was right"),
    }
    rejection = told["rejection"]
    if rejection and len(rejection["curve"]) > 1:
        figures["coverage"] = coverage(_TITLE, rejection, photos="photos")
    if told["drift"]["measures"]:
        figures["drift"] = drift(told["drift"]["measures"])
    return figures


def _calibration(told: Mapping[str, Any]) -> dict[str, Any]:
    return {"temperature": 1.0, "bins_before": told["calibration"], "bins_after": told["calibration"]}


def _scores(told: Mapping[str, Any]) -> list[tuple[str, str, str, str, str]]:
    """Name, value here with its interval, value on the model's own test photos with its interval."""
    own = told["model"]["test"] or {}
    return [(title, *_score(told["test"], name), *_score(own, name)) for title, name in _SCORES]


def _score(scores: Mapping[str, Any], name: str) -> tuple[str, str]:
    value, low, high = (scores.get(key, math.nan) for key in (name, f"{name}_low", f"{name}_high"))
    show = percent if name == "accuracy" else lambda number: decimal(number, 3)
    return show(value), f"{show(low)} to {show(high)}" if math.isfinite(low) and math.isfinite(high) else ""


def _measures(measures: list[dict[str, Any]]) -> PageTable | None:
    if not measures:
        return None
    rows = [
        (
            row["title"],
            f"{row['median']:.{row['digits']}f}",
            f"{row['reference']:.{row['digits']}f}",
            f"{percent(row['chance'], 0)} ({percent(row['low'], 0)} to {percent(row['high'], 0)})",
            f"{row['p_value']:.2g}",
            row["verdict"],
        )
        for row in measures
    ]
    heads = ("Measure", "median of these", "its own", "chance to lie above (95 % interval)", "p corrected", "verdict")
    caption = "The chance that one of these photos lies above one of the model's own; 50 % is no difference."
    return PageTable("The figure as a table", caption, heads, rows)
