"""Heat maps of any photos: what a model, or each step of a run, looks at."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from os import PathLike
from pathlib import Path
from typing import Any, Final

import numpy as np
from PIL import ImageOps

from tellapart.deploy.places import find_photos
from tellapart.errors import UnknownNameError, UnreadablePhotoError
from tellapart.explain.ladder_steps import Look, Step, look, open_steps
from tellapart.explain.methods import ALL, DEFAULT, Method, methods_named
from tellapart.explain.network import Network
from tellapart.files import make_folder, write_json
from tellapart.photos.decode import decode
from tellapart.photos.pixels import read_pixels
from tellapart.plain_text import printable
from tellapart.progress import Progress, Silent, track
from tellapart.report.heatmaps import Panel, heatmaps, measured, said, smoothed
from tellapart.report.style import save_figure
from tellapart.run import Run

FORMAT: Final = 1
_LONGEST: Final = 480  # pixels of a drawn photo's longer side; three of them would not fit a figure otherwise
_STEM_BYTES: Final = 120


@dataclass(frozen=True)
class _Asked:
    """What is to be explained: by which steps, how, and of which class (None: the one that is predicted)."""

    steps: tuple[Step, ...]
    chosen: Step
    methods: tuple[Method, ...]
    number: int | None
    of_a_run: bool


def explain_photos(
    model_or_run: str | PathLike[str],
    photos: Sequence[str | PathLike[str]],
    *,
    out: str | PathLike[str],
    method: str = DEFAULT,
    class_name: str | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Draw which parts of photos speak for a class, to a model or to each step of a run.

    Args:
        model_or_run: A model file, or the folder of a finished run: then every step of its ladder is asked, of
            the same class, so that their maps can be held side by side.
        photos: Photos, or folders of photos.
        out: A folder for `<photo>-<method>.png` and explanations.json.
        method: A name of `explain.methods.METHODS`, or `all`: for a model side by side in one figure.
        class_name: Which class is explained; without it the one that the model (of a run: the chosen step)
            says of each photo.
        progress: Where to tell how far it is; silent without.

    Returns:
        The content of explanations.json. A photo that cannot be read has an `error` and is passed over.

    Raises:
        UnknownNameError: No such method or class; the message gives the nearest ones.
        PhotosError: There is no such photo or folder, or a folder without photos.
        ModelFileError, RunFolderError: It is neither a model file nor a finished run, or damaged.
        NoGradientError: The method needs a gradient, and the model has an operator without one.
    """
    progress = progress or Silent()
    methods = methods_named(method)
    found = list(find_photos([Path(photo) for photo in photos]))
    asked = _asked(Path(model_or_run), methods, class_name)
    folder = make_folder(Path(out))
    taken: set[str] = set()
    told = [
        _explained(photo, asked, folder, _name(photo, taken), progress)
        for photo in track(found, "Looking", len(found), progress)
    ]
    content = {
        "format": FORMAT,
        "source": str(model_or_run),
        "methods": {one.name: one.says for one in methods},
        "class": class_name,
        "photos": told,
    }
    write_json(folder / "explanations.json", content)
    return content


def _asked(source: Path, methods: tuple[Method, ...], class_name: str | None) -> _Asked:
    if source.is_dir():
        run = Run(source)
        steps = open_steps(source, run.results)
        chosen = next((step for step in steps if step.recipe == run.best), steps[-1])
    else:
        network = Network.open(source)
        chosen = Step(network.recipe, network.recipe.capitalize() or "The model", network)
        steps = (chosen,)
    classes = chosen.network.classes
    if class_name is not None and class_name not in classes:
        raise UnknownNameError("class of this model", class_name, classes)
    number = None if class_name is None else classes.index(class_name)
    return _Asked(steps, chosen, methods, number, source.is_dir())


def _explained(path: Path, asked: _Asked, folder: Path, name: str, progress: Progress) -> dict[str, Any]:
    """One photo: its figures, and what is written of it."""
    shown = printable(path)
    try:
        photo = decode(path)
    except UnreadablePhotoError as problem:
        progress.note(f"{shown}: {problem}")
        return {"path": shown, "error": str(problem)}
    drawn = ImageOps.contain(photo, (_LONGEST, _LONGEST)) if max(photo.size) > _LONGEST else photo
    number = asked.number if asked.number is not None else _answer(asked.chosen, path)
    label = asked.chosen.network.classes[number]
    files, maps = [], []
    for method, looks in _side_by_side(asked, path, number, drawn.size):
        file = folder / f"{name}-{method}.png"
        title = f"What speaks for “{label}” in {path.name}"
        save_figure(heatmaps(title, np.asarray(drawn), *_lettered(looks, asked)), file)
        files.append(file.name)
        maps += [one.told for one in looks]
    return {"path": shown, "class": label, "files": files, "maps": maps}


def _side_by_side(asked: _Asked, photo: Path, number: int, size: tuple[int, int]) -> Iterator[tuple[str, list[Look]]]:
    """What stands in one figure: of a model its methods, of a run the steps for each method."""
    if asked.of_a_run:
        for method in asked.methods:
            yield method.name, [look(step, method, photo, number, size) for step in asked.steps]
        return
    name = asked.methods[0].name if len(asked.methods) == 1 else ALL
    yield name, [look(asked.chosen, method, photo, number, size) for method in asked.methods]


def _lettered(looks: list[Look], asked: _Asked) -> tuple[list[Panel], str]:
    """The panels of a figure, and what stands under its photo."""
    heats = [None if one.heat is None else smoothed(one.heat) for one in looks]
    if asked.of_a_run:
        told = [said(one.told) for one in looks]
        titles = [one.step.title + (" (chosen)" if one.step is asked.chosen else "") for one in looks]
        under = ""
    else:
        told = [measured(one.told) for one in looks]
        titles = [one.step.title if one.method is None else one.method.title for one in looks]
        under = said(looks[0].told)
    return [Panel(*panel) for panel in zip(titles, heats, told, strict=True)], under


def _answer(step: Step, photo: Path) -> int:
    pixels = read_pixels(photo, step.network.spec)
    return int(step.network.probabilities(pixels[np.newaxis])[0].argmax())


def _name(photo: Path, taken: set[str]) -> str:
    """The start of a photo's files: its stem, numbered where another photo has the same."""
    stem = os.fsencode(photo.stem)[:_STEM_BYTES].decode("utf-8", "replace") or "photo"
    numbers = (stem if number == 1 else f"{stem}-{number}" for number in count(1))
    name = next(name for name in numbers if name.casefold() not in taken)
    taken.add(name.casefold())
    return name
