"""The report page: one file that needs nothing else, made from a run folder alone."""

import base64
import hashlib
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tellapart import plain_text, words
from tellapart.errors import RunFolderError
from tellapart.files import write_bytes
from tellapart.report import facts
from tellapart.report.answers import steps_of_classes
from tellapart.report.figures import draw_figures
from tellapart.report.findings import read_findings
from tellapart.report.inside_page import about_inside
from tellapart.report.looks import looks_view
from tellapart.report.map_page import about_map
from tellapart.report.page_tables import steps_table, trials_table
from tellapart.report.parallel import settings_of
from tellapart.report.run_folder import REFIT, RunFolder, checked, read_run
from tellapart.report.step_view import flat, hardest, photo_picture, picture, step_view, title_of

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

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
        finalize=_harmless,
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
        "signed": words.signed,
        "p_value": words.p_value,
        "breakable": _breakable,
        "tied": words.tied,
        "isolated": plain_text.isolated,
    }
    environment.globals["counted"] = words.counted
    return environment


def _harmless(value: Any) -> Any:
    """A value as the page may hold it; markup of our own stays."""
    return plain_text.for_page(value) if isinstance(value, str) and not hasattr(value, "__html__") else value


def _breakable(text: str) -> "Markup":
    """Text with a path in it that may go on in the next line after each slash; copied, it is as it was."""
    from markupsafe import Markup, escape

    return Markup("/<wbr>").join(escape(part) for part in plain_text.isolated(text).split("/"))


def _trusted(text: str) -> str:
    from markupsafe import Markup

    return Markup(text)  # noqa: S704 - our own style sheet or script, with no foreign word in it


def _context(run: RunFolder) -> dict[str, Any]:
    results = run.results
    split = run.table("split.csv")
    photos: dict[str, Any] = {**_OF_OLDER_RUNS, **results["photos"]}
    return {
        "results": results,
        "photos": photos,
        "n_photos": sum(photos["counts"].values()),
        "folds": results["split"].get("folds", 0),
        "procedure": results.get("procedure"),
        "best": run.best,
        "best_title": title_of(run.best),
        "why": results["best"]["why"],
        "command": _command(run),
        "floor": next((recipe for recipe in run.recipes if recipe["name"] == "majority"), None),
        "steps": [step_view(run, recipe) for recipe in run.recipes],
        "comparisons": results.get("comparisons", []),
        "notes": results.get("notes", []),
        "forecast": results.get("forecast"),
        "audit": read_findings(run.path),
        "parts": facts.parts_of(split),
        "class_counts": facts.class_counts(split, photos["counts"]),
        "ladder": picture(run, "ladder"),
        "hardest": hardest(run),
        **_side_by_side(run),
        **_search(run),
        "augmentation": photo_picture(run, "augmentation"),
        "curve": results.get("learning_curve"),
        "curve_picture": picture(run, "learning_curve"),
        "naive": results.get("naive"),
        "map": about_map(run.path),
        "map_picture": picture(run, "feature_map"),
        "looks": looks_view(run),
        "inside": about_inside(run),
        "facts": flat({"seed": results.get("seed", "not written"), **results.get("environment", {})}),
    }


def _command(run: RunFolder) -> str:
    model = run.path / str(run.results.get("model", "model.onnx"))
    return f"tellapart predict {shlex.quote(str(model))} PHOTO"


def _side_by_side(run: RunFolder) -> dict[str, Any]:
    pictures = {name: picture(run, name) for name in ("curves_all", "confusion_steps", "class_steps")}
    steps = steps_of_classes(run) if pictures["class_steps"] else None
    names = run.results["photos"]["classes"]
    return {**pictures, "class_steps_table": steps_table(names, steps.recipes, steps.changes) if steps else None}


def _search(run: RunFolder) -> dict[str, Any]:
    trials = run.table("recipes", "tuned", "trials.csv")
    return {
        "tuning": [picture(run, f"tuning_{what}") for what in ("history", "importance", "parallel")],
        "about_trials": facts.about_trials(trials) if trials else "",
        "about_importance": facts.about_importance(run.table("recipes", "tuned", "importance.csv")),
        "trials_table": trials_table(trials, settings_of(trials)),
    }
