"""`tellapart reproduce`: a run made again, and what differs."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tellapart.cli_weights import Offline
from tellapart.printing import echo, echo_json
from tellapart.stopping import heed_interrupts
from tellapart.weights.offline import forbid_network
from tellapart.words import counted

if TYPE_CHECKING:
    from tellapart.differences import Pair
    from tellapart.reproduction import Reproduction

_SHOWN = 5  # paths of a list; reproduction.json has all


def reproduce(
    run: Annotated[Path, typer.Argument(help="The folder of a finished run.")],
    photos: Annotated[Path | None, typer.Option(help="Where its photos are now; where they were without.")] = None,
    out: Annotated[Path | None, typer.Option(help="A new folder for the second run; RUN-again without.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a second run that was interrupted.")] = False,
    no_network: Offline = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print reproduction.json.")] = False,
) -> None:
    """Make a run again from its results.json and say what differs; status 1 where anything does."""
    if no_network:
        forbid_network()
    from tellapart.console import Terminal
    from tellapart.reproduction import DIFFERS
    from tellapart.reproduction import reproduce as make_again

    heed_interrupts(resumable=True)
    found = make_again(run, photos=photos, out=out, resume=resume, progress=Terminal())
    if as_json:
        echo_json(found.as_json())
    else:
        _print(found)
    if found.verdict == DIFFERS:
        raise typer.Exit(1)


def _print(found: "Reproduction") -> None:
    from tellapart.console import print_table

    columns = ["recipe", "test", "again", "log loss", "again", "largest difference", "model.onnx"]
    rows = [
        [
            recipe.name,
            *_figures(recipe.accuracy, 3),
            *_figures(recipe.log_loss, 4),
            "-" if recipe.largest_difference is None else f"{recipe.largest_difference:.2g}",
            "the same bytes" if recipe.same_model else "other bytes",
        ]
        for recipe in found.recipes
    ]
    print_table(f"{found.run}, and again in {found.again}", columns, rows)
    for line in _lines(found):
        echo(line)
    echo(f"Result: {found.verdict}.")


def _lines(found: "Reproduction") -> list[str]:
    lines = [f"Photos: {len(paths)} {what} ({_some(paths)})" for what, paths in found.photos.items() if paths]
    if found.moved:
        lines.append(f"Split: {counted(len(found.moved), 'photo')} in another part ({_some(found.moved)})")
    if found.missing:
        lines.append(f"Recipes: not made again: {', '.join(found.missing)}")
    if not found.chosen.same:
        lines.append(f"Chosen: {found.chosen.before}, now {found.chosen.now}")
    for what, pairs in (("Weights", found.weights), ("Environment", found.environment)):
        lines += [f"{what}: {name} was {_shown(pair.before)}, is {_shown(pair.now)}" for name, pair in pairs.items()]
    if not lines:
        lines = ["Photos, split, chosen recipe, weights and environment: the same."]
    return lines + [f"Probable reason: {reason}." for reason in found.reasons]


def _figures(pair: "Pair", digits: int) -> list[str]:
    return [f"{value:.{digits}f}" for value in (pair.before, pair.now)]


def _some(paths: list[str]) -> str:
    more = f", and {len(paths) - _SHOWN} more" if len(paths) > _SHOWN else ""
    return ", ".join(paths[:_SHOWN]) + more


def _shown(value: Any) -> str:
    return "not there" if value is None else str(value)
