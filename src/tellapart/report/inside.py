"""What was seen inside the networks of a run: as its folder holds it, and as the page tells it."""

import base64
import io
import json
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tellapart.errors import RunFolderError
from tellapart.files import read_json, write_bytes, write_json
from tellapart.report.photo_map import FOLDER
from tellapart.report.run_folder import REFIT, RunFolder
from tellapart.report.style import DOTS_PER_INCH
from tellapart.words import counted, isolated, percent

if TYPE_CHECKING:
    import numpy as np

FORMAT: Final = 1
SCORES: Final = "scores"  # as what classes are asked for is called; all else is the name of a block
_NEEDED: Final = ("chosen", "classes", "filters", "activations", "looked_at", "subjects", "optimised")
_UNMOVED: Final = 0.9  # correlation of filters beyond which two networks still have what they began with
_QUALITY: Final = 72
_PIXELS_PER_INCH: Final = 72


@dataclass(frozen=True)
class Inside:
    """What was seen inside the networks of a run.

    Attributes:
        told: The content of inside.json.
        arrays: By the names that `told` uses.
    """

    told: dict[str, Any]
    arrays: "dict[str, np.ndarray]"

    def subjects(self, of: str) -> list[dict[str, Any]]:
        """The classes ("scores"), or the channels of a block, that were asked what they respond to."""
        return [subject for subject in self.told["subjects"] if subject["of"] == of]

    @property
    def asked(self) -> list[str]:
        """What was asked, in order: "scores", then blocks."""
        return list(dict.fromkeys(subject["of"] for subject in self.told["subjects"]))


def write_inside(run: Path, told: Mapping[str, Any], arrays: "Mapping[str, np.ndarray]") -> None:
    """Write inside.npz and inside.json; the same content gives the same bytes.

    Raises:
        StorageError: No space, no permission.
    """
    import numpy as np

    content = io.BytesIO()
    np.savez_compressed(content, allow_pickle=False, **dict(arrays))
    write_bytes(run / FOLDER / "inside.npz", content.getvalue())
    write_json(run / FOLDER / "inside.json", told)


def forget_inside(run: Path) -> None:
    """Take away what an earlier run left in this folder."""
    for name in ("inside.json", "inside.npz"):
        (run / FOLDER / name).unlink(missing_ok=True)


