"""Small tables that show themselves: as text anywhere, as HTML in a notebook."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

from tellapart.words import counted

# A notebook may be light or dark: letters keep its colour, and the shade of a marked row lets either paper through.
_MARKED: Final = "background: rgba(224, 134, 0, .22); font-weight: 600"
_SHOWN: Final = 12  # epochs of a long history in a notebook, beside the best one
_KNOWN: Final = {
    "epoch": "epoch",
    "loss": "loss",
    "accuracy": "accuracy",
    "valid_loss": "validation loss",
    "valid_accuracy": "validation accuracy",
    "seconds": "seconds",
    "learning_rate": "learning rate",
}


@dataclass(frozen=True)
class Table:
    """A small table that shows itself as text and, in a notebook, as HTML.

    Attributes:
        columns: Heads.
        rows: As many cells as heads; the first cell of a row names it.
        marked: The row that stands out, if any; in text a star does that.
        caption: What the table shows.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    marked: int | None = None
    caption: str = ""

    def __str__(self) -> str:
        lines = (self.columns, *self.rows)
        widths = [max(len(line[place]) for line in lines) for place in range(len(self.columns))]
        return "\n".join(
            "  ".join(
                cell.ljust(width) if place == 0 else cell.rjust(width)
                for place, (cell, width) in enumerate(zip(line, widths, strict=True))
            ).rstrip()
            for line in lines
        )

    __repr__ = __str__

    def _repr_html_(self) -> str:
        caption = f'<caption style="text-align: left">{escape(self.caption)}</caption>' if self.caption else ""
        head = "".join(f'<th scope="col"{_side(place)}>{escape(name)}</th>' for place, name in enumerate(self.columns))
        body = "".join(self._row(place, row) for place, row in enumerate(self.rows))
        return f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"

    def _row(self, number: int, cells: Sequence[str]) -> str:
        style = f' style="{_MARKED}"' if number == self.marked else ""
        first = f'<th scope="row"{_side(0)}>{escape(cells[0])}</th>'
        return f"<tr{style}>{first}{''.join(f'<td{_side(1)}>{escape(cell)}</td>' for cell in cells[1:])}</tr>"


def _side(place: int) -> str:
    return f' style="text-align: {"right" if place else "left"}"'


class History(list[dict[str, float]]):
    """The epochs of a recipe: a list of mappings that shows itself as a table, the best epoch marked.

    Example:
        >>> history = History([{"epoch": 1.0, "loss": 0.9}, {"epoch": 2.0, "loss": 0.51}], best_epoch=2)
        >>> history[1]["loss"]
        0.51
        >>> history
        2 epochs, the best: 2
        epoch   loss
        1      0.900
        2 *    0.510
    """

    def __init__(self, rows: Iterable[Mapping[str, float]] = (), *, best_epoch: int | None = None) -> None:
        super().__init__(dict(row) for row in rows)
        self.best_epoch = best_epoch

    def table(self, most: int | None = None) -> Table:
        """The epochs as a table.

        Args:
            most: How many rows to keep, spread evenly, with the first, the last and the best; by default all.
        """
        kept = [row for at, row in enumerate(self) if most is None or at in self._spread(most)]
        names = [name for name in _KNOWN if any(name in row for row in self)]
        best = next((at for at, row in enumerate(kept) if row.get("epoch") == self.best_epoch), None)
        rows = tuple(
            tuple(_cell(name, row.get(name)) + (" *" if at == best and name == "epoch" else "") for name in names)
            for at, row in enumerate(kept)
        )
        return Table(tuple(_KNOWN[name] for name in names), rows, best, self._caption(len(kept)))

    def _spread(self, most: int) -> set[int]:
        last = len(self) - 1
        best = {at for at, row in enumerate(self) if row.get("epoch") == self.best_epoch}
        return best | {round(last * at / max(1, most - 1)) for at in range(most)}

    def _caption(self, kept: int) -> str:
        best = f", the best: {self.best_epoch}" if self.best_epoch else ""
        return counted(len(self), "epoch") + best + (f"; {kept} are shown" if kept < len(self) else "")

    def __repr__(self) -> str:
        table = self.table(_SHOWN)
        return f"{table.caption}\n{table}" if self else "no epochs"

    __str__ = __repr__

    def _repr_html_(self) -> str:
        return self.table(_SHOWN)._repr_html_() if self else "<p>no epochs</p>"


def _cell(name: str, value: float | None) -> str:
    if value is None or math.isnan(value):
        return "–"
    if name == "epoch":
        return f"{value:.0f}"
    return f"{value:.3g}" if name == "learning_rate" else f"{value:.1f}" if name == "seconds" else f"{value:.3f}"
