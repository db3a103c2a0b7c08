"""The learning curve: what was measured with fewer photos, and what is forecast for more."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tellapart.report.style import DARK, GREY, INK, LIGHT, dress, figure_of, legend_above, one_axes, put_title

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Points = Sequence[Mapping[str, float]]
_LEAST_SPAN = 6.0  # points of accuracy on the axis: less would make noise look like a slope


def learning_curve(curve: Mapping[str, Any], *, ax: "Axes | None" = None) -> "Figure":
    """Draw accuracy against the number of photos, the measured part as marks, the forecast as a hatched band.

    Args:
        curve: `learning_curve` of results.json, with sizes.
        ax: Axes to draw into; by default a figure of its own.
    """
    place = one_axes(ax, 5.6)
    drawn = [[100 * (1 - error) for error in errors] for errors in curve["errors"]]
    for size, accuracies in zip(curve["sizes"], drawn, strict=True):
        place.plot([size] * len(accuracies), accuracies, "o", color=GREY, markersize=4, alpha=0.3, zorder=2)
    place.plot([], [], "o", color=GREY, markersize=4, label="one draw")
    means = [sum(accuracies) / len(accuracies) for accuracies in drawn]
    place.plot(curve["sizes"], means, "o", color=DARK, markeredgecolor=INK, markersize=9, zorder=4, label="measured")
    last = curve["sizes"][-1]
    _draw_line(place, [row for row in curve["curve"] if row["photos"] <= last], "-")
    _draw_forecast(place, [row for row in curve["curve"] if row["photos"] >= last], curve["forecast"])
    dress(place, "photos to learn from (logarithmic)", "accuracy (%)")
    put_title(place, f"More photos: a linear head on {curve['features']}", whole=ax is None, legend_rows=2)
    _scale(place, curve, min(map(min, drawn)), max(map(max, drawn)))
    legend_above(place)
    return figure_of(place)


def _draw_line(ax: "Axes", rows: Points, style: str) -> None:
    ax.plot(
        [row["photos"] for row in rows],
        [100 * row["accuracy"] for row in rows],
        style,
        color=DARK,
        linewidth=1.8,
        zorder=3,
    )


def _draw_forecast(ax: "Axes", rows: Points, forecast: Points) -> None:
    photos = [row["photos"] for row in rows]
    low, high = ([100 * row[end] for row in rows] for end in ("low", "high"))
    ax.fill_between(photos, low, high, facecolor=LIGHT, alpha=0.25, edgecolor="none", zorder=1)
    ax.fill_between(
        photos, low, high, facecolor="none", edgecolor=LIGHT, hatch="//", linewidth=0.8, zorder=1,
        label="95 % interval",
    )  # fmt: skip
    _draw_line(ax, rows, "--")
    ax.plot(
        [row["photos"] for row in forecast], [100 * row["accuracy"] for row in forecast], "D", color=LIGHT,
        markeredgecolor=INK, markersize=9, zorder=4, label="forecast",
    )  # fmt: skip


def _scale(ax: "Axes", curve: Mapping[str, Any], least: float, most: float) -> None:
    from matplotlib.ticker import NullLocator

    rows = [*curve["forecast"], *curve["curve"][-1:]]
    least = min(least, *(100 * row["low"] for row in rows))
    most = max(most, *(100 * row["high"] for row in rows))
    room = max(1.0, (_LEAST_SPAN - (most - least)) / 2)
    ax.set_ylim(max(-1.0, least - room), min(101.0, most + room))
    n = curve["photos"]
    ax.set_xscale("log")
    ticks = [n / 8, n / 4, n / 2, n, 2 * n, 4 * n]
    names = ["", "", "", "\nall", "\ntwice", "\nfour times"]
    ax.set_xticks(ticks, labels=[f"{_short(at)}{name}" for at, name in zip(ticks, names, strict=True)])
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set_xlim(curve["sizes"][0] / 1.25, 4 * n * 1.25)


def _short(photos: float) -> str:
    return f"{photos:,.0f}" if photos < 99_950 else f"{photos / 1000:,.0f}k"
