"""`tellapart export`: a recipe of a run in other forms, each compared with it on the run's photos."""

from pathlib import Path
from typing import Annotated, Any

import typer

from tellapart.errors import UserError
from tellapart.printing import echo, echo_json
from tellapart.stopping import heed_interrupts


def export(  # noqa: PLR0913, PLR0917  one parameter a flag
    run: Annotated[Path, typer.Argument(help="The folder of a finished run.")],
    recipe: Annotated[str | None, typer.Option(help="One of its recipes; the chosen one without.")] = None,
    formats: Annotated[
        str, typer.Option("--format", help="onnx, keras, savedmodel, openvino, onnx-int8; several with commas.")
    ] = "onnx",
    out: Annotated[Path | None, typer.Option("--out", help="A folder; RUN/exports/RECIPE without.")] = None,
    photos: Annotated[
        Path | None, typer.Option(help="Where the run's photos are now; where they were without.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Write an int8 file even where it costs too much.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print export.json.")] = False,
) -> None:
    """Write a recipe in other forms, and let each answer the test photos by its own engine."""
    from tellapart.console import Terminal
    from tellapart.exporting import export as export_run

    heed_interrupts()
    told = export_run(run, recipe=recipe, formats=formats, out=out, photos=photos, force=force, progress=Terminal())
    folder = out or run / "exports" / told["source"]["recipe"]
    if as_json:
        echo_json(told)
    else:
        _print(told, folder)
    refused = [one["why"] for one in told["files"].values() if "why" in one and not one["file"]]
    if refused:
        raise UserError(f"onnx-int8 is not written: {refused[0]}. Next: --force writes it as an experiment")


def _print(told: dict[str, Any], folder: Path) -> None:
    from tellapart.console import print_table

    columns = ["format", "file", "MB", "photos", "same class", "largest difference"]
    rows = [
        [
            name,
            one["file"],
            f"{one['bytes'] / 1e6:.2f}",
            f"{found['n']} {part}",
            f"{found['same']} ({100 * found['share']:.1f} %)",
            f"{found['largest_difference']:.1e}",
        ]
        for name, one in told["files"].items()
        if one["file"]
        for part, found in one["compared"].items()
    ]
    print_table(f"{told['source']['recipe']}, beside the answers of the run", columns, rows)
    for name, one in told["files"].items():
        if one["file"] and "why" in one:
            echo(f"{name}: {one['why']}")
    echo(f"Card: {folder / 'MODEL_CARD.md'}")
