"""The map of all photos of a run, and the photos of it that are worth looking at."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from PIL import Image

from tellapart.answer_tables import TEST, read_answers
from tellapart.errors import UnreadablePhotoError
from tellapart.explain import examples, thumbnails
from tellapart.explain.embedding import FEWEST, agreement, directions, lay_out, nearest, sample
from tellapart.explain.network import Network
from tellapart.files import read_csv, write_csv
from tellapart.machine import usable_cores
from tellapart.models.forward import BATCH
from tellapart.photos.decode import decode
from tellapart.photos.pixels import to_pixels
from tellapart.progress import Progress, track
from tellapart.report.photo_map import FOLDER, FORMAT, LISTED, PhotoMap, write_map
from tellapart.words import counted

# From paths of photos to the means of the channels of the last activation maps of a frozen backbone,
# (photos, channels), with rows of NaN where they are not kept; None where none are.
Pooled = Callable[[Sequence[str]], np.ndarray | None]

_SAME: Final = 0.02  # share by which features that are kept in 16 bits may differ from those computed here
_NEIGHBOURS: Final = 4
_TOLD: Final = 200  # mistakes of which the neighbours are told
_EACH: Final = ((12, 4), (30, 2), (60, 1))  # up to so many classes so many typical photos of each


@dataclass(frozen=True)
class _Photos:
    """The photos of a run, all arrays by position in the order of the paths.

    Attributes:
        paths: Relative to the folder of photos.
        labels: Class numbers.
        parts: train, valid, test, or fold-1 to fold-K.
        groups: Of copies, "" for none.
        shares: Probabilities, (photos, classes); NaN where a photo was not tested.
    """

    paths: list[str]
    labels: np.ndarray
    parts: list[str]
    groups: list[str]
    shares: np.ndarray

    def __getitem__(self, chosen: np.ndarray) -> "_Photos":
        paths, parts, groups = ([column[n] for n in chosen] for column in (self.paths, self.parts, self.groups))
        return _Photos(paths, self.labels[chosen], parts, groups, self.shares[chosen])

    @property
    def tested(self) -> np.ndarray:
        """Positions of the tested photos."""
        return np.flatnonzero(~np.isnan(self.shares).any(axis=1))

    def learned(self, photo: int) -> np.ndarray:
        """Which photos were learned from when this one was tested, (photos,), bool.

        With folds these are the others, of which one validated.
        """
        if "train" in self.parts:
            return np.array([part == "train" for part in self.parts])
        return np.array([part != self.parts[photo] for part in self.parts])

    @property
    def trained(self) -> np.ndarray:
        """Which photos the model of this map may have learned from, (photos,), bool."""
        return self.learned(0) if "train" in self.parts else np.ones(len(self.paths), dtype=bool)


def draw_map(run: Path, results: dict[str, Any], progress: Progress, pooled: Pooled | None = None) -> None:
    """Lay out all photos of a run by what its model makes of them, and write RUN/explanations/map.*.

    Written are map.json (texts and numbers), map.npz (places and small pictures) and map.csv
    (`path,class,part,predicted,x,y`). Where no map can be drawn, because the model looks at
    nothing or the photos are gone, a note says so.

    Args:
        run: A run folder with split.csv, model.onnx and the answers of the chosen recipe.
        results: What its results.json holds, or will hold.
        progress: Where to tell how far it is.
        pooled: What a frozen backbone made of the photos, where that is kept.

    Raises:
        ModelFileError: model.onnx is damaged.
        StorageError: No space, no permission.
    """
    name = results["best"]["recipe"]
    root = results.get("settings", {}).get("photos_absolute")
    if name == "majority" or root is None:
        why = "the chosen recipe looks at no photo" if root else "the run does not say where its photos are"
        _leave_out(why, progress)
        return
    every = _photos(run, name, results["photos"]["classes"])
    mapped = every[sample(every.labels, _worth_a_look(every), results["seed"])]
    # A source that is a table names its photos from the folder that it lies in.
    folder = Path(root).parent if Path(root).is_file() else Path(root)
    there, features, small = _seen(Network.open(run / "model.onnx"), folder, mapped.paths, progress, pooled)
    if len(there) < max(FEWEST, len(mapped.paths) // 2):
        gone = len(mapped.paths) - len(there)
        _leave_out(f"{gone} of {counted(len(mapped.paths), 'photo')} can no longer be read", progress)
        return
    photos = mapped[np.array(there)]
    if len(there) < len(mapped.paths):
        progress.note(f"{counted(len(mapped.paths) - len(there), 'photo')} can no longer be read: not on the map")
    told, points = _told(photos, features, results, progress)
    told["about"] |= {"photos": len(every.paths), "gone": len(mapped.paths) - len(there)}
    content, side, sizes = thumbnails.sheet(small)
    told |= {"tile": side, "across": thumbnails.across(len(small))}
    found = PhotoMap(told, points, content, sizes, {})
    write_map(run, replace(found, pictures=_pictures(folder, photos, found)))
    write_csv(run / FOLDER / "map.csv", ("path", "class", "part", "predicted", "x", "y"), _rows(found))


def _leave_out(why: str, progress: Progress) -> None:
    progress.note(f"No map of the photos: {why}")


def _photos(run: Path, recipe: str, classes: Sequence[str]) -> _Photos:
    """The photos of a run with the answers of its chosen recipe."""
    rows = sorted(read_csv(run / "split.csv"), key=lambda row: row["path"])
    answers = read_answers(run / "recipes" / recipe / TEST, classes)
    place = {row["path"]: number for number, row in enumerate(rows)}
    shares = np.full((len(rows), len(classes)), np.nan)
    shares[[place[path] for path in answers.paths]] = answers.probabilities
    return _Photos(
        [row["path"] for row in rows],
        np.array([classes.index(row["class"]) for row in rows]),
        [row["part"] for row in rows],
        [row["group"] for row in rows],
        shares,
    )


def _worth_a_look(photos: _Photos) -> list[int]:
    """The tested photos that a sample must hold: the surest mistakes and the doubts."""
    tested = photos.tested
    wrong = examples.surest_mistakes(photos.labels[tested], photos.shares[tested])[:LISTED]
    doubts = examples.least_sure(photos.shares[tested], LISTED)
    return [int(photo) for photo in tested[[*wrong, *doubts]]]


def _seen(
    network: Network, folder: Path, paths: Sequence[str], progress: Progress, pooled: Pooled | None
) -> tuple[list[int], np.ndarray, list[Image.Image]]:
    """One pass over the photos: positions of those that are there, their features, small pictures of them."""
    there: list[int] = []
    features: list[np.ndarray] = []
    small: list[Image.Image] = []
    side = thumbnails.sides(len(paths))[0]
    known = _known(network, paths, pooled)
    for some in _batches(folder, paths, network.spec.size, progress):
        numbers = np.array([number for number, _ in some])
        # The first photos are always computed: they tell whether what is kept is of the same network.
        asked = np.isnan(known[numbers, 0]) if there and known is not None else np.ones(len(some), dtype=bool)
        rows = known[numbers] if known is not None else np.empty(0)
        if asked.any():
            pictures = [to_pixels(some[place][1], network.spec) for place in np.flatnonzero(asked)]
            computed = network.features(np.stack(pictures))
            if not there and known is not None and not _alike(rows, computed):
                known = None
            rows = computed if asked.all() else _filled(rows, asked, computed)
        features.append(rows)
        there += numbers.tolist()
        small += [thumbnails.shrunk(photo, side) for _, photo in some]
    return there, np.concatenate(features) if features else np.empty((0, 1)), small


def _known(network: Network, paths: Sequence[str], pooled: Pooled | None) -> np.ndarray | None:
    kept = pooled(paths) if pooled else None
    return None if kept is None else network.features_of_pooled(kept)


def _alike(kept: np.ndarray, computed: np.ndarray) -> bool:
    """Whether those that are kept, of which there must be some, are those computed."""
    there = ~np.isnan(kept[:, 0])
    return bool(there.any() and np.linalg.norm((kept - computed)[there]) <= _SAME * np.linalg.norm(computed[there]))


def _filled(rows: np.ndarray, asked: np.ndarray, computed: np.ndarray) -> np.ndarray:
    rows[asked] = computed
    return rows


def _batches(
    folder: Path, paths: Sequence[str], size: int, progress: Progress
) -> Iterator[list[tuple[int, Image.Image]]]:
    """The photos that can be read, as a network of a size sees them, some at a time, each with its position."""
    steps = range(0, len(paths), BATCH)
    with ThreadPoolExecutor(usable_cores()) as pool:
        for start in track(steps, "The map of all photos", len(steps), progress):
            read = pool.map(lambda path: _decoded(folder / path, at_least=size), paths[start : start + BATCH])
            some = [(number, photo) for number, photo in enumerate(read, start) if photo is not None]
            if some:
                yield some


def _decoded(path: Path, at_least: int = 0) -> Image.Image | None:
    try:
        return decode(path, at_least=at_least)
    except UnreadablePhotoError:  # it has gone, or changed, since it was scanned
        return None


def _told(
    photos: _Photos, features: np.ndarray, results: dict[str, Any], progress: Progress
) -> tuple[dict[str, Any], np.ndarray]:
    """What map.json holds, and where the photos lie."""
    pointing = directions(features)
    with progress.bar(f"Laying out {counted(len(photos.paths), 'photo')}", 1) as bar:
        layout = lay_out(pointing, results["seed"])
        bar.advance()
    tested = set(photos.tested.tolist())
    learned = [photos.learned(n) if n in tested else None for n in range(len(photos.paths))]
    agreed = agreement(pointing, photos.labels, learned, photos.groups)
    recipe = next(entry for entry in results["recipes"] if entry["name"] == results["best"]["recipe"])
    told = {
        "format": FORMAT,
        "recipe": recipe["name"],
        "method": layout.method,
        "perplexity": None if layout.perplexity is None else round(layout.perplexity, 2),
        "seed": results["seed"],
        "classes": results["photos"]["classes"],
        "parts": sorted(set(photos.parts), key=_order),
        "about": {
            "folds": bool(results["split"].get("folds")),
            "tested": len(tested),
            "trust": None if layout.trust is None else round(layout.trust, 4),
            "agreement": None if agreed is None else round(agreed, 4),
            "accuracy": round(_accuracy(photos), 4) if tested else None,
        },
        "photos": _columns(photos),
        "lists": _lists(photos, pointing),
    }
    return told, layout.points


def _order(part: str) -> tuple[int, int, str]:
    known = ("train", "valid", "test")
    return known.index(part) if part in known else 9, len(part), part


def _accuracy(photos: _Photos) -> float:
    tested = photos.tested
    return float(np.mean(photos.shares[tested].argmax(axis=1) == photos.labels[tested]))


def _columns(photos: _Photos) -> dict[str, list[Any]]:
    """Photo by photo: path, class, part, and where it was tested the class that was said, and how surely."""
    parts = sorted(set(photos.parts), key=_order)
    tested = set(photos.tested.tolist())
    rows = range(len(photos.paths))
    return {
        "path": photos.paths,
        "class": photos.labels.tolist(),
        "part": [parts.index(part) for part in photos.parts],
        "predicted": [int(photos.shares[n].argmax()) if n in tested else None for n in rows],
        "sure": [round(float(photos.shares[n].max()), 4) if n in tested else None for n in rows],
    }


def _lists(photos: _Photos, pointing: np.ndarray) -> dict[str, Any]:
    """The photos worth looking at, by position."""
    tested = photos.tested
    shares = photos.shares[tested]
    mistakes = tested[examples.surest_mistakes(photos.labels[tested], shares)].tolist()[:_TOLD]
    n_classes = photos.shares.shape[1]
    each = next((count for most, count in _EACH if n_classes <= most), 1)
    typical = examples.typical(pointing, photos.labels, photos.trained, photos.groups, each)
    return {
        "mistakes": mistakes,
        "unsure": tested[examples.least_sure(shares, LISTED)].tolist(),
        "typical": {str(label): typical[label] for label in sorted(typical)[: _EACH[-1][0]]},
        "neighbours": {
            str(photo): nearest(pointing, photo, photos.learned(photo), photos.groups, _NEIGHBOURS)
            for photo in mistakes
        },
    }


def _pictures(folder: Path, photos: _Photos, found: PhotoMap) -> dict[int, bytes]:
    """The larger pictures of the listed photos, by position."""
    lists, shown = found.told["lists"], found.told["lists"]["mistakes"][:LISTED]
    near = [number for photo in shown for number in lists["neighbours"][str(photo)]]
    every = sorted({*shown, *near, *lists["unsure"], *(n for row in lists["typical"].values() for n in row)})
    read = ((photo, _decoded(folder / photos.paths[photo])) for photo in every)
    return {photo: thumbnails.picture(picture) for photo, picture in read if picture is not None}


def _rows(found: PhotoMap) -> Iterator[tuple[object, ...]]:
    """The rows of map.csv."""
    classes, parts = found.classes, found.told["parts"]
    columns = (found.column(name) for name in ("path", "class", "part", "predicted"))
    for path, label, part, said, (x, y) in zip(*columns, found.points.tolist(), strict=True):
        name = "" if said is None else classes[said]
        yield path, classes[label], parts[part], name, f"{x:.5f}", f"{y:.5f}"
