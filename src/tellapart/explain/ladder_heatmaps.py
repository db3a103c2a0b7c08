"""The heat maps of a run's report: every step on the same photos, every method on the chosen one.

The photos are test photos, picked by the chosen model's answers in its predictions.csv. Nothing is
fitted on them, and no choice is made by what the maps show.
"""

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from PIL import Image, ImageOps

from tellapart.errors import UnreadablePhotoError, UserError
from tellapart.explain.centre import as_rows, outside_of, shortcuts_of, warnings_of
from tellapart.explain.choice_of_photos import Answered, answered, spread_of, typical_and_wrong
from tellapart.explain.ladder_steps import Look, Step, look, open_steps
from tellapart.explain.methods import DEFAULT, METHODS, Method
from tellapart.explain.placing import in_middle, on_photo
from tellapart.files import make_folder, read_csv, write_bytes, write_json
from tellapart.photos.decode import decode
from tellapart.photos.pixels import read_pixels
from tellapart.progress import Bar, Progress
from tellapart.report.heatmaps import smoothed, strengths

FORMAT: Final = 1
LONGEST: Final = 200  # pixels of a kept photo's longer side; in a figure it is drawn as large as that
_A_CLASS: Final = 12  # photos whose maps are held against the middle
_CLASSES: Final = 12
_SOME: Final = 4
_COSTLY: Final = 5e9  # multiplications a photo: beyond, one photo is shown by all methods instead of two
_SAMPLE: Final = 8e11  # multiplications for the maps that are held against the middle


@dataclass
class _Kept:
    """What is written: texts and numbers, and arrays by name."""

    root: Path
    arrays: dict[str, np.ndarray] = field(default_factory=dict)
    gone: int = 0


def draw_heatmaps(run: Path, results: dict[str, Any], progress: Progress) -> None:
    """Compute the heat maps of a finished run into `explanations/heatmaps.json` and `heatmaps.npz`.

    One photo of each class that the chosen model has right (at most 6) and up to 4 of its most confident mistakes,
    each seen by every step; two of them (one, with a large network) by every method on the chosen step; and for up to
    12 photos of each class the share of the map outside the middle.

    Args:
        run: Holds model files, predictions.csv and, perhaps, audit.json.
        results: The content of its results.json.
        progress: Told of photos that are gone.

    Raises:
        UserError: A model file is damaged, or `onnx` is not installed.
    """
    steps = open_steps(run, results)
    chosen = next((step for step in steps if step.recipe == results["best"]["recipe"]), None)
    if chosen is None or not chosen.looks:
        progress.note("Heat maps: none, as the chosen recipe looks at nothing")
        return
    photos = answered(read_csv(run / "recipes" / chosen.recipe / "predictions.csv"))
    shown = typical_and_wrong(photos, chosen.network.classes)
    kept = _Kept(_root(results))
    sample = _sample(photos, chosen, shortcuts_of(run))
    side_by_side = _for_methods(shown, chosen)
    total = len(shown) * len(steps) + len(side_by_side) * len(METHODS) + sum(len(some) for some in sample.values())
    with progress.bar("Heat maps", total) as bar:
        told = {
            "format": FORMAT,
            "method": DEFAULT,
            "chosen": chosen.recipe,
            "steps": [{"recipe": step.recipe, "title": step.title, "looks": step.looks} for step in steps],
            "photos": list(_each_step(shown, steps, kept, bar)),
            "methods": list(_each_method(side_by_side, chosen, kept, bar)),
            "titles": {method.name: method.title for method in METHODS.values()},
            **_centred(sample, chosen, shortcuts_of(run), kept, bar),
        }
    if kept.gone:
        progress.note(f"Heat maps: {kept.gone} photos could not be read any more; they are left out")
    folder = make_folder(run / "explanations")
    content = io.BytesIO()
    np.savez_compressed(content, allow_pickle=False, **kept.arrays)
    write_bytes(folder / "heatmaps.npz", content.getvalue())
    write_json(folder / "heatmaps.json", told)


def _each_step(shown: Sequence[Answered], steps: Sequence[Step], kept: _Kept, bar: Bar) -> Iterator[dict[str, Any]]:
    """Each photo as every step sees it, of the class that the chosen step says."""
    for place, photo in enumerate(shown):
        opened = _opened(photo, kept)
        if opened is not None:
            number = steps[0].network.classes.index(photo.predicted)
            size = drawn_size(opened)
            looks = [look(step, METHODS[DEFAULT], kept.root / photo.path, number, size) for step in steps]
            yield _keep(kept, f"photo{place}", photo, opened, looks)
        bar.advance(len(steps))


