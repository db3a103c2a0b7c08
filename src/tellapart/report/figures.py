"""All figures of a run: each one a function from plain data to a matplotlib Figure.

Every figure is legible on a phone (360 pixels wide) and in greyscale.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tellapart.files import make_folder, write_bytes
from tellapart.report.answers import fares_of, learned_of, steps_of_classes
from tellapart.report.classes import class_steps, classes
from tellapart.report.contact_sheets import contact_sheet, neighbour_sheet
from tellapart.report.coverage import coverage
from tellapart.report.curves import column, curves, learning_rate
from tellapart.report.curves_all import curves_all
from tellapart.report.feature_map import feature_map
from tellapart.report.growth import learning_curve
from tellapart.report.heatmaps import heatmap, heatmaps
from tellapart.report.inside_figures import activations, filters, inside_figures, responses
from tellapart.report.lettering import drawable, font, wrapped
from tellapart.report.looks import look_figures
from tellapart.report.map_figures import map_figures
from tellapart.report.matrices import confusion_steps
from tellapart.report.matrix import confusion
from tellapart.report.parallel import settings_of, tuning_parallel
from tellapart.report.reliability import reliability
from tellapart.report.run_folder import RunFolder
from tellapart.report.step_view import title_of
from tellapart.report.steps import ladder
from tellapart.report.style import INK, SMALL, drawn, encoded, new_figure, put_title, save_figure
from tellapart.report.trials import tuning_history, tuning_importance, with_loss

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.figure import Figure
    from numpy.typing import NDArray
    from PIL.Image import Image

__all__ = [
    "activations",
    "augmentation",
    "class_steps",
    "classes",
    "confusion",
    "confusion_steps",
    "contact_sheet",
    "coverage",
    "curves",
    "curves_all",
    "draw_figures",
    "feature_map",
    "filters",
    "heatmap",
    "heatmaps",
    "ladder",
    "learning_curve",
    "learning_rate",
    "neighbour_sheet",
    "reliability",
    "responses",
    "save_figure",
    "tuning_history",
    "tuning_importance",
    "tuning_parallel",
]

_TILES_A_ROW = 3


def augmentation(tiles: "Sequence[tuple[str, NDArray[np.uint8]]]") -> "Figure":
    """Draw one photo under each augmentation, side by side.

    Args:
        tiles: (title, photo); each photo is RGB of shape (height, width, 3).
    """
    rows = -(-max(len(tiles), 1) // _TILES_A_ROW)
    tallest = max((photo.shape[0] / photo.shape[1] for _, photo in tiles), default=1.0)
    figure = new_figure(0.6 + (0.55 + 1.8 * tallest) * rows)
    places = list(figure.subplots(rows, _TILES_A_ROW, squeeze=False).flat)
    for place in places:
        place.set_axis_off()
    for place, (title, photo) in zip(places, tiles, strict=False):
        place.imshow(photo)
        place.set_title(wrapped(drawable(title), 19), color=INK, **font(SMALL))
    put_title(places[0], "Augmentation: one photo, as training shows it", whole=True)
    return figure


def draw_figures(run: RunFolder) -> list[Path]:
    """Draw all figures that the data of a run folder allow into its `figures/`.

    Returns:
        The files written. Files that fit drew itself, such as augmentation.png, stay as they are.

    Raises:
        StorageError: No space, no permission.
    """
    target = make_folder(run.path / "figures")
    # Drawing holds Python's lock and encoding does not: a core each.
    with ThreadPoolExecutor(1) as pool:
        files = [pool.submit(_write, target / f"{name}.png", drawn(figure)) for name, figure in _figures(run)]
    return [file.result() for file in files]


def _write(file: Path, picture: "Image") -> Path:
    write_bytes(file, encoded(picture))
    return file


def _figures(run: RunFolder) -> "Iterator[tuple[str, Figure]]":
    if any(recipe["name"] != "majority" for recipe in run.recipes):
        yield "ladder", ladder(run.recipes, best=run.best["name"])
    yield from _side_by_side(run)
    for recipe in run.recipes:
        yield from _figures_of(run, recipe)
    curve = run.results.get("learning_curve")
    if curve and curve["sizes"]:
        yield "learning_curve", learning_curve(curve)
    trials = run.table("recipes", "tuned", "trials.csv")
    if with_loss(trials, "COMPLETE") or with_loss(trials, "PRUNED"):
        yield "tuning_history", tuning_history(trials)
        if settings_of(trials):
            yield "tuning_parallel", tuning_parallel(trials)
    importance = run.table("recipes", "tuned", "importance.csv")
    if any(share > 0 for share in column(importance, "importance")):
        yield "tuning_importance", tuning_importance(importance)
    yield from map_figures(run.path)
    yield from look_figures(run)
    yield from inside_figures(run.path)


def _side_by_side(run: RunFolder) -> "Iterator[tuple[str, Figure]]":
    names = run.results["photos"]["classes"]
    learned = learned_of(run)
    if len(learned) > 1:
        yield "curves_all", curves_all(learned)
    matrices = [(recipe["name"], recipe["test"]["confusion"]) for recipe in run.recipes if recipe["name"] != "majority"]
    if len(matrices) > 1:
        yield "confusion_steps", confusion_steps(matrices, names)
    steps = steps_of_classes(run)
    if steps is not None:
        yield "class_steps", class_steps(names, steps.recipes, steps.changes)


def _figures_of(run: RunFolder, recipe: dict[str, Any]) -> "Iterator[tuple[str, Figure]]":
    name = recipe["name"]
    title = title_of(recipe)
    history = run.table("recipes", name, "history.csv")
    if history and name != "majority":
        yield f"curves_{name}", curves(title, history, best_epoch=recipe["best_epoch"], phases=recipe["phases"])
    yield f"confusion_{name}", confusion(title, recipe["test"]["confusion"], run.results["photos"]["classes"])
    fares = fares_of(run, name)
    if fares and name != "majority":
        yield f"classes_{name}", classes(title, fares)
    # The floor is equally sure of every photo: a diagram of one point.
    if recipe["calibration"] and name != "majority":
        yield f"reliability_{name}", reliability(title, recipe["calibration"])
    if recipe["rejection"] and len(recipe["rejection"]["curve"]) > 1:
        yield f"coverage_{name}", coverage(title, recipe["rejection"])
