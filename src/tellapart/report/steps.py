"""The ladder as a figure: what each step scores, and what it costs."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tellapart.report.lettering import drawable, font
from tellapart.report.style import (
    DARK,
    GREY,
    INK,
    LIGHT,
    SIZE,
    SMALL,
    dress,
    figure_of,
    legend_above,
    one_axes,
    put_title,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.transforms import Bbox

_TICKS = {
    0.1: "0.1 s", 1: "1 s", 10: "10 s", 60: "1 min", 600: "10 min",
    3600: "1 h", 36_000: "10 h", 360_000: "100 h",
}  # fmt: skip
# Where a ladder spans less than that, so that its axis has two figures at least.
_FINE_TICKS = _TICKS | {
    0.3: "0.3 s", 3: "3 s", 30: "30 s", 180: "3 min", 1800: "30 min", 10_800: "3 h",
}  # fmt: skip
_LEAST_SECONDS = 0.1
# Where a label may stand beside its point, in points of type: the nearest first, and where points crowd beyond the ends
# of their intervals, with a line to the point.
_SPOTS = [
    (dx * reach, dy * reach)
    for reach in (1, 1.7, 2.5)
    for dx, dy in ((9, 0), (-9, 0), (7, 11), (-7, 11), (7, -11), (-7, -11))
] + [(dx, dy) for dy in (50, -50, 65, -65, 80, -80) for dx in (0, 9, -9)]


def ladder(recipes: Sequence[Mapping[str, Any]], *, best: str | None = None, ax: "Axes | None" = None) -> "Figure":
    """Draw accuracy on the test photos, with its interval, against the seconds each recipe took.

    Args:
        recipes: Entries of `recipes` in results.json; the recipe `majority` is drawn as the floor.
        best: Name of the chosen recipe.
        ax: Axes to draw into; by default a figure of its own.
    """
    place = one_axes(ax, 5.6)
    points = [recipe for recipe in recipes if recipe["name"] != "majority"]
    floor = next((recipe for recipe in recipes if recipe["name"] == "majority"), None)
    _draw_points(place, points, best)
    _scale_axes(place, recipes, points)
    dress(place, "time for the whole step (logarithmic)", "accuracy on the test photos (%)")
    put_title(place, "The ladder: accuracy against time", whole=ax is None, legend_rows=2)
    if floor is not None:
        _draw_floor(place, 100 * floor["test"]["accuracy"])
    if points or floor is not None:
        legend_above(place)
    _write_labels(place, points, best)
    return figure_of(place)


def _spot(recipe: Mapping[str, Any]) -> tuple[float, float]:
    return max(recipe["seconds"]["total"], _LEAST_SECONDS), 100 * recipe["test"]["accuracy"]


def _draw_points(ax: "Axes", points: Sequence[Mapping[str, Any]], best: str | None) -> None:
    for recipe in points:
        seconds, accuracy = _spot(recipe)
        low, high = (100 * recipe["test"][f"accuracy_{end}"] for end in ("low", "high"))
        ax.plot([seconds, seconds], [low, high], color=GREY, linewidth=1.6, marker="_", markersize=9, zorder=2)
        if recipe["name"] == best:
            ax.plot(
                seconds, accuracy, "o", markersize=19, markerfacecolor="none", markeredgecolor=INK,
                markeredgewidth=1.8, zorder=3, label="chosen",
            )  # fmt: skip
    for label, marker, colour, pretrained in (
        ("from scratch", "o", DARK, False),
        ("pretrained backbone", "D", LIGHT, True),
    ):
        kind = [_spot(recipe) for recipe in points if bool(recipe.get("backbone")) is pretrained]
        if kind:
            x, y = zip(*kind, strict=True)
            ax.plot(
                x, y, linestyle="none", marker=marker, color=colour, markeredgecolor=INK, markersize=10,
                zorder=4, label=label,
            )  # fmt: skip
    if points:
        ax.plot([], [], color=GREY, linewidth=1.6, marker="_", markersize=9, label="95 % interval")


def _draw_floor(ax: "Axes", accuracy: float) -> None:
    ax.axhline(accuracy, color=INK, linestyle="--", linewidth=1.6, label=f"floor: commonest class, {accuracy:.0f} %")


def _scale_axes(ax: "Axes", recipes: Sequence[Mapping[str, Any]], points: Sequence[Mapping[str, Any]]) -> None:
    from matplotlib.ticker import NullLocator

    seconds = [_spot(recipe)[0] for recipe in points] or [1.0, 60.0]
    ax.set_xscale("log")
    # Room for the labels beside the outermost points.
    room = max(2.0, (max(seconds) / min(seconds)) ** 0.22)
    left, right = min(seconds) / room, max(seconds) * room
    near = {at: text for at, text in _TICKS.items() if left <= at <= right}
    if len(near) < 3:
        near = {at: text for at, text in _FINE_TICKS.items() if left <= at <= right}
    ax.set_xticks(list(near), labels=list(near.values()))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set_xlim(left, right)
    lows = [100 * recipe["test"]["accuracy_low"] for recipe in points]
    lows += [100 * recipe["test"]["accuracy"] for recipe in recipes]
    bottom = math.floor((min(lows, default=0) - 4) / 10) * 10
    ax.set_ylim(max(0, bottom), 102)


def _write_labels(ax: "Axes", points: Sequence[Mapping[str, Any]], best: str | None) -> None:
    figure = figure_of(ax)
    # The layout must be settled before places can be compared, and stay as it is after.
    figure.draw_without_rendering()
    taken = [_bar_box(ax, recipe) for recipe in points]
    inside = ax.get_window_extent()
    for recipe in points:
        chosen = recipe["name"] == best
        weight = "bold" if chosen else "normal"
        label = ax.annotate(
            drawable(recipe["name"], weight), _spot(recipe), xytext=(0, 0), textcoords="offset points",
            color=INK, zorder=5, arrowprops={"arrowstyle": "-", "color": GREY, "linewidth": 0.9},
            **font(SIZE if chosen else SMALL, weight),
        )  # fmt: skip
        label.set_in_layout(False)
        taken.append(_settle(label, taken, inside, reach=1.4 if chosen else 1.0))
        # Words right beside their point need no line to it; it would end in the middle of the mark.
        if label.arrow_patch is not None and label.get_position()[1] == 0:
            label.arrow_patch.set_visible(False)


def _bar_box(ax: "Axes", recipe: Mapping[str, Any]) -> "Bbox":
    from matplotlib.transforms import Bbox

    x, y = _spot(recipe)
    low, high = (100 * recipe["test"][f"accuracy_{end}"] for end in ("low", "high"))
    (left, bottom), (_, top) = ax.transData.transform([(x, min(low, y)), (x, max(high, y))])
    half = 7 * figure_of(ax).dpi / 72
    return Bbox.from_extents(left - half, bottom, left + half, top)


def _settle(label: Any, taken: "Sequence[Bbox]", inside: "Bbox", *, reach: float) -> "Bbox":
    """Move a label to the spot where it hides least, and give the box that it fills."""
    from matplotlib.text import Text

    def put(spot: tuple[float, float]) -> "Bbox":
        label.set_position((spot[0] * reach, spot[1] * reach))
        label.set_horizontalalignment("left" if spot[0] > 0 else "right" if spot[0] < 0 else "center")
        label.set_verticalalignment("center")
        # The first call brings the words to their place; its answer takes in the line to the point.
        label.get_window_extent()
        return Text.get_window_extent(label).padded(4)

    def hidden(spot: tuple[float, float]) -> float:
        box = put(spot)
        clash = sum(_overlap(box, other) for other in taken)
        outside = box.width * box.height - _overlap(box, inside)
        return round(clash + 3 * outside)

    return put(min(_SPOTS, key=hidden))


def _overlap(a: "Bbox", b: "Bbox") -> float:
    width = min(a.x1, b.x1) - max(a.x0, b.x0)
    height = min(a.y1, b.y1) - max(a.y0, b.y0)
    return float(width * height) if width > 0 and height > 0 else 0.0
