"""`tellapart explain`: what a model, or each step of a run, looks at in photos."""

from pathlib import Path
from typing import Annotated, Any

import typer

from tellapart.errors import unread_photos
from tellapart.printing import echo, echo_json
from tellapart.stopping import heed_interrupts


def explain(
    model: Annotated[Path, typer.Argument(help="A model.onnx, or a run folder: then each of its steps.")],
    photos: Annotated[list[Path], typer.Argument(help="Photos, or folders of photos.")],
    out: Annotated[Path, typer.Option("--out", help="For the pictures and explanations.json.")] = Path("looks"),
    method: Annotated[
        str, typer.Option(help="gradcam, gradcam++, hirescam, occlusion, integrated-gradients, or all.")
    ] = "hirescam",
    class_name: Annotated[str | None, typer.Option("--class", help="Which class; the predicted one without.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print explanations.json.")] = False,
) -> None:
    """Draw which parts of a photo speak for a class: heat maps of any recipe, side by side for a run."""
    from tellapart.console import Terminal
    from tellapart.explanations import explain_photos

    heed_interrupts()
    told = explain_photos(model, photos, out=out, method=method, class_name=class_name, progress=Terminal())
    if as_json:
        echo_json(told)
    else:
        for photo in told["photos"]:
            for line in _lines(photo, out):
                echo(line)
    n_errors = sum("error" in photo for photo in told["photos"])
    if n_errors:
        raise unread_photos(n_errors, "above and in explanations.json")


def _lines(photo: dict[str, Any], out: Path) -> list[str]:
    if "error" in photo:
        return []  # told as a note already
    lines = [f"{out / file}" for file in photo["files"]]
    return [*lines, *(f"  {_line(told, photo['class'])}" for told in photo["maps"])]


def _line(told: dict[str, Any], label: str) -> str:
    said = f"{told['recipe']} says {told['predicted']}, {100 * told['probability']:.0f} %"
    if told["method"] is None:
        return f"{said}; nothing to look at: {told['why']}"
    middle = told["in_middle"]
    found = f"nothing speaks for {label}" if middle is None else f"{100 * middle:.0f} % of {label} in the middle half"
    return f"{said}; {told['method']}: {found}"
