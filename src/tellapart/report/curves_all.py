"""How all recipes learned, side by side on the same scales."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from tellapart.report.curves import Row, best_epoch_of, column, draw_pair, epochs_of
from tellapart.report.lettering import drawable, font, wrapped
from tellapart.report.style import DARK, GREY, INK, LIGHT, PALE, SMALL, dress, new_figure, put_title

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Learned = Sequence[tuple[str, Sequence[Row], int | None]]
_ROW_INCHES = 1.5


def curves_all(recipes: Learned) -> "Figure":
    """Draw accuracy (left) and loss (right) of all recipes, a row a recipe, all on the same scales.

    In each row the validation curves of the other recipes stand behind, in grey.

    Args:
        recipes: Of each its name, its rows as for `curves`, and its best epoch, None for that of least
            validation loss.
    """
    figure = new_figure(1.6 + _ROW_INCHES * len(recipes))
    rows = figure.subplots(len(recipes), 2, sharex=True, sharey="col", squeeze=False)
    told = [(title, _in_percent(history), best) for title, history, best in recipes]
    for places, recipe in zip(rows, told, strict=True):
        for ax, what in zip(places, ("accuracy", "loss"), strict=True):
            _draw(ax, what, recipe, told)
        name = wrapped(drawable(recipe[0], "bold"), 28, lines=1)
        places[0].set_title(name, loc="left", color=INK, **font(SMALL, "bold"))
        places[1].set_title("loss (nats)", loc="left", color=INK, **font(SMALL))
        places[0].set_ylabel("accuracy (%)", color=INK, **font(SMALL - 1))
    rows[0, 0].set_ylim(0, 103)
    rows[0, 1].set_ylim(0, _most_loss(recipes))
    last = max((epochs_of(history)[-1] for _, history, _ in recipes if history), default=1)
    rows[0, 0].set_xlim(0, last + max(0.5, 0.03 * last))
    for ax in rows[-1]:
        ax.set_xlabel("epoch", color=INK, **font(SMALL))
    put_title(rows[0, 0], "All recipes: learning, epoch by epoch", whole=True)
    _name_lines(figure, others=len(recipes) > 1)
    return figure


def _in_percent(history: Sequence[Row]) -> list[Row]:
    names = ("accuracy", "valid_accuracy")
    shares = {name: column(history, name) for name in names}
    return [{**row, **{name: 100 * shares[name][at] for name in names}} for at, row in enumerate(history)]


def _draw(ax: "Axes", what: str, recipe: tuple[str, Sequence[Row], int | None], told: Learned) -> None:
    for other in told:
        if other is not recipe:
            ax.plot(epochs_of(other[1]), column(other[1], f"valid_{what}"), color=PALE, linewidth=1.4, zorder=1)
    _, history, said = recipe
    draw_pair(ax, history, what, rising=what == "accuracy", marks=False)
    best = best_epoch_of(history, said)
    if best is not None:
        ax.axvline(best, color=GREY, linestyle=":", linewidth=2)
    dress(ax, "", "")


def _most_loss(recipes: Learned) -> float:
    """The upper end of the losses: the first epoch of a network from scratch may be far above all others."""
    settled = [
        loss
        for _, history, _ in recipes
        for name in ("loss", "valid_loss")
        for loss in column(history, name)[min(2, len(history) - 1) :]
        if math.isfinite(loss)
    ]
    return 1.1 * max(settled, default=1.0)


def _name_lines(figure: "Figure", *, others: bool) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    lines = [
        Line2D([], [], color=DARK, linewidth=1.8, label="training photos"),
        Line2D([], [], color=LIGHT, linewidth=1.8, linestyle="--", label="validation photos"),
        Line2D([], [], color=GREY, linewidth=2, linestyle=":", label="best epoch"),
        Patch(color=LIGHT, alpha=0.2, linewidth=0, label="gap: over-fitting"),
    ]
    if others:
        lines.append(Line2D([], [], color=PALE, linewidth=1.8, label="validation of the others"))
    figure.legend(handles=lines, loc="outside lower left", ncols=2, fontsize=SMALL, frameon=False)
