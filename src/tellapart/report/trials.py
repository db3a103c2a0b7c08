"""How the search of the hyper-parameters went."""

import math
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING

from tellapart.report.curves import Row, column, number
from tellapart.report.lettering import drawable, font, wrapped
from tellapart.report.style import (
    DARK,
    INK,
    LIGHT,
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


def with_loss(trials: Sequence[Row], state: str) -> list[tuple[float, float]]:
    """Give (trial, validation loss) of the trials in `state` that left a loss."""
    pairs = ((number(row.get("trial")), number(row.get("valid_loss"))) for row in trials if row.get("state") == state)
    return sorted(pair for pair in pairs if all(map(math.isfinite, pair)))


def tuning_history(trials: Sequence[Row], *, ax: "Axes | None" = None) -> "Figure":
    """Draw the validation loss of each trial, the best so far, and the trials stopped early.

    Args:
        trials: Rows of trials.csv: trial, state (COMPLETE, PRUNED, FAIL), valid_loss.
        ax: Axes to draw into; by default a figure of its own.
    """
    place = one_axes(ax, 4.6)
    complete, pruned = with_loss(trials, "COMPLETE"), with_loss(trials, "PRUNED")
    if complete:
        x, losses = zip(*complete, strict=True)
        best = list(accumulate(losses, min))
        last = max(x[-1], *(trial for trial, _ in pruned or complete))
        place.step([*x, last], [*best, best[-1]], where="post", color=DARK, linewidth=2, label="best so far")
        place.plot(x, losses, "o", color=DARK, markersize=8, label="ran to its end")
    if pruned:
        x, losses = zip(*pruned, strict=True)
        place.plot(x, losses, "X", color=LIGHT, markeredgecolor=INK, markersize=8, label="stopped early")
    _scale(place, [loss for _, loss in complete + pruned])
    dress(place, "trial (one set of hyper-parameters)", "validation loss (nats)")
    put_title(place, "The search: validation loss by trial", whole=ax is None, legend_rows=1)
    legend_above(place, per_row=3)
    return figure_of(place)


def _scale(ax: "Axes", losses: Sequence[float]) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

    ax.xaxis.set_major_locator(MaxNLocator(nbins=8, integer=True, min_n_ticks=1))
    positive = [loss for loss in losses if loss > 0]
    if positive and len(positive) == len(losses) and max(positive) > 10 * min(positive):
        ax.set_yscale("log")
        ax.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        ax.yaxis.set_minor_formatter(NullFormatter())


def tuning_importance(rows: Sequence[Mapping[str, str | float]], *, ax: "Axes | None" = None) -> "Figure":
    """Draw how much each hyper-parameter mattered, the one that mattered most at the top.

    Args:
        rows: Rows of importance.csv: parameter, importance (shares of 1).
        ax: Axes to draw into; by default a figure of its own.
    """
    shares = [share if math.isfinite(share) else 0.0 for share in column(rows, "importance")]
    bars = sorted(zip(shares, (str(row.get("parameter", "")) for row in rows), strict=True))
    place = one_axes(ax, 1.7 + 0.5 * len(bars))
    names = [wrapped(drawable(name.replace("_", " ")), 18) for _, name in bars]
    values = [100 * share for share, _ in bars]
    drawn = place.barh(range(len(bars)), values, height=0.62, color=DARK)
    place.bar_label(drawn, [f"{value:.0f} %" for value in values], padding=4, color=INK, **font(SMALL))
    dress(place, "importance (% of the differences between trials)", "")
    place.set_yticks(range(len(bars)), labels=names, color=INK, **font(SMALL))
    place.grid(visible=False, axis="y")
    place.set_xlim(0, max([*values, 1.0]) * 1.16)
    put_title(place, "The search: which settings mattered", whole=ax is None)
    return figure_of(place)
