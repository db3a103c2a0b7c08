"""`tellapart compare`: runs side by side."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tellapart.printing import echo, echo_json

if TYPE_CHECKING:
    from tellapart.side_by_side import SideBySide


def compare(
    runs: Annotated[list[Path], typer.Argument(help="The folders of two or more finished runs.")],
    recipes: Annotated[
        str | None, typer.Option(help="Names with commas, each compared with itself; the chosen ones without.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="A folder for compare.html and compare.json.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print compare.json.")] = False,
) -> None:
    """Put runs side by side: paired tests where they tested the same photos, and what differs between them."""
    from tellapart.side_by_side import compare as put_side_by_side

    found = put_side_by_side(runs, recipes=recipes, out=out)
    if as_json:
        echo_json(found.as_json())
        return
    _print(found)
    if out is not None:
        echo(f"Page: {out / 'compare.html'}")


def _print(found: "SideBySide") -> None:
    from tellapart.console import print_table
    from tellapart.words import p_value

    scores = found.table()
    print_table("The scores, each on the run's own test photos", list(scores.columns), [list(r) for r in scores.rows])
    for ground in found.grounds:
        echo(ground.sentence)
    if found.comparisons:
        columns = ["second less first", "photos", "points", "95 % interval", "p", "p corrected"]
        rows = [
            [
                f"{pair.b} - {pair.a}",
                str(each.photos),
                f"{100 * pair.difference:+.1f}",
                f"{100 * pair.low:+.1f} to {100 * pair.high:+.1f}",
                p_value(pair.p_value, ""),
                p_value(pair.p_adjusted, ""),
            ]
            for each in found.comparisons
            for pair in (each.comparison,)
        ]
        print_table("Paired tests", columns, rows)
    if found.differences:
        print_table("What differs", ["", *found.runs], [[what, *values] for what, values in found.differences])
    echo(f"Conclusion: {found.conclusion}")
