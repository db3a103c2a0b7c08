"""The map of all photos in the page: its words, its pictures, and what its script reads."""

import base64
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tellapart.plain_text import isolated
from tellapart.report.map_figures import shown_neighbours
from tellapart.report.markers import COLOURS, outline
from tellapart.report.photo_map import PhotoMap, read_map
from tellapart.words import counted, percent

if TYPE_CHECKING:
    from markupsafe import Markup

_STEPS: Final = 10_000  # of the map's side: finer than any screen
_ROWS: Final = 200
# In JSON these stand in strings alone; escaped they can neither end the script block nor begin a comment.
_ESCAPED: Final = {ord("<"): "\\u003c", ord(">"): "\\u003e", ord("&"): "\\u0026"}


def about_map(run: Path) -> dict[str, Any] | None:
    """Everything that the page says and shows of the map of a run; None where it has none.

    Raises:
        RunFolderError: The map is damaged, or of another format.
    """
    found = read_map(run)
    if found is None:
        return None
    counts = Counter(found.column("class"))
    return {
        "about": found.told["about"],
        "method": found.told["method"],
        "n_photos": len(found.points),
        "n_mistakes": len(found.mistakes),
        "sheet": _jpeg(found.sheet),
        "data": script_json(_data(found)),
        "classes": [
            {"name": name, "outline": outline(label), "colour": label % len(COLOURS), "photos": counts[label]}
            for label, name in enumerate(_names(found))
            if counts[label]
        ],
        "class_numbers": [label for label in range(len(found.classes)) if counts[label]],
        "parts": found.told["parts"],
        "alt": _alt(found),
        "typical": [
            {"name": _names(found)[label], "photos": [_photo(found, photo) for photo in row]}
            for label, row in found.typical().items()
            if row
        ],
        "mistakes": [_mistake(found, photo) for photo in found.listed("mistakes")],
        "unsure": [_photo(found, photo) for photo in found.listed("unsure")],
        "rows": [_row(found, photo) for photo in found.told["lists"]["mistakes"][:_ROWS]],
    }


def script_json(content: Any) -> "Markup":
    r"""JSON that may stand in a script block of the page, whatever its strings hold.

    It is ASCII alone: lone surrogates, line separators and control characters are escaped, too.

    Example:
        >>> print(script_json(["</script>", "\u2028", "\ud800"]))
        ["\u003c/script\u003e","\u2028","\ud800"]
    """
    from markupsafe import Markup

    text = json.dumps(content, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return Markup(text.translate(_ESCAPED))  # noqa: S704 - nothing in it can end its block


def _data(found: PhotoMap) -> dict[str, Any]:
    """What map.js reads, column by column; -1 where a photo was not tested."""
    return {
        "classes": _names(found),
        "parts": found.told["parts"],
        "outlines": [outline(label) for label in range(len(found.classes))],
        "colours": len(COLOURS),
        "steps": _STEPS,
        "tile": found.told["tile"],
        "across": found.told["across"],
        "path": [isolated(path) for path in found.column("path")],
        "class": found.column("class"),
        "part": found.column("part"),
        "said": [-1 if said is None else said for said in found.column("predicted")],
        "sure": [-1 if sure is None else sure for sure in found.column("sure")],
        "x": [round(_STEPS * x) for x in found.points[:, 0].tolist()],
        "y": [round(_STEPS * (1 - y)) for y in found.points[:, 1].tolist()],
        "width": found.sizes[:, 0].tolist(),
        "height": found.sizes[:, 1].tolist(),
        "near": {str(photo): near for photo, near in found.neighbours().items()},
    }


def _names(found: PhotoMap) -> list[str]:
    """The classes as they may stand in a line of words."""
    return [isolated(name) for name in found.classes]


def _alt(found: PhotoMap) -> str:
    counts = Counter(found.column("class"))
    told = ", ".join(f"{name} {counts[label]}" for label, name in enumerate(_names(found)[:20]))
    more = f" and {counted(len(found.classes) - 20, 'more class', 'more classes')}" if len(found.classes) > 20 else ""
    return (
        f"Map of {counted(len(found.points), 'photo')}, a point each: {told}{more}. "
        f"{counted(len(found.mistakes), 'photo')} named wrongly, with a ring; the table below lists them."
    )


def _mistake(found: PhotoMap, photo: int) -> dict[str, Any]:
    return {**_photo(found, photo), "near": [_photo(found, near) for near in shown_neighbours(found, photo)]}


def _photo(found: PhotoMap, photo: int) -> dict[str, Any]:
    said, sure = found.column("predicted")[photo], found.column("sure")[photo]
    label = found.column("class")[photo]
    return {
        "number": photo,
        "source": _jpeg(found.pictures[photo]),
        "path": isolated(found.column("path")[photo]),
        "class": _names(found)[label],
        "said": None if said is None else _names(found)[said],
        "right": said == label,
        "sure": sure,
    }


def _row(found: PhotoMap, photo: int) -> dict[str, Any]:
    label, said = (_names(found)[found.column(name)[photo]] for name in ("class", "predicted"))
    near = Counter(_names(found)[found.column("class")[other]] for other in found.neighbours().get(photo, []))
    return {
        "path": isolated(found.column("path")[photo]),
        "class": label,
        "said": said,
        "sure": percent(found.column("sure")[photo], 0),
        "near": _told(near),
    }


def _told(near: Mapping[str, int]) -> str:
    ordered: Iterable[tuple[str, int]] = sorted(near.items(), key=lambda pair: (-pair[1], pair[0]))
    return ", ".join(f"{count} × {name}" for name, count in ordered)


def _jpeg(content: bytes) -> str:
    return f"data:image/jpeg;base64,{base64.b64encode(content).decode()}"
