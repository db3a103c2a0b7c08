"""The confusion matrix: which classes are taken for which."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tellapart.report.lettering import columns, drawable, font, wrapped
from tellapart.report.style import INCHES, INK, PALE, SIZE, SMALL, figure_of, new_figure, put_title

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import LinearSegmentedColormap
    from matplotlib.figure import Figure

# A cell must hold "100 %" at 11 points; with many classes the figure grows
# rather than the letters shrink, and the page lets it scroll.
_CELL_INCHES = 0.56
_COLUMNS_PER_INCH = 10.5
_NAME_COLUMNS = 18
_LARGE = 12


def confusion(
    title: str,
    matrix: Sequence[Sequence[int]],
    classes: Sequence[str],
    *,
    photos: str = "test photos",
    ax: "Axes | None" = None,
) -> "Figure":
    """Draw how many photos of each class (rows) were taken for which class (columns).

    Each cell holds the count and the share of its row; shade follows the share.

    Args:
        title: What the recipe is called.
        matrix: Counts; `matrix[true][said]`.
        classes: Names in the order of the matrix.
        photos: What the photos are called.
        ax: Axes to draw into; by default a figure of its own, as large as the classes need.
    """
    names = [drawable(name) for name in classes]
    width = _NAME_COLUMNS if len(names) <= _LARGE else _NAME_COLUMNS + 6
    # A no-break space, so that a long name does not leave its number alone on a line.
    labels = [wrapped(f"{i}\N{NO-BREAK SPACE}{name}", width) for i, name in enumerate(names, 1)]
    left = max(columns(line) for label in labels for line in label.split("\n")) / _COLUMNS_PER_INCH + 0.55
    cell = max(_CELL_INCHES, min(1.4, (INCHES - left) / len(classes)))
    place = _axes(left, cell, len(classes)) if ax is None else ax
    shares = shares_of(matrix)
    place.imshow(shares, cmap=shades(), vmin=0, vmax=1, aspect="equal")
    _write_cells(place, matrix, shares)
    _name_axes(place, labels, _heads(names, cell))
    put_title(place, f"{title}: confusion of {sum(map(sum, matrix))} {photos}", whole=ax is None, legend_rows=3)
    return figure_of(place)


def shares_of(matrix: Sequence[Sequence[int]]) -> list[list[float]]:
    """Give each count as a share of its row; a class without photos has shares of 0."""
    return [[count / (sum(row) or 1) for count in row] for row in matrix]


def _axes(left: float, cell: float, n_classes: int) -> "Axes":
    side = cell * n_classes
    figure = new_figure(side + 1.45, width=max(INCHES, left + side + 0.25))
    figure.set_layout_engine("compressed", w_pad=0.08, h_pad=0.08)
    return figure.subplots()


def shades() -> "LinearSegmentedColormap":
    """Shades from white for no photo of a class to dark blue for all."""
    from matplotlib.colors import LinearSegmentedColormap

    # Lightness falls evenly from white to dark blue, so greyscale keeps the order.
    return LinearSegmentedColormap.from_list("share", ["#ffffff", "#a9c6e3", "#0b3d73"])


def ink_on(share: float) -> str:
    """The colour of letters on the shade of a share: dark up to where white has the better contrast."""
    return "white" if share > 0.74 else INK


def _write_cells(ax: "Axes", matrix: Sequence[Sequence[int]], shares: Sequence[Sequence[float]]) -> None:
    for i, row in enumerate(matrix):
        for j, count in enumerate(row):
            if not count and i != j:
                continue  # an empty cell says zero, and lets the mistakes stand out
            colour = ink_on(shares[i][j])
            style: dict[str, Any] = {"ha": "center", "color": colour}
            ax.text(j, i - 0.04, f"{count}", va="bottom", **style, **font(SIZE, "bold"))
            share = f"{100 * shares[i][j]:.0f} %"
            ax.text(j, i + 0.06, share, va="top", **style, **font(SMALL))


def _heads(names: Sequence[str], cell: float) -> list[str]:
    """Name the columns where all names fit over their cells, else give their numbers."""
    if all(columns(name) <= int(cell * _COLUMNS_PER_INCH) for name in names):
        return list(names)
    return [str(i) for i in range(1, len(names) + 1)]


def _name_axes(ax: "Axes", labels: Sequence[str], heads: Sequence[str]) -> None:
    places = range(len(labels))
    ax.set_xticks(places, labels=heads, color=INK, **font(SMALL))
    ax.set_yticks(places, labels=labels, color=INK, **font(SMALL))
    ax.xaxis.tick_top()
    ax.xaxis.set_label_position("top")
    # Of a large matrix a phone shows a part: words stand where reading starts, numbers at both ends.
    large = len(labels) > _LARGE
    ax.tick_params(length=0, labelbottom=large)
    ax.set_xlabel("the model said (class)", loc="left" if large else "center", color=INK, **font(SIZE))
    ax.set_ylabel("the photo shows (class)", loc="top" if large else "center", color=INK, **font(SIZE))
    rule(ax, len(labels))


def rule(ax: "Axes", n_classes: int, *, lines: bool = True) -> None:
    """Draw fine lines between the cells of a matrix, if any, and no frame."""
    from matplotlib.ticker import FixedLocator

    edges = [place - 0.5 for place in range(n_classes + 1)]
    ax.xaxis.set_minor_locator(FixedLocator(edges))
    ax.yaxis.set_minor_locator(FixedLocator(edges))
    if lines:
        ax.grid(which="minor", color=PALE, linewidth=0.8)
    ax.tick_params(length=0)
    ax.tick_params(which="minor", length=0)
    ax.spines[:].set_visible(False)
