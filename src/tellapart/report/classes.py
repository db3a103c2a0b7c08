"""How each class fares: precision, recall and F1 with intervals, and its recall from step to step."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from tellapart.report.lettering import columns, drawable, font, wrapped
from tellapart.report.matrix import ink_on, rule, shades
from tellapart.report.style import (
    DARK,
    GREY,
    INK,
    LIGHT,
    SMALL,
    dress,
    figure_of,
    legend_above,
    new_figure,
    one_axes,
    put_title,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from tellapart.evaluation.class_scores import ClassChange, ClassFare

MOST = 30  # classes in one picture; the tables hold all
_NAME_COLUMNS = 18
_COLUMNS_PER_INCH = 10.5
# Told apart by form alone; the one that sums up the others is the largest.
_SCORES = (
    ("recall", "found (recall)", "o", DARK, 7),
    ("precision", "right when named (precision)", "s", "white", 7),
    ("f1", "both (F1)", "D", LIGHT, 9),
)


def classes(title: str, fares: "Sequence[ClassFare]", *, ax: "Axes | None" = None) -> "Figure":
    """Draw recall, precision and F1 of each class with their 95 % intervals, the class of the lowest F1 at the top.

    Args:
        title: What the recipe is called.
        fares: Of `evaluation.class_scores.class_fares`; of more than 30 the 30 of the lowest F1 are drawn.
        ax: Axes to draw into; by default a figure of its own.
    """
    shown = sorted(fares, key=lambda fare: fare.f1.value if math.isfinite(fare.f1.value) else 2.0)[:MOST]
    place = one_axes(ax, 2.0 + 0.68 * len(shown))
    for offset, (score, label, marker, colour, size) in zip((-0.24, 0.0, 0.24), _SCORES, strict=True):
        rows = [(at + offset, getattr(fare, score)) for at, fare in enumerate(shown)]
        known = [(at, share) for at, share in rows if math.isfinite(share.value)]
        for at, share in known:
            place.plot([100 * share.low, 100 * share.high], [at, at], color=GREY, linewidth=1.6, zorder=2)
        place.plot(
            [100 * share.value for _, share in known], [at for at, _ in known], linestyle="none", marker=marker,
            color=colour, markeredgecolor=INK, markersize=size, zorder=3, label=label,
        )  # fmt: skip
    place.plot([], [], color=GREY, linewidth=1.6, label="95 % interval")
    dress(place, "share (%); in brackets: test photos of the class", "")
    names = [wrapped(f"{drawable(fare.name)} ({fare.photos})", _NAME_COLUMNS) for fare in shown]
    place.set_yticks(range(len(shown)), labels=names, color=INK, **font(SMALL))
    place.tick_params(axis="y", length=0)
    place.grid(visible=False, axis="y")
    for between in range(1, len(shown)):
        place.axhline(between - 0.5, color=GREY, linewidth=0.5)
    place.set_xlim(-2, 102)
    place.set_ylim(len(shown) - 0.5, -0.5)
    put_title(place, f"{title}: class by class", whole=ax is None, legend_rows=2)
    legend_above(place)
    return figure_of(place)


def class_steps(
    names: Sequence[str],
    recipes: Sequence[str],
    changes: "Sequence[Sequence[ClassChange]]",
    *,
    ax: "Axes | None" = None,
) -> "Figure":
    """Draw the recall of each class (rows) with each recipe (columns), and its change against the recipe before.

    A change in bold with a star is more than chance.

    Args:
        names: Of the classes.
        recipes: Names of the recipes.
        changes: Of `evaluation.class_scores.class_changes`; of more than 30 classes those of the lowest recall with
            the last recipe are drawn.
        ax: Axes to draw into; by default a figure of its own.
    """
    order = sorted(range(len(names)), key=lambda at: _or_most(changes[at][-1].recall))[:MOST]
    kept = sorted(order)
    labels = [wrapped(f"{at + 1}\N{NO-BREAK SPACE}{drawable(names[at])}", _NAME_COLUMNS) for at in kept]
    rows = [changes[at] for at in kept]
    place = _axes(labels, len(recipes)) if ax is None else ax
    recalls = [[cell.recall if math.isfinite(cell.recall) else 0.0 for cell in row] for row in rows]
    place.imshow(recalls, cmap=shades(), vmin=0, vmax=1, aspect="auto")
    for i, row in enumerate(rows):
        for j, cell in enumerate(row):
            _write(place, (j, i), cell)
    place.set_yticks(range(len(rows)), labels=labels, color=INK, **font(SMALL))
    heads = [wrapped(drawable(name.replace("-", "- ")), 16) for name in recipes]
    place.set_xticks(range(len(recipes)), labels=heads, color=INK, rotation=40, ha="left", **font(SMALL))
    place.xaxis.tick_top()
    place.set_xlim(-0.5, len(recipes) - 0.5)
    _rule_cells(place, len(recipes), len(rows))
    put_title(place, "Class by class, step by step: found (%)", whole=ax is None, legend_rows=5)
    return figure_of(place)


def _or_most(value: float) -> float:
    return value if math.isfinite(value) else 2.0


def _axes(labels: Sequence[str], n_recipes: int) -> "Axes":
    left = max(columns(line) for label in labels for line in label.split("\n")) / _COLUMNS_PER_INCH
    figure = new_figure(1.75 + 0.56 * len(labels), width=max(6.0, left + 0.7 * n_recipes + 1.2))
    return figure.subplots()


def _write(ax: "Axes", spot: tuple[int, int], cell: "ClassChange") -> None:
    if not math.isfinite(cell.recall):
        ax.text(*spot, "–", ha="center", va="center", color=INK, **font(SMALL))
        return
    x, y = spot
    colour = ink_on(cell.recall)
    changed = math.isfinite(cell.change)
    ax.text(x, y - (0.04 if changed else 0), f"{100 * cell.recall:.0f}", ha="center",
            va="bottom" if changed else "center", color=colour, **font(SMALL + 1, "bold"))  # fmt: skip
    if changed:
        told = f"{_signed(100 * cell.change)}{' ★' if cell.real else ''}"
        ax.text(x, y + 0.06, told, ha="center", va="top", color=colour,
                **font(SMALL, "bold" if cell.real else "normal"))  # fmt: skip


def _signed(points: float) -> str:
    """Write whole points with a sign; what rounds to nothing has none."""
    return f"{points:+.0f}" if round(points) else "0"


def _rule_cells(ax: "Axes", n_columns: int, n_rows: int) -> None:
    rule(ax, max(n_columns, n_rows))
    ax.set_xlim(-0.5, n_columns - 0.5)
    ax.set_ylim(n_rows - 0.5, -0.5)
