"""The confusion matrices of all steps side by side, as shares."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tellapart.report.lettering import columns, drawable, font, wrapped
from tellapart.report.matrix import ink_on, rule, shades, shares_of
from tellapart.report.style import INCHES, INK, SMALL, new_figure, put_title

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Matrix = Sequence[Sequence[int]]
# "100" at 11 points needs a third of an inch; two matrices of more classes do not fit side by side.
WRITTEN = 7
NAMED = 12
_NAME_COLUMNS = 12
_COLUMNS_PER_INCH = 10.5


def confusion_steps(steps: Sequence[tuple[str, Matrix]], classes: Sequence[str]) -> "Figure":
    """Draw the confusion matrices of several recipes side by side, as shares of the photos of each class.

    Up to 7 classes each cell holds its share in per cent; with more the shade alone tells it, with more than 12
    the classes are only counted along the edges.

    Args:
        steps: Of each recipe its name and its counts, `matrix[true][said]`.
        classes: Names in the order of the matrices.
    """
    n, rows = len(classes), -(-len(steps) // 2)
    names = _row_names(classes)
    left = max(columns(line) for name in names for line in name.split("\n")) / _COLUMNS_PER_INCH + 0.2
    side = (INCHES - left - 0.75) / 2
    figure = new_figure(0.95 + (side + 0.72) * rows)
    places = figure.subplots(rows, 2, squeeze=False)
    for ax in places.flat[len(steps) :]:
        ax.set_axis_off()
    for place, (ax, (title, matrix)) in enumerate(zip(places.flat, steps, strict=False)):
        _draw(ax, title, matrix)
        _name_edges(ax, n, names if place % 2 == 0 else _numbers(n))
    put_title(places[0, 0], f"Step by step: which class (row) was called what (column){_unit(n)}", whole=True)
    return figure


def _unit(n_classes: int) -> str:
    return ", %" if n_classes <= WRITTEN else ""


def _numbers(n_classes: int) -> list[str]:
    return [str(number) for number in range(1, n_classes + 1)]


def _row_names(classes: Sequence[str]) -> list[str]:
    if len(classes) > NAMED:
        return _numbers(len(classes))
    lines = 2 if len(classes) <= WRITTEN else 1
    return [
        wrapped(f"{number}\N{NO-BREAK SPACE}{drawable(name)}", _NAME_COLUMNS, lines)
        for number, name in enumerate(classes, 1)
    ]


def _draw(ax: "Axes", title: str, matrix: Matrix) -> None:
    shares = shares_of(matrix)
    ax.imshow(shares, cmap=shades(), vmin=0, vmax=1, aspect="equal")
    right, photos = sum(row[i] for i, row in enumerate(matrix)), sum(map(sum, matrix))
    said = f"{title}: {100 * right / (photos or 1):.0f} %"
    ax.set_title(wrapped(drawable(said, "bold"), 26, lines=1), loc="left", color=INK, **font(SMALL, "bold"))
    if len(matrix) > WRITTEN:
        return
    for i, row in enumerate(shares):
        for j, share in enumerate(row):
            if matrix[i][j] or i == j:
                ax.text(j, i, f"{100 * share:.0f}", ha="center", va="center", color=ink_on(share), **font(SMALL))


def _name_edges(ax: "Axes", n_classes: int, names: Sequence[str]) -> None:
    # Numbers of two digits would run into each other.
    shown = [place for place in range(n_classes) if n_classes <= NAMED or (place + 1) % (-(-n_classes // 6)) == 0]
    heads = _numbers(n_classes)
    ax.set_xticks(shown, labels=[heads[place] for place in shown], color=INK, **font(SMALL))
    ax.set_yticks(shown, labels=[names[place] for place in shown], color=INK, **font(SMALL))
    rule(ax, n_classes, lines=n_classes <= NAMED)
