"""`tellapart weights`: what is offered, what is here, and how the rest comes.

The store is imported by the commands that use it: with it come HTTP and TLS, which no other command waits for.
"""

import sys
from pathlib import Path
from typing import Annotated, Final

import typer

from tellapart.errors import WeightsError
from tellapart.printing import echo, echo_json
from tellapart.stopping import INTERRUPTED
from tellapart.weights.offline import forbid_network
from tellapart.weights.pins import Pin, find_pin, pins

_WITH_SOURCE: Final = 100  # a narrower terminal has no room for who made the weights

app = typer.Typer(help="The weights of backbones: list, fetch, add, check.", no_args_is_help=True)

Names = Annotated[list[str] | None, typer.Argument(help="Backbones; all that are here without.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Offline = Annotated[bool, typer.Option("--offline", help="Make any attempt to reach a network an error.")]


@app.command("list")
def list_all(as_json: AsJson = False) -> None:
    """List every backbone: its size, licence, published score, and whether its weights are here."""
    from tellapart.weights.store import whereabouts

    rows = [(pin, *whereabouts(pin)) for pin in pins().values()]
    if as_json:
        echo_json([_described(pin, where, path) for pin, where, path in rows])
        return
    columns = ["name", "parameters", "MB", "input", "top-1", "licence", "here?", "source"]
    _print_table(columns, [_row(*row) for row in rows])


@app.command()
def pull(
    names: Annotated[list[str], typer.Argument(help="Backbones, as `tellapart weights list` names them.")],
    offline: Offline = False,
) -> None:
    """Fetch the weights of backbones into the store; what a cut connection left is gone on with."""
    if offline:
        forbid_network()
    wanted = [find_pin(name) for name in dict.fromkeys(names)]
    from tellapart.console import Terminal
    from tellapart.weights.store import fetch

    terminal, failed = Terminal(), []
    try:
        for pin in wanted:
            try:
                echo(fetch(pin, terminal))
            except WeightsError as problem:  # a disk that is full would be full for the others too
                if len(wanted) == 1:
                    raise
                failed.append(pin.backbone)
                terminal.note(str(problem))
    except KeyboardInterrupt:
        typer.echo("\nStopped. What has come is kept. Next: the same command goes on with it", err=True)
        sys.exit(INTERRUPTED)
    if failed:
        raise WeightsError(
            f"{len(failed)} of {len(wanted)} could not be fetched: {', '.join(failed)}. "
            f"Next: tellapart weights pull {' '.join(failed)}"
        )


@app.command()
def add(file: Annotated[Path, typer.Argument(help="A weights file that was brought here.")]) -> None:
    """Copy a file into the store; which backbone it belongs to is found out."""
    from tellapart.console import Terminal
    from tellapart.weights import store

    added = store.add(file, Terminal())
    echo(f"{added.pin.backbone}: recognised by its {added.by}, now {added.path}")


@app.command()
def verify(names: Names = None, as_json: AsJson = False) -> None:
    """Check the content of every file that is here; a wrong one in the store is set aside."""
    from tellapart.console import Terminal
    from tellapart.weights import store

    verdicts = store.verify(names or [], Terminal())
    if as_json:
        told = [{"backbone": v.backbone, "path": str(v.path), "ok": v.ok, "said": v.said} for v in verdicts]
        echo_json(told)
    else:
        for verdict in verdicts:
            echo(f"{verdict.backbone}: {verdict.said} ({verdict.path})")
        if not verdicts:
            echo(f"No weights are in {store.weight_store()} or in Keras' cache.", err=True)
    wrong = [verdict.backbone for verdict in verdicts if not verdict.ok]
    if wrong:
        raise WeightsError(
            f"{len(wrong)} of {len(verdicts)} cannot be used: {', '.join(wrong)}. "
            f"Next: tellapart weights pull {' '.join(dict.fromkeys(wrong))}"
        )


@app.command()
def path(name: Annotated[str | None, typer.Argument(help="A backbone; the store's folder without.")] = None) -> None:
    """Print where the store is, or where the weights of a backbone are; status 2 where they are not here."""
    from tellapart.weights import store

    if name is None:
        echo(store.weight_store())
        return
    from tellapart.console import Terminal

    pin = find_pin(name)
    found = store.locate(pin, Terminal())
    if found is None:
        raise WeightsError(f"The weights of {name} are not here. Next: tellapart weights pull {name}")
    echo(found)


def _described(pin: Pin, where: str, path: Path | None) -> dict[str, object]:
    return {
        "name": pin.backbone,
        "file": pin.file,
        "address": pin.address,
        "parameters": pin.parameters,
        "bytes": pin.size,
        "sha256": pin.sha256,
        "md5": pin.md5,
        "image_size": pin.image_size,
        "licence": pin.licence,
        "source": pin.source,
        "top1": pin.top1,
        "top5": pin.top5,
        "here": where,
        "path": str(path) if path else None,
    }


def _row(pin: Pin, where: str, path: Path | None) -> list[str]:
    known = path.stat().st_size if path else pin.size
    # Where no size is published: most files keep each number in 4 bytes.
    size = f"{known / 1e6:,.1f}" if known else f"~{4 * pin.parameters / 1e6:,.1f}"
    top1 = "-" if pin.top1 is None else f"{pin.top1:.3f}"
    return [pin.backbone, f"{pin.parameters:,}", size, str(pin.image_size), top1, pin.licence, where, pin.source]


def _print_table(columns: list[str], rows: list[list[str]]) -> None:
    """Print the table; where the terminal is narrow, the last column is left to --json."""
    from rich.markup import escape
    from rich.table import Table

    from tellapart.console import results_console

    console = results_console()
    shown = columns if console.width >= _WITH_SOURCE else columns[:-1]
    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 1, 0, 0))
    for column in shown:
        numeric = column in {"parameters", "MB", "input", "top-1"}
        table.add_column(column, justify="right" if numeric else "left", no_wrap=column != "source")
    for row in rows:
        table.add_row(*(escape(cell) for cell in row[: len(shown)]))
    console.print(table)
    if shown != columns:
        echo("Who made them: tellapart weights list --json, or a wider terminal.", err=True)
