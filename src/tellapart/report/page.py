"""The report page: one file that needs nothing else, made from a run folder alone."""

import base64
import hashlib
import shlex
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tellapart import words
from tellapart.errors import RunFolderError
from tellapart.files import write_bytes
from tellapart.report import facts
from tellapart.report.coverage import about_doubts
from tellapart.report.figures import draw_figures
from tellapart.report.findings import read_findings
from tellapart.report.map_page import about_map
from tellapart.report.run_folder import REFIT, RunFolder, checked, read_run
from tellapart.report.style import DOTS_PER_INCH, INCHES

if TYPE_CHECKING:
    from jinja2 import Environment

# A wide figure keeps 72 pixels an inch and scrolls in its own box, so that its
# letters stay as large as those of the others.
_PIXELS_PER_INCH = 72
_WIDE_INCHES = 1.15 * INCHES
_OF_OLDER_RUNS: Final[dict[str, Any]] = {"excluded": [], "skipped": [], "duplicate_groups": 0, "corrections": None}


def write_report(run: Path, results: dict[str, Any] | None = None) -> Path:
    """Draw the figures of a run anew and write its page.

    Args:
        run: The run folder; nothing is trained, and no photo is read.
        results: What results.json will hold, where it is not written yet: it comes last.

    Returns:
        The path of the page, `run/report.html`.

    Raises:
        RunFolderError: `run` has no results.json, or one of another format.
        StorageError: No space, no permission.
    """
    folder = read_run(run) if results is None else checked(run, results)
    draw_figures(folder)
    target = run / "report.html"
    write_bytes(target, render("report.html.j2", _context(folder), run / "results.json"))
    return target


def render(template: str, context: Mapping[str, Any], source: Path) -> bytes:
    """Render a page with the style sheet in it, and the script of the map for a page that has one.

    Raises:
        RunFolderError: The context, which was made from `source`, lacks something.
    """
    from jinja2 import UndefinedError

    environment = _environment()
    content = dict(context)
    for name, file in (("style", "report.css"), ("script", "map.js")):
        text = environment.get_template(file).render()
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        content |= {name: _trusted(text), f"{name}_hash": digest}
    try:
        page = environment.get_template(template).render(content)
    except UndefinedError as problem:
        raise RunFolderError(f"{source} is not whole: {problem}. {REFIT}") from problem
    # A lone surrogate in a file name has no UTF-8; it must not cost the page.
    return page.encode("utf-8", "replace")


def _environment() -> "Environment":
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("tellapart.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "percent": words.percent,
        "duration": words.duration,
        "amount": words.amount,
        "decimal": words.decimal,
    }
    environment.globals["counted"] = words.counted
    return environment


def _trusted(text: str) -> str:
    from markupsafe import Markup

    return Markup(text)  # noqa: S704 - our own style sheet or script, with no foreign word in it


def _context(run: RunFolder) -> dict[str, Any]:
    results = run.results
    split = run.table("split.csv")
    photos: dict[str, Any] = {**_OF_OLDER_RUNS, **results["photos"]}
    trials = run.table("recipes", "tuned", "trials.csv")
    return {
        "results": results,
        "photos": photos,
        "n_photos": sum(photos["counts"].values()),
        "folds": results["split"].get("folds", 0),
        "procedure": results.get("procedure"),
        "best": run.best,
        "best_title": _title(run.best),
        "why": results["best"]["why"],
        "command": _command(run),
        "floor": next((recipe for recipe in run.recipes if recipe["name"] == "majority"), None),
        "steps": [_step(run, recipe) for recipe in run.recipes],
        "comparisons": results.get("comparisons", []),
        "notes": results.get("notes", []),
        "audit": read_findings(run.path),
        "parts": facts.parts_of(split),
        "class_counts": facts.class_counts(split, photos["counts"]),
        "ladder": _picture(run, "ladder"),
        "tuning": [_picture(run, name) for name in ("tuning_history", "tuning_importance")],
        "about_trials": facts.about_trials(trials) if trials else "",
        "augmentation": _picture(run, "augmentation"),
        "curve": results.get("learning_curve"),
        "curve_picture": _picture(run, "learning_curve"),
        "naive": results.get("naive"),
        "map": about_map(run.path),
        "map_picture": _picture(run, "feature_map"),
        "facts": _flat({"seed": results.get("seed", "not written"), **results.get("environment", {})}),
    }


def _title(recipe: Mapping[str, Any]) -> str:
    return str(recipe["title"] or recipe["name"].capitalize())


def _command(run: RunFolder) -> str:
    model = run.path / str(run.results.get("model", "model.onnx"))
    return f"tellapart predict {shlex.quote(str(model))} PHOTO"


def _step(run: RunFolder, recipe: dict[str, Any]) -> dict[str, Any]:
    name, matrix = recipe["name"], recipe["test"]["confusion"]
    classes = run.results["photos"]["classes"]
    history = run.table("recipes", name, "history.csv")
    confusion = _picture(run, f"confusion_{name}")
    return {
        "recipe": recipe,
        "title": _title(recipe),
        "chosen": name == run.results["best"]["recipe"],
        "lesson": recipe["lesson"],
        "gap": facts.gap_of(recipe),
        "right": facts.right_of(matrix),
        "mistakes": facts.mistakes(matrix, classes),
        "classes": facts.class_scores(matrix, classes),
        "curves": _picture(run, f"curves_{name}"),
        "about_curves": facts.about_curves(history, recipe["best_epoch"], recipe["phases"]) if history else "",
        "confusion": confusion,
        "reliability": _picture(run, f"reliability_{name}"),
        "about_calibration": facts.about_calibration(recipe["calibration"]) if recipe["calibration"] else "",
        "coverage": _picture(run, f"coverage_{name}"),
        "about_doubts": about_doubts(recipe),
        "rejection": recipe["rejection"],
        "large_matrix": confusion is not None and confusion["wide"],
        "settings": _flat(recipe["hyperparameters"] or {}),
    }


def _picture(run: RunFolder, name: str) -> dict[str, Any] | None:
    file = run.figure(name)
    if file is None:
        return None
    content = file.read_bytes()
    # The header of a PNG file holds its width and height at this place.
    width, height = struct.unpack(">II", content[16:24])
    scale = _PIXELS_PER_INCH / DOTS_PER_INCH
    return {
        "source": f"data:image/png;base64,{base64.b64encode(content).decode()}",
        "width": round(width * scale),
        "height": round(height * scale),
        "wide": width / DOTS_PER_INCH > _WIDE_INCHES,
    }


def _flat(content: Mapping[str, Any], above: str = "") -> list[tuple[str, str]]:
    """Lay nested settings out as (name, value) lines."""
    lines: list[tuple[str, str]] = []
    for key, value in content.items():
        name = f"{above}{key}".replace("_", " ")
        if isinstance(value, Mapping):
            lines += _flat(value, f"{name}: ")
        elif isinstance(value, list):
            lines.append((name, ", ".join(map(str, value))))
        else:
            lines.append((name, f"{value:.6g}" if isinstance(value, float) else str(value)))
    return lines
