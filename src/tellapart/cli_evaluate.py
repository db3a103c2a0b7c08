"""`tellapart evaluate`: a model on labelled photos that it has not seen."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from tellapart.printing import echo, echo_json, quiet
from tellapart.stopping import heed_interrupts

if TYPE_CHECKING:
    from tellapart.deploy.field_test import FieldTest

_SCORES: Final = (
    ("accuracy", "accuracy"),
    ("macro F1", "macro_f1"),
    ("balanced accuracy", "balanced_accuracy"),
    ("log loss", "log_loss"),
    ("calibration error", "ece"),
)
_MOST_CLASSES: Final = 12  # of a matrix that a terminal can hold
_NOTHING: Final = "–"


def evaluate(  # noqa: PLR0913, PLR0917  one parameter a flag
    model: Annotated[Path, typer.Argument(help="A model.onnx, or the run folder that holds it.")],
    photos: Annotated[
        Path, typer.Argument(help="Photos that it has not seen: a folder with one sub-folder per class, or a CSV file.")
    ],
    out: Annotated[Path | None, typer.Option(help="A folder for evaluation.json, .html, tables and figures.")] = None,
    run: Annotated[
        Path | None, typer.Option(help="The model's run folder, where an early version made its file.")
    ] = None,
    on: Annotated[
        str | None, typer.Option("--on", help="For many photos: ask side by side on local, ray, or ray://HOST:PORT.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option("--workers", help="With --on: processes at once; one a core without.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print evaluation.json.")] = False,
) -> None:
    """Try a model on labelled photos: every score with its interval, and where the photos differ from its own."""
    from tellapart.console import Terminal
    from tellapart.new_photos import evaluate as try_on
    from tellapart.scale.tasks import check_workers, open_engine

    heed_interrupts()
    check_workers(on, workers)
    engine = open_engine(on, workers=workers) if on else None
    with quiet():
        tested = try_on(model, photos, out=out, run=run, engine=engine, progress=Terminal())
    if as_json:
        echo_json(tested.as_json())
        return
    _print_scores(tested)
    _print_classes(tested)
    _print_drift(tested)
    for sentence in tested.sentences:
        echo(sentence)
    if out is not None:
        echo(f"Page: {out / 'evaluation.html'}")


def _print_scores(tested: "FieldTest") -> None:
    from dataclasses import asdict

    from tellapart.console import print_table

    here, own = asdict(tested.score), tested.model["test"] or {}
    rows = [[title, *_score(here, name), *_score(own, name)] for title, name in _SCORES]
    rows.append(["photos", str(here["n"]), "", str(own.get("n", _NOTHING)), ""])
    print_table(
        f"The scores on {here['n']} new photos, and on the model's own test photos",
        ["", "here", "95 % interval", "own test", "95 % interval"],
        rows,
    )


def _score(scores: dict[str, Any], name: str) -> tuple[str, str]:
    if name not in scores:
        return _NOTHING, ""
    low, high = scores.get(f"{name}_low"), scores.get(f"{name}_high")
    return f"{scores[name]:.3f}", "" if low is None or high is None else f"{low:.3f} to {high:.3f}"


def _print_classes(tested: "FieldTest") -> None:
    from tellapart.console import print_table

    rows = [
        [fare.name, str(fare.photos), *(_share(share) for share in (fare.recall, fare.precision, fare.f1))]
        for fare in tested.classes
    ]
    print_table("Class by class, with 95 % intervals", ["", "photos", "recall", "precision", "F1"], rows)
    names = tested.model["classes"]
    if len(names) <= _MOST_CLASSES:
        counts = [[name, *map(str, row)] for name, row in zip(names, tested.score.confusion, strict=True)]
        print_table("Photos of each class (rows), and what they were called", ["", *names], counts)


def _share(share: Any) -> str:
    return f"{share.value:.2f} ({share.low:.2f} to {share.high:.2f})" if share.value == share.value else _NOTHING


def _print_drift(tested: "FieldTest") -> None:
    from tellapart.console import print_table

    rows = [
        [
            row["title"],
            f"{row['median']:.{row['digits']}f}",
            f"{row['reference']:.{row['digits']}f}",
            f"{100 * row['chance']:.0f} %",
            f"{100 * row['low']:.0f} to {100 * row['high']:.0f}",
            row["verdict"],
        ]
        for row in tested.drift.as_json()["measures"]
    ]
    if rows:
        columns = ["median of", "these", "its own", "chance to lie above", "95 % interval", "these photos are"]
        print_table("These photos against those that the model was made with", columns, rows)
