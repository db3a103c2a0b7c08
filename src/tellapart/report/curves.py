"""How a recipe learned: accuracy and loss by epoch, and the gap that over-fitting opens."""

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from tellapart.report.style import DARK, GREY, LIGHT, dress, legend_above, new_figure, put_title

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Row = Mapping[str, str | float]


def number(value: str | float | None) -> float:
    """Read a cell of a table; what is empty, missing or not a number is NaN."""
    try:
        return float(value) if value is not None else math.nan
    except ValueError:
        return math.nan


def column(rows: Sequence[Row], name: str) -> list[float]:
    """Read one column of a table as numbers, NaN where there is none."""
    return [number(row.get(name)) for row in rows]


def epochs_of(history: Sequence[Row]) -> list[int]:
    """Number the epochs: as written where they rise, else 1, 2, 3, ..."""
    written = column(history, "epoch")
    rising = all(a < b for a, b in pairwise(written))
    if rising and all(math.isfinite(epoch) for epoch in written):
        return [int(epoch) for epoch in written]
    return list(range(1, len(history) + 1))


def best_epoch_of(history: Sequence[Row], said: int | None = None) -> int | None:
    """Give the best epoch: `said` where it was trained, else the one of least validation loss."""
    epochs = epochs_of(history)
    if said in epochs:
        return said
    losses = [loss if math.isfinite(loss) else math.inf for loss in column(history, "valid_loss")]
    if not losses or math.isinf(min(losses)):
        return None
    return epochs[losses.index(min(losses))]


def curves(
    title: str, history: Sequence[Row], *, best_epoch: int | None = None, phases: Sequence[int] = ()
) -> "Figure":
    """Draw accuracy over loss, training and validation, with the best epoch and the gap.

    Args:
        title: What the recipe is called.
        history: Rows of history.csv, one an epoch: epoch, loss, accuracy, valid_loss, valid_accuracy.
        best_epoch: The epoch whose weights were kept; by default that of least validation loss.
        phases: The last epoch of each phase before the last one, as in fine-tuning.
    """
    figure = new_figure(7.0)
    upper, lower = figure.subplots(2, 1, sharex=True)
    percent = [{**row, **_in_percent(row)} for row in history]
    _panel(upper, percent, "accuracy", rising=True)
    _panel(lower, history, "loss", rising=False)
    put_title(upper, f"{title}: learning, epoch by epoch", whole=True)
    dress(upper, "", "accuracy (%)")
    dress(lower, "epoch (one pass over the training photos)", "loss (cross-entropy, nats)")
    # The same scale in every recipe, so that the steps can be compared at a glance.
    upper.set_ylim(0, 103)
    lower.set_ylim(0, 1.06 * lower.get_ylim()[1])
    _whole_epochs(lower, epochs_of(history))
    best = best_epoch_of(history, best_epoch)
    if best is not None:
        upper.axvline(best, color=GREY, linestyle=":", linewidth=2.2, label=f"best epoch: {best}")
        lower.axvline(best, color=GREY, linestyle=":", linewidth=2.2)
    for place, last in enumerate(phases):
        label = "last block unfrozen" if place == 0 else None
        upper.axvline(last + 0.5, color=GREY, linestyle="-.", linewidth=1.4, label=label)
        lower.axvline(last + 0.5, color=GREY, linestyle="-.", linewidth=1.4)
    legend_above(upper)
    return figure


def _in_percent(row: Row) -> dict[str, float]:
    return {name: 100 * number(row.get(name)) for name in ("accuracy", "valid_accuracy")}


def _panel(ax: "Axes", history: Sequence[Row], what: str, *, rising: bool) -> None:
    epochs = epochs_of(history)
    train, valid = column(history, what), column(history, f"valid_{what}")
    every = max(1, len(epochs) // 10)
    ax.plot(epochs, train, color=DARK, marker="o", markersize=6, markevery=every, label="training photos")
    ax.plot(
        epochs, valid, color=LIGHT, linestyle="--", marker="s", markersize=6, markevery=every,
        label="validation photos",
    )  # fmt: skip
    gap = [(a > b) if rising else (a < b) for a, b in zip(train, valid, strict=True)]
    if len(epochs) > 1 and any(gap):
        ax.fill_between(
            epochs, train, valid, where=gap, interpolate=True, color=LIGHT, alpha=0.2, linewidth=0,
            label="gap: over-fitting",
        )  # fmt: skip


def _whole_epochs(ax: "Axes", epochs: Sequence[int]) -> None:
    from matplotlib.ticker import MaxNLocator

    ax.xaxis.set_major_locator(MaxNLocator(nbins=8, integer=True, min_n_ticks=1))
    room = max(0.5, 0.03 * (epochs[-1] - epochs[0])) if epochs else 0.5
    if epochs:
        ax.set_xlim(epochs[0] - room, epochs[-1] + room)
