"""All trials of the search at once: parallel coordinates, one line a trial."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tellapart.report.curves import Row, number
from tellapart.report.lettering import drawable, font, wrapped
from tellapart.report.style import DARK, GREY, INK, LIGHT, SMALL, dress, figure_of, legend_above, one_axes, put_title

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LOSS = "valid_loss"
_NO_SETTINGS = {"trial", "state", LOSS, "valid_accuracy", "epochs", "seconds"}
_LOG_FROM = 20.0  # the largest over the smallest value from which a setting is drawn on a log axis


@dataclass(frozen=True)
class _Scale:
    """Where the values of one column lie on their axis, from 0 to 1, and what stands at its ends."""

    name: str
    ends: tuple[str, str]
    place: Callable[[str | float | None], float]


def settings_of(trials: Sequence[Row]) -> list[str]:
    """Name the settings that were searched: the columns of trials.csv that differ between trials."""
    names = [name for name in trials[0] if name not in _NO_SETTINGS] if trials else []
    return [name for name in names if len({str(row.get(name, "")) for row in trials} - {""}) > 1]


def tuning_parallel(trials: Sequence[Row], *, ax: "Axes | None" = None) -> "Figure":
    """Draw every trial as a line through its settings, down to its validation loss at the bottom.

    Each setting has an axis of its own, from its smallest value tried to its largest; a setting that spans a
    factor of 20 or more has a logarithmic one.

    Args:
        trials: Rows of trials.csv: trial, state, valid_loss, and a column for each setting.
        ax: Axes to draw into; by default a figure of its own.
    """
    kept = [row for row in trials if math.isfinite(number(row.get(LOSS)))]
    scales = [_scale_of(name, kept) for name in (*settings_of(kept), LOSS)]
    place = one_axes(ax, 2.0 + 0.72 * len(scales))
    for at, scale in enumerate(scales):
        place.axhline(at, color=GREY, linewidth=1.2, zorder=1)
        for end, text in enumerate(scale.ends):
            place.text(end, at + 0.1, text, ha="right" if end else "left", va="top", color=INK, zorder=5,
                       bbox={"facecolor": "white", "alpha": 0.75, "pad": 0.8, "linewidth": 0},
                       **font(SMALL))  # fmt: skip
    _draw_trials(place, kept, scales)
    dress(place, "each axis: smallest value tried, at the left, to largest", "")
    names = [wrapped(drawable(scale.name.replace("valid_", "validation ").replace("_", " ")), 12) for scale in scales]
    place.set_yticks(range(len(scales)), labels=names, color=INK, **font(SMALL))
    place.set_xticks([])
    place.tick_params(length=0)
    place.grid(visible=False)
    place.spines[:].set_visible(False)
    place.set_xlim(-0.03, 1.03)
    place.set_ylim(len(scales) - 0.5, -0.4)
    put_title(place, "The search: settings and loss of each trial", whole=ax is None, legend_rows=2)
    legend_above(place)
    return figure_of(place)


def _draw_trials(ax: "Axes", trials: Sequence[Row], scales: Sequence[_Scale]) -> None:
    complete = [row for row in trials if row.get("state") == "COMPLETE"]
    best = min(complete, key=lambda row: number(row.get(LOSS)), default=None)
    named: set[str] = set()
    for row in trials:
        stopped = row.get("state") != "COMPLETE"
        label = "best" if row is best else "stopped early" if stopped else "ran to its end"
        style: dict[str, Any] = {
            "best": {"color": LIGHT, "linewidth": 3.2, "marker": "D", "markersize": 8, "zorder": 4},
            "stopped early": {"color": GREY, "linewidth": 1.1, "linestyle": ":", "zorder": 2},
            "ran to its end": {"color": DARK, "linewidth": 1.6, "alpha": 0.75, "zorder": 3},
        }[label]
        places = [scale.place(row.get(scale.name)) for scale in scales]
        ax.plot(places, range(len(scales)), markeredgecolor=INK, label=None if label in named else label, **style)
        named.add(label)


def _scale_of(name: str, rows: Sequence[Row]) -> _Scale:
    cells = [row.get(name) for row in rows]
    values = [number(cell) for cell in cells]
    if any(not math.isfinite(value) for value in values):
        return _scale_of_words(name, [str(cell) for cell in cells])
    least, most = min(values, default=0.0), max(values, default=1.0)
    curved = least > 0 and most >= _LOG_FROM * least
    low, high = (math.log(least), math.log(most)) if curved else (least, most)

    def place(cell: str | float | None) -> float:
        value = number(cell)
        value = math.log(value) if curved else value
        return (value - low) / (high - low) if high > low else 0.5

    return _Scale(name, (f"{least:.3g}", f"{most:.3g}" + (" (log)" if curved else "")), place)


def _scale_of_words(name: str, cells: Sequence[str]) -> _Scale:
    words = sorted(set(cells))

    def place(cell: str | float | None) -> float:
        return words.index(str(cell)) / max(1, len(words) - 1)

    return _Scale(name, (wrapped(drawable(words[0]), 16, 1), wrapped(drawable(words[-1]), 16, 1)), place)
