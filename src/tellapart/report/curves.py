"""How a recipe learned: accuracy and loss by epoch, and the gap that over-fitting opens."""

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from tellapart.errors import UnknownNameError
from tellapart.report.lettering import font
from tellapart.report.style import (
    DARK,
    GREY,
    INK,
    LIGHT,
    SIZE,
    dress,
    figure_of,
    legend_above,
    new_figure,
    put_title,
)

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
    title: str,
    history: Sequence[Row],
    *,
    best_epoch: int | None = None,
    phases: Sequence[int] = (),
    what: str | None = None,
    ax: "Axes | None" = None,
) -> "Figure":
    """Draw accuracy over loss, training and validation, with the best epoch, the gap and the learning rate.

    Args:
        title: What the recipe is called.
        history: Rows of history.csv, one an epoch: epoch, loss, accuracy, valid_loss, valid_accuracy, and in runs
            of newer versions learning_rate.
        best_epoch: The epoch whose weights were kept; by default that of least validation loss.
        phases: The last epoch of each phase before the last one, as in fine-tuning.
        what: One of "accuracy", "loss" and "learning_rate" alone; by default all that the history holds, or the
            accuracy where there is only `ax` to draw into.
        ax: Axes to draw one of them into; by default a figure of its own.
    """
    panels = _panels(history, what, ax)
    places = [ax] if ax is not None else _axes(panels)
    for place, name in zip(places, panels, strict=True):
        _PANELS[name](place, history)
        _mark_epochs(place, best_epoch_of(history, best_epoch), phases)
    first, last = places[0], places[-1]
    last.set_xlabel("epoch (one pass over the training photos)", color=INK, **font(SIZE))
    _whole_epochs(last, epochs_of(history))
    put_title(first, f"{title}: learning, epoch by epoch", whole=ax is None, legend_rows=2)
    legend_above(first)
    return figure_of(first)


def learning_rate(title: str, history: Sequence[Row], *, ax: "Axes | None" = None) -> "Figure":
    """Draw the learning rate by epoch; arguments as for `curves`."""
    return curves(title, history, what="learning_rate", ax=ax)


def rates_of(history: Sequence[Row]) -> list[float]:
    """The learning rates of a history, without those that are missing."""
    return [rate for rate in column(history, "learning_rate") if math.isfinite(rate) and rate > 0]


def _panels(history: Sequence[Row], what: str | None, ax: "Axes | None") -> list[str]:
    if what is not None and what not in _PANELS:
        raise UnknownNameError("panel of the curves", what, _PANELS)
    if what is not None or ax is not None:
        return [what or "accuracy"]
    return ["accuracy", "loss", *(["learning_rate"] if rates_of(history) else [])]


def _axes(panels: Sequence[str]) -> "list[Axes]":
    heights = [_INCHES_OF[name] for name in panels]
    figure = new_figure(1.2 + sum(heights))
    return list(figure.subplots(len(panels), 1, sharex=True, squeeze=False, height_ratios=heights)[:, 0])


def _mark_epochs(ax: "Axes", best: int | None, phases: Sequence[int]) -> None:
    if best is not None:
        ax.axvline(best, color=GREY, linestyle=":", linewidth=2.2, label=f"best epoch: {best}")
    for place, last in enumerate(phases):
        label = "last block unfrozen" if place == 0 else None
        ax.axvline(last + 0.5, color=GREY, linestyle="-.", linewidth=1.4, label=label)


def _accuracy(ax: "Axes", history: Sequence[Row]) -> None:
    draw_pair(ax, [{**row, **_in_percent(row)} for row in history], "accuracy", rising=True)
    dress(ax, "", "accuracy (%)")
    # The same scale in every recipe, so that the steps can be compared at a glance.
    ax.set_ylim(0, 103)


def _loss(ax: "Axes", history: Sequence[Row]) -> None:
    draw_pair(ax, history, "loss", rising=False)
    dress(ax, "", "loss (cross-entropy, nats)")
    ax.set_ylim(0, 1.06 * ax.get_ylim()[1])


def _rate(ax: "Axes", history: Sequence[Row]) -> None:
    from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullFormatter, NullLocator

    rates = column(history, "learning_rate")
    ax.step(epochs_of(history), rates, where="mid", color=DARK, linewidth=2, label="learning rate")
    dress(ax, "", "learning rate")
    ax.set_yscale("log")
    known = sorted({float(f"{rate:.3g}") for rate in rates_of(history)} or {1.0})
    ax.set_ylim(known[0] / 2, known[-1] * 2)
    ax.yaxis.set_major_locator(FixedLocator(known) if len(known) <= _FEW_RATES else LogLocator())
    ax.yaxis.set_major_formatter(FuncFormatter(lambda rate, _: f"{rate:.9f}".rstrip("0").rstrip(".")))
    ax.yaxis.set_minor_locator(NullLocator())
    ax.yaxis.set_minor_formatter(NullFormatter())


_PANELS: dict[str, "Callable[[Axes, Sequence[Row]], None]"] = {
    "accuracy": _accuracy,
    "loss": _loss,
    "learning_rate": _rate,
}
_INCHES_OF = {"accuracy": 2.9, "loss": 2.9, "learning_rate": 1.4}
_FEW_RATES = 3


def _in_percent(row: Row) -> dict[str, float]:
    return {name: 100 * number(row.get(name)) for name in ("accuracy", "valid_accuracy")}


def draw_pair(ax: "Axes", history: Sequence[Row], what: str, *, rising: bool, marks: bool = True) -> None:
    """Draw training and validation of `what`, "accuracy" or "loss", and shade the gap that over-fitting opens."""
    epochs = epochs_of(history)
    train, valid = column(history, what), column(history, f"valid_{what}")
    every, size = max(1, len(epochs) // 10), 6 if marks else 0
    ax.plot(epochs, train, color=DARK, marker="o", markersize=size, markevery=every, label="training photos")
    ax.plot(
        epochs, valid, color=LIGHT, linestyle="--", marker="s", markersize=size, markevery=every,
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
