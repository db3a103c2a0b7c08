"""Where new photos lie among those that a model was made with, as a figure."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tellapart.report.lettering import drawable, font, wrapped
from tellapart.report.style import (
    DARK,
    GREY,
    INK,
    LIGHT,
    PALE,
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

_ROW = 0.66  # inches: the name over its bar
_COLUMNS = 52


def drift(measures: Sequence[Mapping[str, Any]], *, ax: "Axes | None" = None) -> "Figure":
    """Draw where the new photos lie among the old ones, measure by measure.

    Each row is a scale of the old photos, in hundredths of them. The thick bar
    holds the middle half of the new photos, the thin line the middle four fifths,
    the mark is their median; without drift the bar reaches from 25 to 75.

    Args:
        measures: `drift.measures` of evaluation.json.
        ax: Axes to draw into; by default a figure of its own.
    """
    place = one_axes(ax, 1.9 + _ROW * len(measures))
    place.axvspan(25, 75, color=PALE, zorder=0)
    for row, measure in enumerate(measures):
        _row(place, row, measure)
    drifted = {bool(measure["drifts"]) for measure in measures}
    for label, kind in (("differs", True), ("alike", False)):
        if kind in drifted:
            place.plot([], [], label=label, **_mark(drifts=kind))
    place.plot([], [], color=GREY, linewidth=6, solid_capstyle="butt", label="half of the new photos")
    place.plot([], [], color=GREY, linewidth=1.6, label="four fifths")
    place.set_yticks([])
    place.set_xlim(-2, 102)
    place.set_ylim(max(len(measures), 1) - 0.6, -0.85)
    dress(place, "share of its own photos that lie below (%)", "")
    place.spines["left"].set_visible(False)
    put_title(place, "New photos among the model's own", whole=ax is None, legend_rows=2)
    legend_above(place)
    return figure_of(place)


def _row(ax: "Axes", row: int, measure: Mapping[str, Any]) -> None:
    # Not through the letters.
    ax.vlines(50, row - 0.16, row + 0.2, color=INK, linestyle="--", linewidth=1.4, zorder=1)
    tenth, quarter, half, three, nine = (100 * share for share in measure["places"])
    ax.plot([tenth, nine], [row, row], color=GREY, linewidth=1.6, zorder=2)
    ax.plot([quarter, three], [row, row], color=GREY, linewidth=6, solid_capstyle="butt", zorder=3)
    ax.plot([half], [row], **_mark(drifts=bool(measure["drifts"])), zorder=4)
    told = f"{measure['title']}: {measure['verdict']}"
    ax.text(
        0.0, row - 0.18, wrapped(drawable(told), _COLUMNS, lines=1), transform=ax.get_yaxis_transform(),
        ha="left", va="bottom", color=INK, zorder=5, **font(SMALL, "bold" if measure["drifts"] else "normal"),
    )  # fmt: skip


def _mark(*, drifts: bool) -> dict[str, Any]:
    shape = {"marker": "D", "color": LIGHT} if drifts else {"marker": "o", "color": DARK}
    return {"markeredgecolor": INK, "markersize": 10, "linestyle": "none", **shape}
