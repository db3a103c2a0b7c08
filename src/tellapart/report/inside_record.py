"""What was seen inside the networks of a run, as its folder holds it: explanations/inside.json beside inside.npz."""

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
from tellapart.report.run_folder import REFIT

if TYPE_CHECKING:
    import numpy as np

FORMAT: Final = 1
SCORES: Final = "scores"  # as what classes are asked for is called; all else is the name of a block
_NEEDED: Final = ("chosen", "classes", "filters", "activations", "looked_at", "subjects", "optimised")


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
