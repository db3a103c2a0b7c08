"""The map of all photos as a picture: what the model finds alike lies together."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tellapart.report.lettering import columns, drawable, font, wrapped
from tellapart.report.markers import colour_of, shape_of
from tellapart.report.style import GREY, INK, PALE, SMALL, figure_of, new_figure, put_title

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_NAMED = 60  # classes in the legend
_NAME_COLUMNS = 25
_SIDE = 5.4  # inches
_MANY = 1_500
_MANY_RINGS = 100
_PALE = 0.45


def feature_map(  # noqa: PLR0913  each is a column of the same table
    points: "np.ndarray",
    labels: Sequence[int],
    classes: Sequence[str],
    *,
    tested: Sequence[bool] | None = None,
    mistakes: Sequence[int] = (),
    method: str = "t-SNE",
    ax: "Axes | None" = None,
) -> "Figure":
    """Draw all photos as points, colour and shape by class, mistakes with a ring around them.

    Args:
        points: Shape (photos, 2), both axes on one scale, the second one up.
        labels: Class numbers, one a photo.
        classes: Names by class number.
        tested: Which photos were tested; the others are drawn paler. None draws all alike.
        mistakes: Positions of the photos that were named wrongly.
        method: How the points were laid out.
        ax: Axes to draw into; by default a figure of its own.
    """
    present = sorted(set(labels))
    named = present[:_NAMED]
    rows = -(-(len(named) + 3) // _per_row(named, classes))
    place = new_figure(_SIDE + 0.9 + 0.24 * rows).subplots() if ax is None else ax
    _draw(place, points, labels, tested)
    if mistakes:
        ringed = points[list(mistakes)]
        size, line = (110, 1.4) if len(mistakes) <= _MANY_RINGS else (60, 0.9)
        place.scatter(ringed[:, 0], ringed[:, 1], s=size, facecolors="none", edgecolors=INK, linewidths=line, zorder=4)
    _frame(place)
    pale = tested is not None and any(tested) and not all(tested)
    _legend(place, named, classes, rings=bool(mistakes), paler=pale)
    title = f"Map of {len(labels):,} photos: what the model finds alike"
    put_title(place, title, whole=ax is None)
    place.set_xlabel(f"{method} of the features: the axes mean nothing, nearness does", color=INK, **font(SMALL))
    return figure_of(place)


def _draw(place: "Axes", points: "np.ndarray", labels: Sequence[int], tested: Sequence[bool] | None) -> None:
    import numpy as np

    numbers = np.asarray(labels)
    size = 36 if len(numbers) <= _MANY else 16
    seen = np.ones(len(numbers), dtype=bool) if tested is None or not any(tested) else np.asarray(tested)
    for label in sorted(set(numbers.tolist())):
        for part, strength, order in ((~seen, _PALE, 2), (seen, 1.0, 3)):
            chosen = points[(numbers == label) & part]
            look: dict[str, Any] = {
                "marker": _marker(label),
                "color": colour_of(label),
                "alpha": strength,
                "edgecolors": "white",
            }
            place.scatter(chosen[:, 0], chosen[:, 1], s=size * _extent(label), linewidths=0.5, zorder=order, **look)


def _extent(label: int) -> float:
    """Matplotlib draws every outline equally wide; this gives each its own size back."""
    return max(abs(value) for corner in shape_of(label) for value in corner) ** 2


def _marker(label: int) -> "list[tuple[float, float]]":
    return [*shape_of(label), shape_of(label)[0]]


def _frame(place: "Axes") -> None:
    place.set_aspect("equal", adjustable="datalim")
    place.margins(0.04)
    place.set_xticks([])
    place.set_yticks([])
    place.spines[:].set_color(PALE)


def _per_row(named: Sequence[int], classes: Sequence[str]) -> int:
    return 2 if max((columns(drawable(classes[label])) for label in named), default=0) > 9 else 3


def _legend(place: "Axes", named: Sequence[int], classes: Sequence[str], *, rings: bool, paler: bool) -> None:
    from matplotlib.lines import Line2D

    per_row = _per_row(named, classes)
    width = _NAME_COLUMNS if per_row == 2 else 12
    entries = [
        (label, wrapped(drawable(classes[label]), width, lines=1), _marker(label), colour_of(label)) for label in named
    ]
    handles = [
        Line2D([], [], marker=marker, color=colour, markersize=9, linestyle="none", label=name or "?")
        for _, name, marker, colour in entries
    ]
    if rings:
        ring: dict[str, Any] = {
            "markerfacecolor": "none",
            "markeredgecolor": INK,
            "markeredgewidth": 1.4,
            "markersize": 11,
        }
        handles.append(Line2D([], [], marker="o", linestyle="none", label="named wrongly", **ring))
    if paler:
        handles.append(Line2D([], [], marker="o", color=GREY, alpha=_PALE, linestyle="none", label="paler: not tested"))
    more = len(classes) - len(named)
    if more > 0:
        handles.append(Line2D([], [], linestyle="none", color=GREY, label=f"and {more} more"))
    legend = place.legend(
        handles=handles, loc="upper left", bbox_to_anchor=(-0.02, -0.06), ncols=per_row, frameon=False,
        handletextpad=0.3, columnspacing=1.0, borderaxespad=0.0,
    )  # fmt: skip
    for text in legend.get_texts():
        text.set(**font(SMALL), color=INK)
