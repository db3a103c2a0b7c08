"""One run folder or model file: whole, finished, and what to type to go on with it."""

from collections.abc import Iterator
from pathlib import Path

from tellapart.doctor.finding import Finding
from tellapart.errors import RunFolderError, TellapartError
from tellapart.files import read_json
from tellapart.temporaries import left_behind


def look_at(path: Path) -> Iterator[Finding]:
    """Find what is wrong with a run folder or a model file.

    Raises:
        RunFolderError: There is nothing of that name.
    """
    if path.is_dir():
        yield from _of_run(path)
    elif path.is_file():
        yield _of_model(path)
    else:
        raise RunFolderError(f"There is no {path}. Accepted: a run folder, or a model file. Next: check the path")


def _of_run(run: Path) -> Iterator[Finding]:
    left = left_behind(run)
    if left:
        told = f"{len(left)} unfinished files of a run that was ended"
        yield Finding("warn", str(run), told, f"tellapart fit PHOTOS --out {run} --resume")
    if not (run / "results.json").is_file():
        yield _unfinished(run)
        return
    from tellapart.report.run_folder import read_run

    try:
        found = read_run(run)
    except TellapartError as problem:
        yield _told(run / "results.json", problem)
        return
    yield Finding("ok", str(run), f"finished: {len(found.recipes)} recipes, chosen is {found.best['name']}")
    yield _of_model(run / str(found.results.get("model", "model.onnx")))


def _unfinished(run: Path) -> Finding:
    from tellapart.run import settings_of

    try:
        settings = settings_of(run)
        done = sorted(
            path.parent.name for path in run.glob("recipes/*/recipe.json") if isinstance(read_json(path), dict)
        )
    except TellapartError as problem:
        return _told(run, problem)
    except (OSError, ValueError) as problem:
        found = f"unfinished, and a recipe.json cannot be read ({problem})"
        return Finding("wrong", str(run), found, "tellapart fit PHOTOS --out ANOTHER")
    if not settings:
        return Finding("wrong", str(run), "holds no run", f"tellapart fit PHOTOS --out {run}")
    found = f"unfinished; done: {', '.join(done) or 'no recipe'}"
    return Finding("warn", str(run), found, f"tellapart fit PHOTOS --out {run} --resume, with the same settings")


def _of_model(path: Path) -> Finding:
    from tellapart.deploy.runtime import load

    try:
        model = load(path)
    except TellapartError as problem:
        return _told(path, problem)
    return Finding("ok", str(path), f"{len(model.classes)} classes; it answers its golden photos as it should")


def _told(path: Path, problem: TellapartError) -> Finding:
    """An error as a finding: what it says to type next is what mends it."""
    found, _, mend = str(problem).partition(" Next: ")
    return Finding("wrong", str(path), found, mend)
