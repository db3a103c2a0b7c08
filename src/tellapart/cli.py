"""The command line: parse, call one public function, print. Nothing heavy is imported before it is needed."""

import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import typer

from tellapart import (
    cli_compare,
    cli_doctor,
    cli_evaluate,
    cli_explain,
    cli_export,
    cli_reproduce,
    cli_scale,
    cli_serve,
    cli_weights,
)
from tellapart.cli_weights import Offline
from tellapart.errors import MissingExtraError, OptionError, TellapartError, UserError, unread_photos
from tellapart.going_on import know_resumable
from tellapart.printing import echo, echo_json
from tellapart.stopping import INTERRUPTED, forget_interrupts, heed_interrupts, told_stopped
from tellapart.weights.offline import forbid_network, offline
from tellapart.words import read_duration

app = typer.Typer(
    help="Teach a computer to tell your photos apart: climb a ladder of methods, get honest scores and one file.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

app.add_typer(cli_weights.app, name="weights")
app.command()(cli_reproduce.reproduce)
app.command()(cli_compare.compare)
app.command()(cli_evaluate.evaluate)
app.command()(cli_explain.explain)
app.command()(cli_export.export)
app.command()(cli_serve.serve)
app.command()(cli_doctor.doctor)
app.command()(cli_scale.embed)
app.command()(cli_scale.duplicates)

Out = Annotated[Path, typer.Option("--out", help="The run folder; it must be new, or use --resume.")]


@app.command()
def fit(  # noqa: PLR0913, PLR0917  one parameter a flag
    photos: Annotated[Path, typer.Argument(help="A folder with one sub-folder of photos per class, or a CSV file.")],
    out: Out,
    recipes: Annotated[str, typer.Option(help="all, or names with commas: baseline,deeper,...")] = "all",
    backbone: Annotated[
        str | None, typer.Option(help="A name of `tellapart weights list`, several with commas, or auto.")
    ] = None,
    weights: Annotated[Path | None, typer.Option(help="The backbone's weights, .h5 or .weights.h5.")] = None,
    image_size: Annotated[int | None, typer.Option(help="In pixels; each recipe has its own default.")] = None,
    test_share: Annotated[float, typer.Option(help="Share of each class that is set aside.")] = 0.2,
    folds: Annotated[
        int | None, typer.Option(help="Cross-validation in so many folds: every photo is tested, by turns.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Another seed, another split.")] = 0,
    epochs: Annotated[int | None, typer.Option(help="A ceiling for every recipe.")] = None,
    budget: Annotated[
        str | None, typer.Option(help="Time for the whole run, such as 10m; without it, no limit.")
    ] = None,
    search_time: Annotated[str, typer.Option(help="Time for the search of `tuned`: 90s, 5m, 1h.")] = "5m",
    trials: Annotated[int, typer.Option(help="Trials of that search, at most.")] = 30,
    fast: Annotated[bool, typer.Option("--fast", help="Features of training photos in 8 bits: faster.")] = False,
    corrections: Annotated[Path | None, typer.Option(help="A table of corrected labels: audit --apply.")] = None,
    track: Annotated[str | None, typer.Option(help="Log to tensorboard, mlflow, or both with a comma.")] = None,
    on: cli_scale.TrainOn = None,
    workers: cli_scale.TrainWorkers = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in --out.")] = False,
    no_network: Offline = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print results.json.")] = False,
) -> None:
    """Climb the ladder on a folder of photos: train, compare, choose, export."""
    if no_network:
        forbid_network()
    seconds, searching = read_duration(budget) if budget else None, read_duration(search_time)
    from tellapart.console import Terminal
    from tellapart.pipeline import fit as fit_run

    heed_interrupts(resumable=True)
    run = fit_run(
        photos,
        out,
        recipes=recipes,
        backbone=backbone,
        weights=weights,
        image_size=image_size,
        test_share=test_share,
        folds=folds,
        seed=seed,
        epochs=epochs,
        budget=seconds,
        search_time=searching,
        trials=trials,
        fast=fast,
        corrections=corrections,
        track=track,
        on=on,
        workers=workers,
        resume=resume,
        progress=Terminal(),
    )
    _print_run(run, as_json)


@app.command()
def audit(
    photos: Annotated[Path, typer.Argument(help="A folder with one sub-folder of photos per class, or a CSV file.")],
    out: Annotated[Path, typer.Option("--out", help="A folder for audit.json and audit.html.")],
    test_share: Annotated[float, typer.Option(help="Share of each class that a test would set aside.")] = 0.2,
    apply: Annotated[bool, typer.Option("--apply", help="Write DIR/corrections.csv; no photo is touched.")] = False,
    corrections: Annotated[Path | None, typer.Option(help="Such a table, applied before the audit.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print audit.json.")] = False,
) -> None:
    """Tell what is wrong with a folder of photos, before anything is trained."""
    from tellapart.console import Terminal, print_findings
    from tellapart.inspection import inspect_photos

    heed_interrupts()
    audited = inspect_photos(
        photos, out, test_share=test_share, apply=apply, corrections=corrections, progress=Terminal()
    )
    if as_json:
        echo_json(audited.as_json())
        return
    print_findings([(finding.severity, finding.what, finding.advice) for finding in audited.findings])
    echo(f"Page: {out / 'audit.html'}")
    if apply:
        _print_corrections(out / "corrections.csv", audited)


@app.command()
def predict(  # noqa: PLR0913, PLR0917  one parameter a flag
    model: Annotated[Path, typer.Argument(help="A model.onnx, or the run folder that holds it.")],
    photos: cli_scale.Photos,
    out: Annotated[
        str | None, typer.Option(help="All probabilities: a .csv or .jsonl file, or a folder of Parquet files.")
    ] = None,
    top: Annotated[int, typer.Option(help="How many classes to print for each photo.")] = 1,
    reject: Annotated[
        float | None, typer.Option(help="Say 'not sure' so often that this share of the answers is wrong: 0.05.")
    ] = None,
    sets: Annotated[bool, typer.Option("--sets", help="Tell the classes that it may be, right for 90 %.")] = False,
    null: Annotated[bool, typer.Option("--null", "-0", help="With -: a NUL behind each name, not a line end.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")] = False,
    on: cli_scale.On = "local",
    workers: cli_scale.Workers = None,
    shard_size: cli_scale.ShardSize = 1_000,
) -> None:
    """Tell which class each photo is of, or that it is of none of them."""
    if out is not None and cli_scale.is_folder(out):
        how = cli_scale.Where(on, workers, shard_size)
        cli_scale.predict_to_folder(model, photos, out, reject=reject, null=null, where=how)
        return
    if cli_scale.Where(on, workers, shard_size) != cli_scale.Where():
        raise OptionError("--on, --workers and --shard-size are for a folder of Parquet files. Next: --out FOLDER")
    from tellapart.deploy.places import count_photos, find_photos, names_on_input
    from tellapart.deploy.predictions import Shown, print_answers, write_answers
    from tellapart.deploy.runtime import load

    file = None if out is None else Path(out)
    if file is not None and file.suffix.lower() not in {".csv", ".jsonl"}:
        raise OptionError(f"--out {out}. Accepted: a name that ends in .csv or .jsonl, or a folder of no suffix.")
    loaded = load(model)
    if reject is not None:
        echo(loaded.doubts.told(reject), err=True)
    answers = loaded.answers(find_photos(photos, names_on_input(null=null)), reject=reject)
    if file is not None:
        from tellapart.console import Terminal
        from tellapart.progress import track

        followed = track(answers, "Asking the model", count_photos(photos), Terminal())
        n_errors = write_answers(file, loaded, followed)
    else:
        n_errors = print_answers(loaded, answers, Shown(top, sets, as_json))
    _tell_halvings()
    if n_errors:
        raise unread_photos(n_errors, "in their rows")


@app.command()
def report(run: Annotated[Path, typer.Argument(help="A run folder.")]) -> None:
    """Make a run's figures and page anew; nothing is trained."""
    from tellapart.holding import Hold
    from tellapart.report.page import write_report

    heed_interrupts()
    with Hold(run):
        echo(write_report(run))


@app.command()
def demo(  # noqa: PLR0913, PLR0917  one parameter a flag
    out: Out,
    recipes: Annotated[str, typer.Option(help="all, or names with commas.")] = "all",
    backbone: Annotated[str, typer.Option(help="For the transfer steps; pocket is built in.")] = "pocket",
    seed: Annotated[int, typer.Option(help="Another seed, another furniture set.")] = 0,
    photos_per_class: Annotated[int, typer.Option(help="How many photos of each class are drawn.")] = 60,
    budget: Annotated[str | None, typer.Option(help="Time for the whole run, such as 10m.")] = None,
    search_time: Annotated[str, typer.Option(help="Time for the search of `tuned`.")] = "60s",
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a demo that was interrupted.")] = False,
    no_network: Offline = False,
) -> None:
    """Draw a furniture set on the spot and climb the whole ladder on it."""
    if no_network:
        forbid_network()
    seconds, searching = read_duration(budget) if budget else None, read_duration(search_time)
    from tellapart.console import Terminal
    from tellapart.pipeline import demo as run_demo

    heed_interrupts(resumable=True)
    run = run_demo(
        out,
        recipes=recipes,
        backbone=backbone,
        seed=seed,
        photos_per_class=photos_per_class,
        budget=seconds,
        search_time=searching,
        resume=resume,
        progress=Terminal(),
    )
    _print_run(run, as_json=False)


def _tell_halvings() -> None:
    from tellapart.out_of_memory import HALVINGS

    if told := HALVINGS.told():
        echo(told, err=True)


def _print_corrections(file: Path, audited: Any) -> None:
    if not audited.labels.photos:
        echo(f"No {file}: the labels were not checked; the reason stands above.")
        return
    proposed, listed = len(audited.labels.probable), len(audited.labels.suspects)
    echo(f"Corrections: {file} proposes {proposed} of {listed} rows. Look at each photo, and edit the table.")
    echo(f"Next: tellapart fit PHOTOS --out RUN --corrections {file}")


def _print_run(run: Any, as_json: bool) -> None:
    if as_json:
        echo_json(run.results)
        return
    from tellapart.console import print_table

    board = run.leaderboard()
    print_table("The ladder: accuracy on test photos (* chosen on validation)", list(board.columns), list(board.rows))
    echo(f"Chosen: {run.results['best']['why']}")
    echo(f"Report: {run.folder / 'report.html'}")
    echo(f"Next:   tellapart predict {run.folder / 'model.onnx'} PHOTO...")


def main() -> None:
    """Run the command line; errors that the user can mend become one line and status 2."""
    if offline():
        forbid_network()
    know_resumable(False)  # what has --resume says so
    try:
        status = app(standalone_mode=False) or 0  # typer gives 130 for a KeyboardInterrupt, 0 for --help
        sys.stdout.flush()  # a full disk is met here, not when Python ends
    except (typer.Abort, KeyboardInterrupt):
        status = INTERRUPTED
    except Exception as problem:
        text, status = _told(problem)
        _complain(text)
        _forget_output()
    if status == INTERRUPTED:
        _complain(told_stopped())
        _leave(INTERRUPTED)
    forget_interrupts()
    sys.exit(status)


def _told(problem: Exception) -> tuple[str, int]:
    """The one line for an error and the exit status; what has no line is raised again."""
    if isinstance(problem, TellapartError):
        return str(problem), 2 if isinstance(problem, UserError) else 1
    if isinstance(problem, ModuleNotFoundError):
        return str(MissingExtraError(f"The module {problem.name}", "train")), 2
    told = _about_machine(problem)
    if told:
        return told, 2
    # Typer's usage errors have no public class of their own in every version; they all have this method.
    if hasattr(problem, "format_message"):
        return f"{problem.format_message()} Next: tellapart --help", 2
    raise problem


def _about_machine(problem: Exception) -> str:
    """The one line for a disk or a memory that was too small, whichever library says so; '' for anything else."""
    from tellapart.storage import storage_error

    told = storage_error(problem)
    if told is None and isinstance(problem, FileNotFoundError | NotADirectoryError) and problem.filename:
        return f"{problem.filename} is not there. Next: see that nothing removes it, then the same command again"
    if told is None and not isinstance(problem, OSError):
        from tellapart.out_of_memory import is_out_of_memory, memory_short

        return str(memory_short("this")) if is_out_of_memory(problem) else ""
    return str(told or "")


def _complain(text: str) -> None:
    from tellapart.plain_text import for_terminal

    with suppress(OSError):  # standard error may be a file on the disk that is full
        sys.stderr.write(f"tellapart: {for_terminal(' '.join(text.split()))}\n")
        sys.stderr.flush()


def _forget_output() -> None:
    """Drop what standard output could not take: Python would try again at its end, and print a traceback."""
    try:
        sys.stdout.flush()
    except OSError:
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), sys.stdout.fileno())


def _leave(status: int) -> None:
    """End at once: threads of an interrupted training would be waited for otherwise."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    main()
