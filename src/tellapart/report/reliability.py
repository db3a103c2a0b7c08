"""The reliability diagram: whether a model is as often right as it is sure."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tellapart.report.style import DARK, GREY, INK, LIGHT, dress, figure_of, legend_above, one_axes, put_title

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Bins = Sequence[Mapping[str, float]]
# A mark for few photos is a dot, for 100 a disc: the eye should weigh them as the error does.
_DOT, _DISC, _MANY = 20.0, 190.0, 100.0


def reliability(title: str, calibration: Mapping[str, Any], *, label: str = "", ax: "Axes | None" = None) -> "Figure":
    """Draw accuracy against confidence on the test photos, before and after calibration.

    Args:
        title: What the recipe is called.
        calibration: Of the recipe in results.json; `bins_before` and `bins_after`
            hold n, confidence, accuracy, low and high of each bin.
        label: What the marks after calibration are called in the legend.
        ax: Axes to draw into; by default a figure of its own.
    """
    place = one_axes(ax, 5.6)
    before, after = calibration["bins_before"], calibration["bins_after"]
    changed = calibration["temperature"] != 1
    place.plot([0, 100], [0, 100], color=INK, linestyle="--", linewidth=1.4, label="as right as sure")
    # Of "before" only the place matters: two sets of intervals would hide each other.
    place.vlines(
        _percent(after, "confidence"), _percent(after, "low"), _percent(after, "high"), color=GREY, linewidth=1.6
    )
    place.plot([], [], color=GREY, linewidth=1.6, marker="_", markersize=9, label="95 % interval")
    if changed:
        _marks(place, before, "s", LIGHT, "before calibration")
    _marks(place, after, "o", DARK, label or ("after calibration" if changed else "not changed"))
    put_title(place, f"{title}: how sure, and how often right", whole=ax is None, legend_rows=2)
    dress(place, "how sure the model was (%)", "how often it was right (%)")
    least = min(row["confidence"] for row in (*before, *after))
    place.set_xlim(10 * math.floor(10 * least - 0.3), 102)
    place.set_ylim(-3, 103)
    legend_above(place)
    return figure_of(place)


def _percent(bins: Bins, name: str) -> list[float]:
    return [100 * row[name] for row in bins]


def _marks(ax: "Axes", bins: Bins, marker: str, colour: str, label: str) -> None:
    x, y = _percent(bins, "confidence"), _percent(bins, "accuracy")
    sizes = [_DOT + (_DISC - _DOT) * min(1.0, (row["n"] / _MANY) ** 0.5) for row in bins]
    ax.plot(x, y, color=colour, linestyle=":" if marker == "s" else "-", linewidth=1.4, zorder=3)
    ax.scatter(x, y, s=sizes, color=colour, marker=marker, edgecolors=INK, linewidths=0.8, zorder=4, label=label)
