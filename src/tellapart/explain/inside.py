"""Looking inside the networks of a run: filters, activation maps, and what classes and channels respond to most."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from PIL import Image

from tellapart.errors import UnreadablePhotoError
from tellapart.explain.activations import strongest
from tellapart.explain.choice_of_photos import answered, typical_and_wrong
from tellapart.explain.embedding import sample
from tellapart.explain.excite import most_exciting, responses, standing_out
from tellapart.explain.ladder_steps import Step, open_steps
from tellapart.explain.maximise import LARGEST, Ascent, affordable, maximise, noise
from tellapart.explain.network import SCORES, Network
from tellapart.explain.writer import NoGradientError
from tellapart.files import read_csv
from tellapart.machine import usable_cores
from tellapart.models.forward import BATCH
from tellapart.photos.pixels import read_pixels
from tellapart.progress import Bar, Progress
from tellapart.report.inside_record import FORMAT, write_inside
from tellapart.words import counted

CLASSES: Final = 8  # that are shown, each with the photos that excite it
CHANNELS: Final = 3  # of the last block, and of a middle one
SHOWN: Final = 4  # photos of each
_PHOTOS: Final = 400  # that are looked at
_COST: Final = 1e12  # multiplications for looking at them
_FEWEST: Final = 24


@dataclass(frozen=True)
class _Photos:
    """The photos that were looked at, as columns in one order.

    Attributes:
        folder: That the paths are relative to.
        paths: Of those that could be read.
        labels: Class names.
        groups: Of copies, "" for none.
        gone: How many could not be read.
        of: How many there are to choose from.
        learned: Whether all of them were learned from.
    """

    folder: Path
    paths: list[str]
    labels: list[str]
    groups: list[str]
    gone: int
    of: int
    learned: bool


@dataclass
class _Kept:
    """What is written: arrays by name; beside them the notes for the user."""

    arrays: dict[str, np.ndarray] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def draw_inside(run: Path, results: dict[str, Any], progress: Progress) -> None:
    """Look into the networks of a finished run, and write RUN/explanations/inside.json and inside.npz.

    Kept are the filters of the first layer of every step that has them; and of the chosen step the activation maps
    of each block for two test photos, the photos learned from (at most 400) that excite its classes and some
    channels most, and for each of these an optimised input. Where the chosen step looks at nothing a note says
    so, and nothing is written. What cannot be had, because photos are gone or the network has an
    operator without gradient, is left out with a note.

    Args:
        run: A run folder with split.csv, model files and the answers of the chosen recipe.
        results: What its results.json holds, or will hold.
        progress: Where to tell how far it is.

    Raises:
        UserError: A model file is damaged, or `onnx` is not installed.
        StorageError: No space, no permission.
    """
    steps = open_steps(run, results)
    chosen = next((step for step in steps if step.recipe == results["best"]["recipe"]), None)
    if chosen is None or not chosen.looks:
        progress.note("No look inside: the chosen recipe looks at no photo")
        return
    kept = _Kept()
    network, seed = chosen.network, int(results.get("seed", 0))
    told: dict[str, Any] = {
        "format": FORMAT,
        "chosen": chosen.recipe,
        "classes": list(network.classes),
        "filters": list(_filters(steps, kept)),
        "activations": list(_activations(run, results, network, kept)),
    }
    photos, values = _looked_at(run, results, network, progress)
    if photos.gone:
        kept.notes.append(f"{counted(photos.gone, 'photo')} can no longer be read")
    subjects = _subjects(network, values, photos.groups)
    told |= {
        "looked_at": {"photos": len(photos.paths), "of": photos.of, "gone": photos.gone, "learned": photos.learned},
        "subjects": [_exciting(network, subject, photos, values, kept) for subject in subjects],
    }
    told["optimised"] = _optimise(network, told["subjects"], Ascent(seed=seed), kept, progress)
    for note in kept.notes:
        progress.note(f"Looking inside: {note}")
    write_inside(run, told, kept.arrays)


def _filters(steps: Sequence[Step], kept: _Kept) -> Iterator[dict[str, Any]]:
    """The first layer of every step; filters that a step took over unchanged are told, not kept twice."""
    seen: dict[bytes, str] = {}
    first: Step | None = None  # of those from scratch
    for step in steps:
        filters = step.network.first_filters
        if filters is None or not step.looks:
            continue
        content = filters.tobytes()
        same = seen.setdefault(content, step.recipe)
        array = f"filters_{step.recipe}" if same == step.recipe else None
        if array:
            kept.arrays[array] = filters
        if step.network.backbone is None:
            first = first or step
        yield {
            "recipe": step.recipe,
            "title": step.title,
            "backbone": step.network.backbone,
            "shape": list(filters.shape[:3]),
            "same_as": None if array else same,
            "like": _like(step, first) if array else None,
            "array": array,
        }


def _like(step: Step, other: Step | None) -> dict[str, Any] | None:
    """How far the patterns of a step's filters are those of another, filter by filter: both began with the same ones.

    Each filter is taken without its mean, which is the first that training moves.
    """
    pair = [one.network.first_filters for one in (step, other) if one is not None]
    if other is step or step.network.backbone is not None or len(pair) < 2 or pair[0] is None or pair[1] is None:
        return None
    if pair[0].shape != pair[1].shape:
        return None
    one, two = (_patterns(filters) for filters in pair if filters is not None)
    return {"recipe": other.recipe if other else "", "correlation": _rounded((one * two).sum(axis=1).mean())}


def _patterns(filters: np.ndarray) -> np.ndarray:
    """Each filter as a direction, (filters, weights), without its mean."""
    flat = filters.reshape(len(filters), -1).astype(np.float64)
    flat = flat - flat.mean(axis=1, keepdims=True)
    length = np.linalg.norm(flat, axis=1, keepdims=True)
    return np.asarray(flat / np.where(length > 0, length, 1))


def _activations(run: Path, results: dict[str, Any], network: Network, kept: _Kept) -> Iterator[dict[str, Any]]:
    """Two test photos, one named rightly and the surest mistake, and what they become in each block."""
    file = run / "recipes" / results["best"]["recipe"] / "predictions.csv"
    shown = typical_and_wrong(answered(read_csv(file)), network.classes) if file.is_file() else []
    right, wrong = ([photo for photo in shown if photo.right is wanted] for wanted in (True, False))
    for photo in [*right[:1], *wrong[:1]] if network.blocks else []:
        pixels = _pixels(_folder(results) / photo.path, network)
        if pixels is None:
            kept.notes.append(f"{photo.path} can no longer be read: no activation maps of it")
            continue
        name = f"activations{len([one for one in kept.arrays if one.startswith('activations')])}"
        kept.arrays[name] = _small(pixels)
        blocks = strongest(network, pixels)
        for block in blocks:
            kept.arrays[f"{name}_{block.block}"] = block.maps
        yield {
            "path": photo.path,
            "class": photo.label,
            "predicted": photo.predicted,
            "photo": name,
            "blocks": [
                {
                    "block": block.block,
                    "shape": list(block.shape),
                    "silent": round(block.silent, 4),
                    "channels": list(block.numbers),
                    "maps": f"{name}_{block.block}",
                }
                for block in blocks
            ],
        }


def _looked_at(
    run: Path, results: dict[str, Any], network: Network, progress: Progress
) -> tuple[_Photos, dict[str, np.ndarray]]:
    """One pass over the photos learned from, or a part of them; with folds over all, as each was learned from."""
    every = sorted(read_csv(run / "split.csv"), key=lambda row: row["path"])
    trained = [row for row in every if row["part"] == "train"] or every
    labels = np.array([network.classes.index(row["class"]) for row in trained])
    most = int(min(_PHOTOS, max(_FEWEST, _COST / (network.multiply_adds + 1))))
    rows = [trained[place] for place in sample(labels, [], int(results.get("seed", 0)), most)]
    folder = _folder(results)
    there: list[dict[str, str]] = []

    def batches() -> Iterator[np.ndarray]:
        with ThreadPoolExecutor(usable_cores()) as pool, progress.bar("Looking inside", len(rows)) as bar:
            for start in range(0, len(rows), BATCH):
                some = rows[start : start + BATCH]
                read = list(pool.map(lambda row: _pixels(folder / row["path"], network), some))
                there.extend(row for row, pixels in zip(some, read, strict=True) if pixels is not None)
                if any(pixels is not None for pixels in read):
                    yield np.stack([pixels for pixels in read if pixels is not None])
                bar.advance(len(some))

    values = responses(network, batches(), _asked(network))
    paths, names, groups = ([row[name] for row in there] for name in ("path", "class", "group"))
    gone, learned = len(rows) - len(there), len(trained) < len(every)
    return _Photos(folder, paths, names, groups, gone, len(trained), learned), values


def _asked(network: Network) -> list[str]:
    """The blocks whose channels are asked: one in the middle, and the last."""
    return list(dict.fromkeys([network.blocks[len(network.blocks) // 2], network.blocks[-1]])) if network.blocks else []


def _subjects(network: Network, values: dict[str, np.ndarray], groups: Sequence[str]) -> list[dict[str, Any]]:
    """The classes and channels that are asked what they respond to, the classes first."""
    asked: list[dict[str, Any]] = [
        {"of": SCORES, "number": number, "name": name} for number, name in enumerate(network.classes[:CLASSES])
    ]
    for block in _asked(network) if values else []:
        channels = standing_out(values[block], groups, CHANNELS, SHOWN)
        asked += [{"of": block, "number": number, "name": f"Channel {number}"} for number in channels]
    return asked


def _exciting(
    network: Network, subject: dict[str, Any], photos: _Photos, values: dict[str, np.ndarray], kept: _Kept
) -> dict[str, Any]:
    """The photos that excite a class or channel most, as the network sees them, and where they excite a channel."""
    of, number = subject["of"], subject["number"]
    if not values:
        return {**subject, "median": None, "photos": [], "pictures": None, "places": None}
    column = values[of][:, number]
    top = most_exciting(column, photos.groups, SHOWN)
    pictures = [read_pixels(photos.folder / photos.paths[place], network.spec) for place in top]
    name = f"{of}_{number}"
    kept.arrays[name] = np.stack([_small(pixels) for pixels in pictures])
    if of != SCORES:
        maps = np.maximum(network.activations(np.stack(pictures), of)[..., number], 0)
        highest = maps.max(axis=(1, 2), keepdims=True)
        kept.arrays[f"{name}_places"] = np.round(255 * maps / np.where(highest > 0, highest, 1)).astype(np.uint8)
    return {
        **subject,
        "median": _rounded(np.median(column)),
        "photos": [
            {"path": photos.paths[place], "class": photos.labels[place], "value": _rounded(column[place])}
            for place in top
        ],
        "pictures": name,
        "places": None if of == SCORES else f"{name}_places",
    }


def _optimise(
    network: Network, subjects: list[dict[str, Any]], ascent: Ascent, kept: _Kept, progress: Progress
) -> dict[str, Any]:
    """Make an input for each subject, as many as can be afforded, and tell what it and noise score."""
    steps, pictures = affordable(network, len(subjects), ascent.steps)
    how = Ascent(steps=steps, seed=ascent.seed)
    for subject in subjects:
        subject["made"] = None
    try:
        with progress.bar("Making pictures that excite", steps * pictures) as bar:
            for of in dict.fromkeys(subject["of"] for subject in subjects[:pictures]):
                _make(network, [one for one in subjects[:pictures] if one["of"] == of], how, kept, bar)
    except NoGradientError as problem:
        kept.notes.append(f"no optimised inputs. {problem}")
        return {"steps": 0, "pictures": 0, "seed": how.seed, "why_not": "the network has an operator without gradient"}
    return {"steps": steps, "pictures": pictures, "seed": how.seed, "why_not": None}


def _make(network: Network, subjects: list[dict[str, Any]], how: Ascent, kept: _Kept, bar: Bar) -> None:
    of, numbers = subjects[0]["of"], [subject["number"] for subject in subjects]
    made = maximise(network, of, numbers, how, bar=bar)
    asked = np.concatenate([made, noise(network.spec.size, how)])
    scores, maps = network.scores_and_activations(asked, [] if of == SCORES else [of])
    values = scores if of == SCORES else maps[0].mean(axis=(1, 2))
    for place, subject in enumerate(subjects):
        name, number = f"{of}_{subject['number']}_made", subject["number"]
        kept.arrays[name] = _small(made[place])
        subject["made"] = {
            "picture": name,
            "value": _rounded(values[place, number]),
            "noise": _rounded(values[-1, number]),
        }


def _folder(results: dict[str, Any]) -> Path:
    """The folder that the paths of a run's photos are relative to; a table of photos lies in it."""
    source = Path(results.get("settings", {}).get("photos_absolute", ""))
    return source.parent if source.is_file() else source


def _pixels(path: Path, network: Network) -> np.ndarray | None:
    try:
        return read_pixels(path, network.spec)
    except UnreadablePhotoError:  # it has gone, or changed, since it was scanned
        return None


def _small(pixels: np.ndarray) -> np.ndarray:
    picture = Image.fromarray(np.asarray(pixels, dtype=np.uint8))
    picture.thumbnail((LARGEST, LARGEST), Image.Resampling.LANCZOS)
    return np.asarray(picture)


def _rounded(value: Any) -> float:
    return round(float(value), 4)
