"""What the page says and shows of one step of the ladder."""

import base64
import io
import struct
from collections.abc import Mapping
from typing import Any

from tellapart.plain_text import isolated
from tellapart.report import facts
from tellapart.report.answers import fares_of
from tellapart.report.coverage import about_doubts
from tellapart.report.curves import rates_of
from tellapart.report.page_tables import epochs_table, matrix_table, reliability_table
from tellapart.report.run_folder import RunFolder
from tellapart.report.style import DOTS_PER_INCH, INCHES

# A wide figure keeps 72 pixels an inch and scrolls in its own box, so that its
# letters stay as large as those of the others.
_PIXELS_PER_INCH = 72
_WIDE_INCHES = 1.15 * INCHES
_QUALITY = 70  # of WebP


def title_of(recipe: Mapping[str, Any]) -> str:
    """Call a recipe by its title, in early runs by its name."""
    return str(recipe.get("title") or recipe["name"].capitalize())


def step_view(run: RunFolder, recipe: dict[str, Any]) -> dict[str, Any]:
    """Gather what the templates tell of a recipe of `RunFolder.recipes`; a figure that was not drawn is None."""
    name, matrix = recipe["name"], recipe["test"]["confusion"]
    classes = run.results["photos"]["classes"]
    history = run.table("recipes", name, "history.csv")
    confusion = picture(run, f"confusion_{name}")
    return {
        "recipe": recipe,
        "title": title_of(recipe),
        "chosen": name == run.results["best"]["recipe"],
        "lesson": recipe["lesson"],
        "gap": facts.gap_of(recipe),
        "right": facts.right_of(matrix),
        "mistakes": facts.mistakes(matrix, classes),
        "classes": facts.class_scores(matrix, classes),
        "fares": fares_of(run, name),
        "class_picture": picture(run, f"classes_{name}"),
        "curves": picture(run, f"curves_{name}"),
        "has_rates": bool(rates_of(history)),
        "about_curves": facts.about_curves(history, recipe["best_epoch"], recipe["phases"]) if history else "",
        "epochs_table": epochs_table(history, recipe["best_epoch"]) if name != "majority" else None,
        "confusion": confusion,
        "matrix_table": matrix_table(matrix, classes),
        "reliability": picture(run, f"reliability_{name}"),
        "reliability_table": reliability_table(recipe["calibration"]),
        "about_calibration": facts.about_calibration(recipe["calibration"]) if recipe["calibration"] else "",
        "coverage": picture(run, f"coverage_{name}"),
        "about_doubts": about_doubts(recipe),
        "rejection": recipe["rejection"],
        "large_matrix": confusion is not None and confusion["wide"],
        "settings": flat(recipe["hyperparameters"] or {}),
    }


def hardest(run: RunFolder) -> str:
    """Tell of which class the chosen recipe finds the smallest share; empty where it finds all."""
    scores = facts.class_scores(run.best["test"]["confusion"], run.results["photos"]["classes"])
    there = [score for score in scores if score.photos]
    worst = min(there, key=lambda score: score.recall, default=None)
    if worst is None or worst.recall == 1:
        return ""
    return f"“{isolated(worst.name)}”, {round(worst.recall * worst.photos)} of {worst.photos} found"


def picture(run: RunFolder, name: str) -> dict[str, Any] | None:
    """Give a figure of the run as a data URI with its size in pixels of the page; None where it was not drawn."""
    file = run.figure(name)
    return None if file is None else embedded(file.read_bytes())


def embedded(content: bytes) -> dict[str, Any]:
    """A PNG file as a template shows it: a data URI, and its size on the page."""
    # The header of a PNG file holds its width and height at this place.
    width, height = struct.unpack(">II", content[16:24])
    scale = _PIXELS_PER_INCH / DOTS_PER_INCH
    return {
        "source": f"data:image/png;base64,{base64.b64encode(content).decode()}",
        "width": round(width * scale),
        "height": round(height * scale),
        "wide": width / DOTS_PER_INCH > _WIDE_INCHES,
    }


def photo_picture(run: RunFolder, name: str) -> dict[str, Any] | None:
    """Give a figure made of photos as `picture` does, but as WebP, in a tenth of the bytes; None where not drawn."""
    from PIL import Image

    file = run.figure(name)
    if file is None:
        return None
    content = io.BytesIO()
    with Image.open(file) as image:
        image.convert("RGB").save(content, "WEBP", quality=_QUALITY, method=4)
        width, height = (round(side * _PIXELS_PER_INCH / DOTS_PER_INCH) for side in image.size)
    source = f"data:image/webp;base64,{base64.b64encode(content.getvalue()).decode()}"
    return {"source": source, "width": width, "height": height, "wide": False}


def flat(content: Mapping[str, Any], above: str = "") -> list[tuple[str, str]]:
    """Lay nested settings out as (name, value) lines."""
    lines: list[tuple[str, str]] = []
    for key, value in content.items():
        name = f"{above}{key}".replace("_", " ")
        if isinstance(value, Mapping):
            lines += flat(value, f"{name}: ")
        elif isinstance(value, list):
            lines.append((name, ", ".join(map(str, value))))
        else:
            lines.append((name, f"{value:.6g}" if isinstance(value, float) else str(value)))
    return lines
