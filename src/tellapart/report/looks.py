"""What the report shows of the heat maps that lie in a run folder: drawn from its arrays, without photo or model."""

import json
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from tellapart.errors import RunFolderError
from tellapart.files import read_json
from tellapart.report.heatmaps import Panel, heatmaps, measured, said
from tellapart.report.run_folder import REFIT, RunFolder
from tellapart.report.step_view import photo_picture
from tellapart.words import percent

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.figure import Figure

_NEEDED: Final = ("format", "method", "chosen", "steps", "photos", "methods", "titles", "outside", "warnings")


@dataclass(frozen=True)
class Looks:
    """The heat maps of a run.

    Attributes:
        told: Texts and numbers.
        arrays: Photos (height, width, 3) and maps (height, width), uint8, by the names that `told` uses.
    """

    told: dict[str, Any]
    arrays: "dict[str, np.ndarray]"

    def titles(self) -> dict[str, str]:
        """What each step is called."""
        return {step["recipe"]: step["title"] for step in self.told["steps"]}


def read_looks(run: RunFolder) -> Looks | None:
    """Read `explanations/heatmaps.json` and `.npz`; None where there is none (an older run).

    Raises:
        RunFolderError: They are damaged, or of another format.
    """
    import numpy as np

    file = run.path / "explanations" / "heatmaps.json"
    if not file.is_file():
        return None
    try:
        told = read_json(file)
        if told.get("format") != 1 or any(key not in told for key in _NEEDED):
            raise RunFolderError(f"{file} is not whole, or of another version of Tellapart. {REFIT}")
        with np.load(file.with_suffix(".npz"), allow_pickle=False) as kept:
            arrays = {name: kept[name] for name in kept.files}
    except (OSError, EOFError, ValueError, AttributeError, json.JSONDecodeError, zipfile.BadZipFile) as problem:
        raise RunFolderError(f"{file} or its .npz cannot be read. {REFIT}") from problem
    lack = [name for name in _arrays_of(told) if name not in arrays]
    if lack:
        raise RunFolderError(f"{file.with_suffix('.npz')} lacks {lack[0]}. {REFIT}")
    return Looks(told, arrays)


def look_figures(run: RunFolder) -> "Iterator[tuple[str, Figure]]":
    """Draw every step on each photo (`heatmaps_steps_1`, ...) and every method on some (`heatmaps_methods_1`, ...)."""
    looks = read_looks(run)
    if looks is None:
        return
    for place, photo in enumerate(looks.told["photos"], 1):
        panels = [Panel(_step_title(looks, one), _map(looks, one), said(one)) for one in photo["maps"]]
        yield f"heatmaps_steps_{place}", heatmaps(_title(photo), looks.arrays[photo["photo"]], panels)
    for place, photo in enumerate(looks.told["methods"], 1):
        panels = [Panel(looks.told["titles"][one["method"]], _map(looks, one), measured(one)) for one in photo["maps"]]
        under = said(photo["maps"][0]) if photo["maps"] else ""
        yield f"heatmaps_methods_{place}", heatmaps(_title(photo), looks.arrays[photo["photo"]], panels, under)


def looks_view(run: RunFolder) -> dict[str, Any] | None:
    """Gather what the template tells of the heat maps; None where the run has none."""
    looks = read_looks(run)
    if looks is None:
        return None
    told, titles = looks.told, looks.titles()
    return {
        "chosen": titles.get(told["chosen"], told["chosen"]),
        "method": told["titles"][told["method"]],
        "photos": [_view(run, looks, photo, f"heatmaps_steps_{i}") for i, photo in enumerate(told["photos"], 1)],
        "methods": [_view(run, looks, photo, f"heatmaps_methods_{i}") for i, photo in enumerate(told["methods"], 1)],
        "outside": told["outside"],
        "warnings": told["warnings"],
    }


def _view(run: RunFolder, looks: Looks, photo: dict[str, Any], figure: str) -> dict[str, Any]:
    return {
        "path": photo["path"],
        "label": photo["class"],
        "explained": photo["explained"],
        "right": photo["class"] == photo["explained"],
        "picture": photo_picture(run, figure),
        "table": _table(looks, photo),
    }


def _table(looks: Looks, photo: dict[str, Any]) -> dict[str, Any]:
    titles, methods = looks.titles(), looks.told["titles"]
    rows = [
        [
            titles.get(one["recipe"], one["recipe"]),
            methods.get(one["method"], "none: it looks at nothing"),
            f"{one['predicted']}, {percent(one['probability'], 0)}",
            "–" if one.get("in_middle") is None else percent(one["in_middle"], 0),
            percent(one["against"], 0) if "against" in one else "–",
        ]
        for one in photo["maps"]
    ]
    return {
        "summary": "These maps as figures",
        "caption": f"What speaks for “{photo['explained']}” in {photo['path']}. "
        "An even map has half of it in the middle half.",
        "columns": ["Step", "method", "says", "in the middle half", "speaks against"],
        "rows": rows,
    }


def _title(photo: Mapping[str, Any]) -> str:
    if photo["class"] == photo["explained"]:
        return f"What speaks for “{photo['class']}” in {photo['path']}"
    return f"A mistake: what speaks for “{photo['explained']}” in {photo['path']}, a “{photo['class']}”"


def _step_title(looks: Looks, one: Mapping[str, Any]) -> str:
    title = looks.titles().get(one["recipe"], one["recipe"])
    return f"{title} (chosen)" if one["recipe"] == looks.told["chosen"] else title


def _map(looks: Looks, one: Mapping[str, Any]) -> "np.ndarray | None":
    return None if one["map"] is None else looks.arrays[one["map"]]


def _arrays_of(told: Mapping[str, Any]) -> Iterator[str]:
    for photo in (*told["photos"], *told["methods"]):
        yield photo["photo"]
        yield from (one["map"] for one in photo["maps"] if one["map"] is not None)