def read_inside(run: Path) -> Inside | None:
    """Read what was seen inside the networks of a run; None where nothing was.

    Raises:
        RunFolderError: It is damaged, or of another format.
    """
    import numpy as np

    file = run / FOLDER / "inside.json"
    if not file.is_file():
        return None
    try:
        told = read_json(file)
        content = io.BytesIO(file.with_suffix(".npz").read_bytes())  # np.load leaves a damaged file open
        with np.load(content, allow_pickle=False) as kept:
            arrays = {name: kept[name] for name in kept.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as problem:
        reason = "no JSON" if isinstance(problem, json.JSONDecodeError) else type(problem).__name__
        raise RunFolderError(f"{file} or inside.npz beside it cannot be read ({reason}). {REFIT}") from problem
    try:
        lack = next(_problems(told, arrays), None)
    except (TypeError, AttributeError, KeyError, ValueError):  # what another hand wrote may be of any kind
        lack = "it holds something of another kind"
    if lack:
        raise RunFolderError(f"{file} is not whole: {lack}. {REFIT}")
    return Inside(told, arrays)


def _problems(told: Any, arrays: "Mapping[str, np.ndarray]") -> Iterator[str]:
    if not isinstance(told, dict) or told.get("format") != FORMAT:
        yield f"its format is not {FORMAT}"
        return
    yield from (f"it lacks {key}" for key in _NEEDED if key not in told)
    for name, axes in _named(told):
        if name not in arrays:
            yield f"inside.npz lacks {name}"
        elif arrays[name].ndim != axes:
            yield f"inside.npz has a wrong {name}"
    for subject in told["subjects"]:
        if subject["pictures"] and len(arrays[subject["pictures"]]) != len(subject["photos"]):
            yield f"inside.npz has too few pictures of {subject['pictures']}"


def _named(told: Mapping[str, Any]) -> Iterator[tuple[str, int]]:
    """The arrays that are spoken of, each with the number of its axes."""
    yield from ((step["array"], 4) for step in told["filters"] if step["array"])
    for photo in told["activations"]:
        yield photo["photo"], 3
        yield from ((block["maps"], 3) for block in photo["blocks"])
    for subject in told["subjects"]:
        yield from ((subject[key], axes) for key, axes in (("pictures", 4), ("places", 3)) if subject[key])
        if subject["made"]:
            yield subject["made"]["picture"], 3


def block_name(block: str) -> str:
    """Call a block as people do.

    Example:
        >>> block_name("block3")
        'block 3'
    """
    return block.replace("block", "block ")


def about_inside(run: RunFolder) -> dict[str, Any] | None:
    """Everything that the page says and shows of the inside of the networks; None where nothing was seen.

    Raises:
        RunFolderError: It is damaged, or of another format.
    """
    found = read_inside(run.path)
    if found is None:
        return None
    titles = {step["recipe"]: step["title"] for step in found.told["filters"]}
    chosen = found.told["chosen"]
    return {
        "chosen": titles.get(chosen, chosen.capitalize()),
        "unmoved": _unmoved(found, titles),
        "compared": len({step["backbone"] for step in found.told["filters"]}) > 1,
        "filters": [_filters(run, step, titles) for step in found.told["filters"]],
        "activations": [
            {**photo, "picture": photo_picture(run, f"activations_{number}"), "table": _blocks_table(photo)}
            for number, photo in enumerate(found.told["activations"], 1)
        ],
        "looked_at": found.told["looked_at"],
        "optimised": found.told["optimised"],
        "n_classes": len(found.told["classes"]),
        "responses": [_responses(run, found, of) for of in found.asked],
    }


def _unmoved(found: Inside, titles: Mapping[str, str]) -> dict[str, Any] | None:
    """The steps whose filters are still alike, as they began: their names, and how alike."""
    like = [step for step in found.told["filters"] if step["like"] and step["like"]["correlation"] >= _UNMOVED]
    if not like:
        return None
    names = [titles[like[0]["like"]["recipe"]], *(step["title"] for step in like)]
    return {
        "names": f"{', '.join(names[:-1])} and {names[-1]}",
        "correlation": f"{min(step['like']['correlation'] for step in like):.2f}",
    }


def _filters(run: RunFolder, step: dict[str, Any], titles: Mapping[str, str]) -> dict[str, Any]:
    count, rows, columns = step["shape"]
    return {
        "title": step["title"],
        "backbone": step["backbone"],
        "size": f"{counted(count, 'filter')} of {rows} × {columns} pixels",
        "same_as": titles.get(step["same_as"]) if step["same_as"] else None,
        "picture": photo_picture(run, f"filters_{step['recipe']}"),
    }


def _responses(run: RunFolder, found: Inside, of: str) -> dict[str, Any]:
    subjects = found.subjects(of)
    return {
        "of": of,
        "classes": of == SCORES,
        "name": "classes" if of == SCORES else block_name(of),
        "picture": photo_picture(run, f"responses_{'classes' if of == SCORES else of}"),
        "made": any(subject["made"] for subject in subjects),
        "shown": any(subject["photos"] for subject in subjects),
        "n": len(subjects),
        "table": _responses_table(subjects),
    }


def _responses_table(subjects: list[dict[str, Any]]) -> dict[str, Any]:
    rows = [
        [
            isolated(subject["name"]),
            _number(subject["made"] and subject["made"]["value"]),
            _number(subject["made"] and subject["made"]["noise"]),
            _number(subject["median"]),
            ", ".join(f"{photo['path']} ({photo['value']:.2f})" for photo in subject["photos"]) or "–",
        ]
        for subject in subjects
    ]
    return {
        "summary": "These responses as figures",
        "caption": "How strongly each responds: to the picture made for it, to the noise that it was made of, to the "
        "median photo, and to the photos that excite it most.",
        "columns": ["", "made", "noise", "median photo", "strongest photos"],
        "rows": rows,
    }


def _blocks_table(photo: Mapping[str, Any]) -> dict[str, Any]:
    rows = [
        [
            block_name(block["block"]).capitalize(),
            f"{block['shape'][0]} × {block['shape'][1]}",
            str(block["shape"][2]),
            percent(block["silent"], 0),
            ", ".join(map(str, block["channels"])),
        ]
        for block in photo["blocks"]
    ]
    return {
        "summary": "These blocks as figures",
        "caption": f"The blocks that {photo['path']} passes. Silent: channels that are nowhere above zero on it.",
        "columns": ["", "map", "channels", "silent", "channels shown"],
        "rows": rows,
    }


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def photo_picture(run: RunFolder, name: str) -> dict[str, Any] | None:
    """Give a figure made of photos as the page holds it: as WebP, in a tenth of the bytes; None where not drawn."""
    from PIL import Image

    file = run.figure(name)
    if file is None:
        return None
    content = io.BytesIO()
    with Image.open(file) as image:
        image.convert("RGB").save(content, "WEBP", quality=_QUALITY, method=6)
        width, height = (round(side * _PIXELS_PER_INCH / DOTS_PER_INCH) for side in image.size)
    source = f"data:image/webp;base64,{base64.b64encode(content.getvalue()).decode()}"
    return {"source": source, "width": width, "height": height, "wide": False}
