"""The figures of the map of all photos, drawn from what a run folder holds."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from tellapart.report.contact_sheets import Tile, contact_sheet, neighbour_sheet
from tellapart.report.feature_map import feature_map
from tellapart.report.photo_map import PhotoMap, read_map
from tellapart.words import percent

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def map_figures(run: Path) -> "Iterator[tuple[str, Figure]]":
    """Yield the figures of the map of a run with their names; none where it has no map.

    Raises:
        RunFolderError: The map is damaged, or of another format.
    """
    found = read_map(run)
    if found is None:
        return
    yield "feature_map", map_figure(found)
    typical = [_tile(found, photo, found.classes[label]) for label, row in found.typical().items() for photo in row]
    if typical:
        yield "typical", contact_sheet("Most typical of each class", typical)
    mistakes = found.listed("mistakes")
    if mistakes:
        yield "mistakes", contact_sheet("Most confidently wrong", [_judged(found, photo) for photo in mistakes])
    unsure = found.listed("unsure")
    if unsure:
        yield "unsure", contact_sheet("Least sure", [_judged(found, photo) for photo in unsure])
    rows = [(photo, near) for photo in mistakes if (near := shown_neighbours(found, photo))]
    if rows:
        title = "Mistakes and the photos nearest to them"
        yield "neighbours", neighbour_sheet(title, [_row(found, photo, near) for photo, near in rows])


def shown_neighbours(found: PhotoMap, photo: int) -> list[int]:
    """The neighbours of a mistake that have a picture."""
    return [near for near in found.neighbours().get(photo, []) if near in found.pictures]


def map_figure(found: PhotoMap, ax: "Axes | None" = None) -> "Figure":
    """Draw the points of a map, into `ax` where it is given."""
    said = found.column("predicted")
    return feature_map(
        found.points,
        found.column("class"),
        found.classes,
        tested=[name is not None for name in said],
        mistakes=found.mistakes,
        method=found.told["method"],
        ax=ax,
    )


def _row(found: PhotoMap, photo: int, near: list[int]) -> tuple[Tile, list[Tile]]:
    label, said = (found.classes[found.column(name)[photo]] for name in ("class", "predicted"))
    others = [_tile(found, other, found.classes[found.column("class")[other]]) for other in near]
    return _tile(found, photo, label, f"said: {said}"), others


def _judged(found: PhotoMap, photo: int) -> Tile:
    label, said = (found.column(name)[photo] for name in ("class", "predicted"))
    sure = percent(found.column("sure")[photo], 0)
    second = f"right, {sure}" if label == said else f"said: {found.classes[said]}"
    lines = (found.classes[label], second) if label == said else (found.classes[label], second, sure)
    return _tile(found, photo, *lines)


def _tile(found: PhotoMap, photo: int, *lines: str) -> Tile:
    return Tile(_pixels(found.pictures[photo]), lines)


def _pixels(content: bytes) -> "np.ndarray":
    import numpy as np
    from PIL import Image

    with Image.open(io.BytesIO(content), formats=("JPEG",)) as picture:
        return np.asarray(picture.convert("RGB"))
