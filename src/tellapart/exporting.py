"""A recipe of a finished run, written in other forms; each answers the run's photos before it is believed."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from os import PathLike
from pathlib import Path
from typing import Any, Final

import numpy as np

from tellapart.answer_tables import TEST as ANSWERS
from tellapart.answer_tables import read_answers
from tellapart.deploy.agreement import Reference, agreement, check_agreement, golden_of
from tellapart.deploy.formats import INT8, Format, Source, formats_named
from tellapart.deploy.int8 import Shown, int8_file, outputs_of, sample_of
from tellapart.deploy.run_photos import TEST, RunPhotos, photos_of_run
from tellapart.deploy.runtime import PROBABILITIES, load
from tellapart.errors import PhotosError, RunFolderError
from tellapart.evaluation.intervals import group_numbers
from tellapart.files import cache_folder, read_json, whole_file, whole_folder, write_json, write_text
from tellapart.holding import Hold
from tellapart.photos.batches import decoded, label_numbers
from tellapart.photos.scan import Photo
from tellapart.progress import Progress, Silent
from tellapart.report.model_card import FILE as CARD
from tellapart.report.model_card import model_card
from tellapart.run import Run
from tellapart.temporaries import sweep

FORMAT: Final = 1
RECORD: Final = "export.json"
EXPERIMENTAL: Final = "model-int8-experimental.onnx"


@dataclass(frozen=True)
class _Export:
    """What all formats of one export share.

    Attributes:
        run: The run.
        entry: The recipe's, in results.json.
        source: Its folder and its model file.
        photos: Those of the run that are there; None where nobody knows where they are.
        progress: Where to tell how far it is.
    """

    run: Run
    entry: Mapping[str, Any]
    source: Source
    photos: RunPhotos | None
    progress: Progress

    def pictures(self, photos: Sequence[Photo]) -> np.ndarray:
        """Photos at the network's size, (photos, size, size, 3), uint8, by the one decoder; kept in the cache."""
        root = self.photos.root if self.photos else Path()
        return decoded(root, photos, self.source.model.spec, cache=cache_folder(), progress=self.progress)

    def shown(self, photos: Sequence[Photo]) -> Shown:
        """The same with classes and groups."""
        numbers = group_numbers([photo.path for photo in photos], self.photos.groups if self.photos else {})
        return Shown(self.pictures(photos), label_numbers(photos, self.source.model.classes), numbers)