def _each_method(shown: Sequence[Answered], chosen: Step, kept: _Kept, bar: Bar) -> Iterator[dict[str, Any]]:
    """Each photo as every method shows it."""
    for place, photo in enumerate(shown):
        opened = _opened(photo, kept)
        if opened is not None:
            number, size = chosen.network.classes.index(photo.predicted), drawn_size(opened)
            looks = list(_by_each_method(chosen, kept.root / photo.path, number, size))
            yield _keep(kept, f"methods{place}", photo, opened, looks)
        bar.advance(len(METHODS))


def _by_each_method(chosen: Step, photo: Path, number: int, size: tuple[int, int]) -> Iterator[Look]:
    for method in METHODS.values():
        try:
            yield look(chosen, method, photo, number, size)
        except UserError:  # no gradient, or no activation maps: the other methods stand for it
            continue


def _centred(
    sample: dict[str, list[Answered]], chosen: Step, shortcuts: dict[str, tuple[str, ...]], kept: _Kept, bar: Bar
) -> dict[str, Any]:
    rows = []
    for name, some in sample.items():
        shares = []
        for photo in some:
            opened = _opened(photo, kept)
            if opened is not None:
                pixels = read_pixels(kept.root / photo.path, chosen.network.spec)
                share = _share_inside(chosen, METHODS[DEFAULT], pixels, name, drawn_size(opened))
                shares += [] if share is None else [1 - share]
            bar.advance()
        if shares:
            rows.append(outside_of(name, shares, shortcuts.get(name, ())))
    return {"outside": as_rows(rows), "warnings": warnings_of(rows)}


def _share_inside(step: Step, method: Method, pixels: np.ndarray, name: str, size: tuple[int, int]) -> float | None:
    network = step.network
    heat = method.run(network, pixels, network.classes.index(name))
    return in_middle(on_photo(heat, network.spec, size))


def _sample(
    photos: Sequence[Answered], chosen: Step, shortcuts: dict[str, tuple[str, ...]]
) -> dict[str, list[Answered]]:
    """The photos whose maps are held against the middle, by class; classes with a shortcut come first."""
    named = sorted(chosen.network.classes, key=lambda name: name not in shortcuts)[:_CLASSES]
    affordable = int(_SAMPLE / (chosen.network.multiply_adds * len(named) + 1))
    most = min(_A_CLASS, max(_SOME, affordable))
    return {name: spread_of(photos, name, most) for name in named}


def _for_methods(shown: Sequence[Answered], chosen: Step) -> list[Answered]:
    """The first photo that is right and the first mistake; of a costly network the first alone."""
    most = 1 if chosen.network.multiply_adds > _COSTLY else 2
    right, wrong = ([photo for photo in shown if photo.right is wanted] for wanted in (True, False))
    return [*right[:1], *wrong[:1], *right[1:]][:most]


def _keep(kept: _Kept, name: str, photo: Answered, opened: Image.Image, looks: Sequence[Look]) -> dict[str, Any]:
    """Put a photo and its maps among the arrays, and tell what is known of them."""
    kept.arrays[name] = np.asarray(opened.resize(drawn_size(opened), Image.Resampling.BILINEAR))
    maps = []
    for place, one in enumerate(looks):
        array = None
        if one.heat is not None:
            array = f"{name}_{place}"
            kept.arrays[array] = np.round(255 * strengths(smoothed(one.heat))).astype(np.uint8)
        maps.append({**one.told, "map": array})
    return {"path": photo.path, "class": photo.label, "explained": photo.predicted, "photo": name, "maps": maps}


def drawn_size(photo: Image.Image) -> tuple[int, int]:
    """Width and height of a photo as it is kept: at most 200 pixels, and at least 1."""
    if max(photo.size) <= LONGEST:
        return photo.size
    width, height = ImageOps.contain(Image.new("1", photo.size), (LONGEST, LONGEST)).size
    return max(width, 1), max(height, 1)


def _opened(photo: Answered, kept: _Kept) -> Image.Image | None:
    try:
        return decode(kept.root / photo.path)
    except UnreadablePhotoError:
        kept.gone += 1
        return None


def _root(results: dict[str, Any]) -> Path:
    """The folder that the paths of a run's photos are relative to; a table of photos lies in it."""
    source = Path(results["settings"]["photos_absolute"])
    return source.parent if source.is_file() else source
