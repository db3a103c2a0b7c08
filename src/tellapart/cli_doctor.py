"""`tellapart doctor`: what is installed, what is missing or broken, and the command that mends it."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from tellapart.errors import UserError
from tellapart.printing import echo_json

if TYPE_CHECKING:
    from tellapart.doctor.finding import Finding

_SIGNS: Final = {"ok": "ok", "absent": "-", "warn": "warn", "wrong": "WRONG"}
_STYLES: Final = {"ok": "green", "absent": "dim", "warn": "yellow", "wrong": "bold red"}


def doctor(
    where: Annotated[list[Path] | None, typer.Argument(help="Run folders or model files to look at as well.")] = None,
    mend: Annotated[bool, typer.Option("--mend", help="Mend what loses nothing, and say what was done.")] = False,
    thorough: Annotated[
        bool, typer.Option("--thorough", help="Also import training frameworks and read every file of weights.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Tell what is installed, what is missing or broken, and the command that mends it; no network is tried."""
    from tellapart.doctor.examination import examine, mended
    from tellapart.doctor.finding import Scope
    from tellapart.doctor.patient import look_at
    from tellapart.files import cache_folder
    from tellapart.weights.store import weight_store

    findings = [finding for path in where or [] for finding in look_at(path)]
    findings += examine(Scope(cache_folder(), weight_store(), thorough))
    if mend:
        findings = mended(findings)
    if as_json:
        echo_json([_described(finding) for finding in findings])
    else:
        _print(findings, every=thorough)
    wrong = [finding.what for finding in findings if finding.state == "wrong"]
    if wrong:
        raise UserError(f"{len(wrong)} to mend: {', '.join(wrong)}. Next: the commands of that table")


def _described(finding: "Finding") -> dict[str, str]:
    return {"state": finding.state, "what": finding.what, "found": finding.found, "mend": finding.mend}


def _print(findings: Sequence["Finding"], *, every: bool) -> None:
    from rich.markup import escape
    from rich.table import Table

    from tellapart.console import results_console
    from tellapart.plain_text import for_terminal

    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    for column in ("", "what", "found", "what mends it"):
        table.add_column(column, overflow="fold", no_wrap=column == "")
    for finding in findings if every else _in_short(findings):
        cells = (finding.what, finding.found, finding.mend)
        sign = f"[{_STYLES[finding.state]}]{_SIGNS[finding.state]}[/]"
        table.add_row(sign, *(escape(for_terminal(cell)) for cell in cells))
    console = results_console()
    console.print(table)
    counts = [f"{sum(f.state == state for f in findings)} {word}" for state, word in _COUNTED.items()]
    console.print(f"\n{', '.join(counts)}. Everything, with versions: tellapart doctor --json")


_COUNTED: Final = {"ok": "fine", "absent": "not installed", "warn": "to know", "wrong": "to mend"}


def _in_short(findings: Sequence["Finding"]) -> list["Finding"]:
    """Packages that are as they should be told together: their versions are long, and seldom what one looks for."""
    from tellapart.doctor.finding import Finding
    from tellapart.doctor.packages import PARTS

    fine = [finding for finding in findings if finding.state == "ok" and finding.what in PARTS]
    if not fine:
        return list(findings)
    told = Finding("ok", "packages", f"{len(fine)} are here, and new enough")
    first = findings.index(fine[0])
    rest = [finding for finding in findings[first:] if finding not in fine]
    return [*findings[:first], told, *rest]
