"""Everything that a finished run explains: one call, and no part that fails takes the run with it."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from tellapart.errors import StorageError
from tellapart.explain.inside import draw_inside
from tellapart.explain.ladder_heatmaps import draw_heatmaps
from tellapart.explain.map import Pooled, draw_map
from tellapart.progress import Progress
from tellapart.report.photo_map import FOLDER

Part = Callable[..., None]  # from a run folder, its results, where to tell, and for the map what is kept

MAP: Final = "map"
# By the stem of its files in RUN/explanations: what it is called, and what draws it.
PARTS: Final[dict[str, tuple[str, Part]]] = {
    MAP: ("the map of photos", draw_map),
    "heatmaps": ("the heat maps", draw_heatmaps),
    "inside": ("the look inside", draw_inside),
}


def leave_explanations(
    run: Path,
    results: dict[str, Any],
    progress: Progress,
    pooled: Pooled | None = None,
    fits: Callable[[str], bool] | None = None,
) -> dict[str, float]:
    """Compute what the report explains, part by part, into RUN/explanations.

    Hours of training must not be lost to a picture. A part that fails, by an operator without a gradient or by a
    defect, is told in a note.

    Args:
        run: A run folder with model files, split.csv and predictions.csv.
        results: What its results.json will hold.
        progress: Where to tell how far it is.
        pooled: What a frozen backbone made of the photos, where that is kept: the map then need not compute it.
        fits: Asked before each part whether there is time for it.

    Returns:
        Seconds that each part took.

    Raises:
        StorageError: No space, no permission: the report could not be written either.
    """
    seconds: dict[str, float] = {}
    for stem, (name, draw) in PARTS.items():
        # What an earlier run left in this folder must not pass for this one's.
        for file in (run / FOLDER).glob(f"{stem}.*"):
            file.unlink()
        if fits is not None and not fits(stem):
            continue
        start = time.perf_counter()
        try:
            draw(run, results, progress, *([pooled] if stem == MAP and pooled else []))
        except StorageError:
            raise
        except Exception as problem:
            why = str(problem) or type(problem).__name__
            progress.note(f"The report goes without {name}: {why}")
        else:
            seconds[stem] = time.perf_counter() - start
    return seconds