def export(  # noqa: PLR0913  the public door names every setting
    run: str | PathLike[str],
    *,
    recipe: str | None = None,
    formats: str = "onnx",
    out: str | PathLike[str] | None = None,
    photos: str | PathLike[str] | None = None,
    force: bool = False,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Write a recipe of a run in other forms, and let each answer the run's photos by its own engine.

    Args:
        run: The folder of a finished run.
        recipe: Which one; without it the one that was chosen.
        formats: Names with commas: onnx, keras, savedmodel, openvino, onnx-int8.
        out: A folder for the files, export.json and MODEL_CARD.md; without it `exports/<recipe>` in the run folder.
        photos: Where the run's photos are now; without it where they were.
        force: Write an int8 file that costs too much all the same, under a name that says so.
        progress: Where to tell how far it is; silent without.

    Returns:
        The content of export.json. A format that was refused has no `file`, and `why`.

    Raises:
        UserError: No such run, recipe, format or folder; something is not installed; int8 without its photos.
        TellapartError: A file does not answer as the model does; it is not kept.
    """
    chosen = formats_named(formats)
    shared = _opened(Run(Path(run)), recipe, Path(photos) if photos else None, progress or Silent())
    folder = Path(out) if out else shared.run.folder / "exports" / str(shared.entry["name"])
    with Hold(folder, RECORD) as hold:
        record = _begun(shared, folder)
        if any(row.write is None for row in chosen):
            _check_whole(shared)
        hold.take()
        sweep(cache_folder())
        references = (golden_of(shared.source.model), *_references(shared))
        for row in chosen:
            shared.progress.note(f"Writing {row.name}")
            record["files"][row.name] = _written(row, shared, references, folder, force=force)
        write_text(folder / CARD, model_card(shared.run.folder, shared.run.results, shared.entry, record))
        write_json(folder / RECORD, record)
    return record


def folder_of(run: Run, name: str) -> Path:
    """Where the model of a recipe lies that can be handed over.

    Raises:
        RunFolderError: There is none.
    """
    folds = run.results["split"].get("folds")
    folder = run.folder / ("folds/final/recipes" if folds else "recipes") / name
    if not (folder / "model.onnx").is_file():
        why = "a run with folds trains the chosen recipe alone once more, for use" if folds else "it is not whole"
        raise RunFolderError(
            f"{run.folder} holds no model of {name}: {why}. Next: tellapart export {run.folder} --recipe {run.best}"
        )
    return folder


def _opened(run: Run, recipe: str | None, given: Path | None, progress: Progress) -> _Export:
    name = recipe or run.best
    entry = run.recipe(name).results
    folder = folder_of(run, name)
    source = Source(folder, load(folder / "model.onnx"))
    found = photos_of_run(run, given)
    if found is None:
        progress.note(
            "The photos of the run are no longer where they were: the golden photos alone are compared. "
            f"Next: tellapart export {run.folder} --photos FOLDER"
        )
    elif told := found.told(run.folder):
        progress.note(told)
    return _Export(run, entry, source, found, progress)


def _begun(shared: _Export, folder: Path) -> dict[str, Any]:
    """What export.json says before anything is written; files of an earlier export of the same model stay in it.

    Raises:
        RunFolderError: The folder holds the export of another model; its card would speak of the wrong one.
    """
    model, found = shared.source.model, shared.photos
    passport = model.passport
    source = {"recipe": shared.entry["name"], "sha256": hashlib.sha256(model.content).hexdigest()}
    file = folder / RECORD
    before = _read(file) if file.is_file() else {"source": source, "files": {}}
    if before.get("source") != source:
        raise RunFolderError(f"{folder} holds the export of another model. Next: another folder with --out")
    return {
        "format": FORMAT,
        "source": source,
        "classes": list(model.classes),
        "pixels": model.spec.as_dict(),
        "temperature": shared.source.temperature,
        "fingerprints": passport.get("fingerprints"),
        "photos_missing": {} if found is None else {part: list(paths) for part, paths in found.missing.items()},
        "files": {name: told for name, told in before["files"].items() if (folder / str(told.get("file"))).exists()},
    }


def _read(file: Path) -> dict[str, Any]:
    """What an earlier export.json says; nothing where it is damaged, so that its folder is not taken for ours."""
    try:
        told = read_json(file)
    except ValueError:
        return {}
    return told if isinstance(told, dict) and isinstance(told.get("files"), dict) else {}


def _check_whole(shared: _Export) -> None:
    """Refuse to quantise without the photos that it takes.

    Raises:
        PhotosError: Training or validation photos are missing.
    """
    found = shared.photos
    if found is None or {"train", "valid"} & set(found.missing) or not (found.train and found.valid):
        raise PhotosError(
            f"{INT8} takes the training and the validation photos of the run, and they are not all where they were. "
            f"Next: tellapart export {shared.run.folder} --format {INT8} --photos FOLDER"
        )


def _references(shared: _Export) -> tuple[Reference, ...]:
    """The test photos with the answers of predictions.csv; with folds those that validated the model, by itself."""
    found, model = shared.photos, shared.source.model
    if found is None:
        return ()
    if shared.run.results["split"].get("folds"):
        pictures = shared.pictures(found.valid)
        return (
            (Reference("valid", pictures, outputs_of(model.content, pictures)[PROBABILITIES]),) if found.valid else ()
        )
    table = read_answers(shared.run.folder / "recipes" / str(shared.entry["name"]) / ANSWERS, model.classes)
    place = {path: number for number, path in enumerate(table.paths)}
    photos = [photo for photo in found.test if photo.path in place]
    answers = table.probabilities[[place[photo.path] for photo in photos]]
    return (Reference(TEST, shared.pictures(photos), answers),) if photos else ()


def _written(
    row: Format, shared: _Export, references: Sequence[Reference], folder: Path, *, force: bool
) -> dict[str, Any]:
    """One format: written beside its place, opened, compared, and put in its place; what export.json says of it."""
    if row.write is None:
        return _quantised(row, shared, references, folder, force=force)
    whole = whole_folder if row.is_folder else whole_file
    with whole(folder / row.file) as temporary:
        row.write(shared.source, temporary)
        forward = row.open(temporary)
        compared = {one.name: agreement(forward, one) for one in references}
        check_agreement(row.name, compared)
    return {**_facts(row, folder / row.file), "compared": compared}


def _quantised(
    row: Format, shared: _Export, references: Sequence[Reference], folder: Path, *, force: bool
) -> dict[str, Any]:
    """The int8 file, where it costs little or is asked for all the same."""
    photos = shared.photos
    if photos is None:
        return {}
    labels = label_numbers(photos.train, shared.source.model.classes)
    sample = [photos.train[place] for place in sample_of(labels, int(shared.run.results.get("seed", 0)))]
    test = shared.shown(photos.test) if photos.test else None
    made = int8_file(shared.source.model, shared.pictures(sample), shared.shown(photos.valid), test)
    told = {**made.told, "accepted": made.accepted, "why": made.why}
    if not (made.accepted or force):
        return {"file": None, **told}
    path = folder / (row.file if made.accepted else EXPERIMENTAL)
    with whole_file(path) as temporary:
        temporary.write_bytes(made.content)
        load(temporary)
        forward = row.open(temporary)
        compared = {one.name: agreement(forward, one) for one in references}
    return {**_facts(row, path), "compared": compared, **told}


def _facts(row: Format, path: Path) -> dict[str, Any]:
    files = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
    digests = {
        file.relative_to(path.parent).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest() for file in files
    }
    return {
        "file": path.name,
        "bytes": sum(file.stat().st_size for file in files),
        "sha256": digests,
        "engine": _engine(row),
        "lacks": row.lacks,
    }


def _engine(row: Format) -> str:
    """What ran the file here, with its version."""
    if row.module == "tensorflow":  # whose package has another name on some systems
        import tensorflow as tf

        return f"tensorflow {tf.__version__}"
    name = "onnxruntime" if row.name == INT8 else row.module
    return f"{name} {version(name)}"
