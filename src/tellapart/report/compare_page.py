"""The page of runs side by side, made from compare.json alone."""

import json
from pathlib import Path
from typing import Any, Final

from tellapart.errors import RunFolderError
from tellapart.files import make_folder, read_json, write_bytes
from tellapart.report.compare import paired_differences, side_by_side
from tellapart.report.page import render
from tellapart.report.step_view import embedded
from tellapart.report.style import save_figure

_AGAIN: Final = "Next: tellapart compare RUN RUN --out DIR"
_FIGURES: Final = {"scores": side_by_side, "comparisons": paired_differences}


def write_compare_page(folder: Path) -> Path:
    """Write compare.html, and its figures into `figures/`, from compare.json beside it.

    Raises:
        RunFolderError: There is no compare.json, or it cannot be read.
        StorageError: No space, no permission.
    """
    file = folder / "compare.json"
    try:
        told = read_json(file)
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as problem:
        raise RunFolderError(f"{file} cannot be read as JSON. {_AGAIN}") from problem
    if not isinstance(told, dict) or told.get("format") != 1:
        raise RunFolderError(f"{file} is of another version of Tellapart. {_AGAIN}")
    pictures: dict[str, Any] = dict.fromkeys(_FIGURES)
    for what, draw in _FIGURES.items():
        if told.get(what):
            picture = save_figure(draw(told[what]), make_folder(folder / "figures") / f"compare_{what}.png")
            pictures[what] = embedded(picture.read_bytes())
    target = folder / "compare.html"
    write_bytes(target, render("compare.html.j2", {"told": told, "pictures": pictures}, file))
    return target
