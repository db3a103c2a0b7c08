"""The map of all photos as a run folder holds it: explanations/map.json beside map.npz."""

import io
import json
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tellapart.errors import RunFolderError
from tellapart.files import read_json, write_bytes, write_json
from tellapart.report.run_folder import REFIT

if TYPE_CHECKING:
    import numpy as np

FORMAT: Final = 1
FOLDER: Final = "explanations"
LISTED: Final = 12  # mistakes and doubts that are shown as pictures
_COLUMNS: Final = ("path", "class", "part", "predicted", "sure")
_NEEDED: Final = ("classes", "parts", "photos", "lists", "method", "tile", "across", "about")
_ARRAYS: Final = {"points": 2, "sheet": 1, "sizes": 2, "shown": 1, "pictures": 1, "ends": 1}


@dataclass(frozen=True)
class PhotoMap:
    """The photos of a run, where they lie in feature space, and which of them are worth looking at.

    Attributes:
        told: The content of map.json.
        points: Shape (photos, 2), float32, each from 0 to 1; the second axis points up.
        sheet: All photos as tiles of one JPEG.
        sizes: Width and height of each photo in its tile, (photos, 2).
        pictures: Larger pictures of the photos that are listed, as JPEG, by position.
    """

    told: dict[str, Any]
    points: "np.ndarray"
    sheet: bytes
    sizes: "np.ndarray"
    pictures: dict[int, bytes]

    @property
    def classes(self) -> list[str]:
        """Class names in the order of their numbers."""
        return list(self.told["classes"])

    def column(self, name: str) -> list[Any]:
        """A column of the photos: path, class, part, predicted, sure; the last two are None where not tested."""
        return list(self.told["photos"][name])

    @property
    def mistakes(self) -> list[int]:
        """Positions of all tested photos of this map that were named wrongly."""
        pairs = zip(self.column("class"), self.column("predicted"), strict=True)
        return [photo for photo, (label, said) in enumerate(pairs) if said is not None and said != label]

    def listed(self, name: str) -> list[int]:
        """Positions of the first photos of a list, mistakes or unsure, that have a picture."""
        return [photo for photo in self.told["lists"][name][:LISTED] if photo in self.pictures]

    def typical(self) -> dict[int, list[int]]:
        """By class number the photos that are most typical of it and have a picture."""
        return {int(key): [n for n in row if n in self.pictures] for key, row in self.told["lists"]["typical"].items()}

    def neighbours(self) -> dict[int, list[int]]:
        """By position of a mistake the photos nearest to it among those that were learned from."""
        return {int(key): row for key, row in self.told["lists"]["neighbours"].items()}


def write_map(run: Path, found: PhotoMap) -> None:
    """Write map.npz and map.json; the same map gives the same bytes.

    Raises:
        StorageError: No space, no permission.
    """
    import numpy as np

    arrays: dict[str, Any] = {
        "points": found.points,
        "sheet": _bytes(found.sheet),
        "sizes": found.sizes,
        "shown": np.array(list(found.pictures), dtype=np.int64),
        "pictures": _bytes(b"".join(found.pictures.values())),
        "ends": np.cumsum([len(content) for content in found.pictures.values()], dtype=np.int64),
    }
    content = io.BytesIO()
    np.savez(content, **arrays)
    write_bytes(run / FOLDER / "map.npz", content.getvalue())
    write_json(run / FOLDER / "map.json", found.told)


def read_map(run: Path) -> PhotoMap | None:
    """Read the map of a run; None where it has none.

    Raises:
        RunFolderError: It is damaged, or of another format.
    """
    import numpy as np

    file = run / FOLDER / "map.json"
    if not file.is_file():
        return None
    try:
        told = read_json(file)
        content = io.BytesIO(file.with_suffix(".npz").read_bytes())  # np.load leaves a damaged file open
        with np.load(content, allow_pickle=False) as arrays:
            held = {name: arrays[name] for name in _ARRAYS}
    except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile) as problem:
        reason = type(problem).__name__ if not isinstance(problem, json.JSONDecodeError) else "no JSON"
        raise RunFolderError(f"{file} or map.npz beside it cannot be read ({reason}). {REFIT}") from problem
    try:
        lack = next(_problems(told, held), None)
    except (TypeError, AttributeError, KeyError, ValueError):  # what another hand wrote may be of any kind
        lack = "it holds something of another kind"
    if lack:
        raise RunFolderError(f"{file} is not whole: {lack}. {REFIT}")
    ends = [0, *held["ends"].tolist()]
    whole = held["pictures"].tobytes()
    pictures = {photo: whole[ends[k] : ends[k + 1]] for k, photo in enumerate(held["shown"].tolist())}
    return PhotoMap(told, held["points"], held["sheet"].tobytes(), held["sizes"], pictures)


def _bytes(content: bytes) -> "np.ndarray":
    import numpy as np

    return np.frombuffer(content, dtype=np.uint8)


def _problems(told: Any, held: "Mapping[str, np.ndarray]") -> Iterator[str]:
    if not isinstance(told, dict) or told.get("format") != FORMAT:
        yield f"its format is not {FORMAT}"
        return
    yield from (f"it lacks {key}" for key in _NEEDED if key not in told)
    photos = told.get("photos", {})
    yield from (f"its photos lack {key}" for key in _COLUMNS if key not in photos)
    n = len(held["points"])
    yield from (f"{n} points for {len(photos[key])} photos" for key in _COLUMNS if len(photos[key]) != n)
    yield from (f"map.npz has a wrong {name}" for name, axes in _ARRAYS.items() if held[name].ndim != axes)
    if len(held["sizes"]) != n or len(held["ends"]) != len(held["shown"]):
        yield "map.npz has too few pictures"
    limits = {"class": len(told["classes"]), "part": len(told["parts"]), "predicted": len(told["classes"])}
    for key, most in limits.items():
        if any(number is not None and not 0 <= number < most for number in photos[key]):
            yield f"its photos have a {key} that it does not name"
    lists = told["lists"]
    rows = [lists["mistakes"], lists["unsure"], *lists["typical"].values(), *lists["neighbours"].values()]
    numbers = {number for row in rows for number in row} | {int(key) for key in lists["neighbours"]}
    if any(not 0 <= number < n for number in numbers | set(held["shown"].tolist())):
        yield "it lists photos that it does not have"
