"""Runs side by side as figures: the score of each with its interval, and the paired differences."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tellapart.report.lettering import drawable, font, wrapped
from tellapart.report.style import (
    DARK,
    GREY,
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

# Inches of a row whose name, over its bar so that it costs no width, has one line; and of each line more.
_ROW, _LINE = 0.62, 0.2
_COLUMNS = 52


def side_by_side(scores: Sequence[Mapping[str, Any]], *, ax: "Axes | None" = None) -> "Figure":
    """Draw the accuracy of each recipe of each run with its 95 % interval.

    Args:
        scores: Entries of `scores` in compare.json.
        ax: Axes to draw into; by default a figure of its own.
    """
    place = one_axes(ax, 1.7 + _ROW * len(scores))
    for row, score in enumerate(scores):
        low, value, high = (100 * score["test"][name] for name in ("accuracy_low", "accuracy", "accuracy_high"))
        _bar(place, row, (low, value, high), filled=bool(score.get("backbone")))
        _name(place, row, (f"{score['name']}: {value:.1f} %",))
    _rows(place, len(scores))
    dress(place, "accuracy on the run's own test photos (%)", "")
    place.spines["left"].set_visible(False)
    _legend(place, (("pretrained backbone", True), ("from scratch", False)), {bool(s.get("backbone")) for s in scores})
    put_title(place, "The runs side by side", whole=ax is None, legend_rows=2)
    return figure_of(place)


def paired_differences(comparisons: Sequence[Mapping[str, Any]], *, ax: "Axes | None" = None) -> "Figure":
    """Draw each paired difference of accuracies with its 95 % interval; what the tests tell apart is filled.

    Args:
        comparisons: Entries of `comparisons` in compare.json.
        ax: Axes to draw into; by default a figure of its own.
    """
    place = one_axes(ax, 1.7 + (_ROW + _LINE) * len(comparisons))
    place.axvline(0, color=INK, linestyle="--", linewidth=1.4)
    told = [pair["p_adjusted"] < 0.05 for pair in comparisons]
    for row, pair in enumerate(comparisons):
        low, value, high = (100 * pair[name] for name in ("low", "difference", "high"))
        _bar(place, row, (low, value, high), filled=told[row])
        _name(place, row, (f"{pair['b']} less", f"{pair['a']}: {value:+.1f} on {pair['photos']} photos"))
    _rows(place, len(comparisons))
    dress(place, "difference in accuracy on the same photos (points)", "")
    place.spines["left"].set_visible(False)
    _legend(place, (("told apart by the test", True), ("not told apart", False)), set(told))
    put_title(place, "What the paired tests say", whole=ax is None, legend_rows=2)
    return figure_of(place)


def _bar(ax: "Axes", row: int, span: tuple[float, float, float], *, filled: bool) -> None:
    low, value, high = span
    ax.plot([low, high], [row, row], color=GREY, linewidth=1.8, marker="|", markersize=10, zorder=2)
    ax.plot(value, row, color=LIGHT if filled else DARK, markeredgecolor=INK, **_mark(filled=filled), zorder=3)


def _mark(*, filled: bool) -> dict[str, Any]:
    return {"marker": "D" if filled else "o", "markersize": 10, "linestyle": "none"}


def _name(ax: "Axes", row: int, lines: Sequence[str]) -> None:
    ax.text(
        0.0, row - 0.16, "\n".join(wrapped(drawable(line), _COLUMNS, lines=1) for line in lines),
        transform=ax.get_yaxis_transform(), ha="left", va="bottom", color=INK, zorder=4, linespacing=1.1,
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.0}, **font(SMALL),
    )  # fmt: skip


def _rows(ax: "Axes", count: int) -> None:
    ax.set_yticks([])
    ax.set_ylim(max(count, 1) - 0.6, -0.85)
    ax.margins(x=0.08)


def _legend(ax: "Axes", kinds: Sequence[tuple[str, bool]], there: set[bool]) -> None:
    for label, filled in kinds:
        if filled in there:
            colour = LIGHT if filled else DARK
            ax.plot([], [], color=colour, markeredgecolor=INK, label=label, **_mark(filled=filled))
    if there:
        ax.plot([], [], color=GREY, linewidth=1.8, marker="|", markersize=9, label="95 % interval")
        legend_above(ax)
