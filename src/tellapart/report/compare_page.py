"""The page of runs side by side, made from compare.json alone."""

from pathlib import Path
from typing import Any, Final

from tellapart.files import make_folder, write_bytes
from tellapart.report.compare import paired_differences, side_by_side
from tellapart.report.page import render
from tellapart.report.run_folder import read_record
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
    told = read_record(file, _AGAIN)
    pictures: dict[str, Any] = dict.fromkeys(_FIGURES)
    for what, draw in _FIGURES.items():
        if told.get(what):
            picture = save_figure(draw(told[what]), make_folder(folder / "figures") / f"compare_{what}.png")
            pictures[what] = embedded(picture.read_bytes())
    target = folder / "compare.html"
    write_bytes(target, render("compare.html.j2", {"told": told, "pictures": pictures}, file))
    return target
