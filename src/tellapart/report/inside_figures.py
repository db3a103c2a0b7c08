"""Pictures of the inside of a network: filters, activation maps, and what excites classes and channels."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tellapart.report.inside_record import SCORES, Inside, block_name, read_inside
from tellapart.report.lettering import drawable, font, wrapped
from tellapart.report.style import INCHES, INK, PALE, SMALL, TITLE, new_figure

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MOST: Final = 64  # filters of a figure
_GAP: Final = 0.06  # inches, as all of these
_EDGE: Final = 0.1
_TITLE_LINE: Final = 0.26
_LINE: Final = 0.2
_COLUMNS_PER_INCH: Final = 9.3
_HALF: Final = 0.5  # of a map's strongest value: where its line is drawn
_SMOOTH: Final = 0.06  # of a map's longer side


@dataclass(frozen=True)
class Response:
    """What one class or channel responds to.

    Attributes:
        title: Its name, and whatever is said of it.
        made: The optimised input, RGB, uint8, with the words under it; None where there is none.
        photos: The photos that excite it most, likewise.
        places: Where each photo excites a channel, (rows, columns), 0 to 255; None for a class.
    """

    title: str
    made: "tuple[np.ndarray, str] | None"
    photos: "Sequence[tuple[np.ndarray, str]]"
    places: "Sequence[np.ndarray] | None" = None


def filters(title: str, weights: "np.ndarray") -> "Figure":
    """Draw the filters of a first layer as small pictures, the strongest first.

    Grey is a weight of zero. Each filter is drawn at its own scale, so that weak ones can be seen, too.

    Args:
        title: Of the figure.
        weights: Shape (filters, rows, columns, 3), for red, green and blue; of more than 64 the strongest are drawn.
    """
    import numpy as np

    strength = np.round(np.linalg.norm(weights.reshape(len(weights), -1), axis=1), 6)
    order = np.argsort(-strength, kind="stable")[:_MOST]
    across = 8 if len(order) <= 32 else 11
    sheet = _Sheet(title, across, -(-len(order) // across))
    for place, number in enumerate(order.tolist()):
        kernel = weights[number].astype(np.float64)
        scaled = 0.5 + 0.5 * kernel / (np.abs(kernel).max() or 1.0)
        sheet.picture(place, scaled)
    return sheet.figure


def activations(title: str, said: str, photo: "np.ndarray", blocks: "Sequence[tuple[str, np.ndarray]]") -> "Figure":
    """Draw a photo and under it a row of activation maps for each block.

    Args:
        title: Of the figure.
        said: Over the photo.
        photo: As the network sees it, RGB, uint8.
        blocks: Of each block its words and the maps of its strongest channels, (channels, rows, columns), uint8.
    """
    across = max((len(maps) for _, maps in blocks), default=1)
    sheet = _Sheet(title, across, 1 + len(blocks), heads=True)
    sheet.head(0, said)
    sheet.picture(0, photo)
    for row, (words, maps) in enumerate(blocks, 1):
        sheet.head(row, words)
        for column, values in enumerate(maps):
            sheet.picture(row * across + column, values)
    return sheet.figure


def responses(title: str, rows: Sequence[Response]) -> "Figure":
    """Draw for each class or channel the input that was made for it, beside the photos that excite it most.

    Args:
        title: Of the figure.
        rows: One a class or channel.
    """
    first = int(any(row.made for row in rows))
    across = first + max((len(row.photos) for row in rows), default=0)
    across = max(across, 2)
    said = [words for row in rows for _, words in (*([row.made] if row.made else []), *row.photos)]
    lines = max((_lines(words, _side(across)).count("\n") + 1 for words in said), default=0)
    sheet = _Sheet(title, across, len(rows), heads=True, words=lines)
    for number, row in enumerate(rows):
        sheet.head(number, row.title)
        if row.made:
            sheet.picture(number * sheet.across, row.made[0], row.made[1], marked=True)
        for place, (photo, words) in enumerate(row.photos):
            axes = sheet.picture(number * sheet.across + first + place, photo, words)
            if row.places is not None:
                _outline(axes, photo, row.places[place])
    return sheet.figure


class _Sheet:
    """Square pictures in rows; over each row a line, under each picture its words."""

    def __init__(self, title: str, across: int, rows: int, *, heads: bool = False, words: int = 0) -> None:
        self.across = across
        self._side = _side(across)
        lines = wrapped(drawable(title, "bold"), int(INCHES * 8.3), lines=2)
        self._top = 0.12 + _TITLE_LINE * (lines.count("\n") + 1)
        self._head = 0.34 if heads else 0.0
        self._row = self._head + self._side + _LINE * words + 2 * _GAP
        self._height = self._top + rows * self._row + _EDGE
        self.figure = new_figure(self._height)
        self.figure.set_layout_engine("none")
        style: dict[str, Any] = {"ha": "left", "va": "top", "color": INK}
        self.figure.suptitle(lines, x=_EDGE / INCHES, y=1 - 0.08 / self._height, **style, **font(TITLE, "bold"))

    def head(self, row: int, text: str) -> None:
        """Put a line over a row."""
        y = 1 - (self._top + row * self._row + self._head - 0.05) / self._height
        words = wrapped(drawable(text, "bold"), int((INCHES - 2 * _EDGE) * _COLUMNS_PER_INCH), lines=1)
        self.figure.text(_EDGE / INCHES, y, words, ha="left", va="bottom", color=INK, **font(SMALL, "bold"))

    def picture(self, place: int, content: "np.ndarray", words: str = "", *, marked: bool = False) -> "Axes":
        """Put a picture, RGB or grey, at the next place of its row, with its words under it."""
        row, column = divmod(place, self.across)
        left = _EDGE + column * (self._side + _GAP)
        bottom = self._height - self._top - row * self._row - self._head - self._side
        box = (left / INCHES, bottom / self._height, self._side / INCHES, self._side / self._height)
        axes = self.figure.add_axes(box)
        small = max(content.shape[:2]) <= 32  # its pixels are to be seen
        axes.imshow(content, cmap="gray", vmin=0, vmax=255, interpolation="nearest" if small else "lanczos")
        axes.set_xticks([])
        axes.set_yticks([])
        axes.spines[:].set(color=INK if marked else PALE, linewidth=2.5 if marked else 0.8)
        text = _lines(words, self._side)
        axes.text(0.5, -0.04, text, transform=axes.transAxes, ha="center", va="top", color=INK, **font(SMALL))
        return axes


def _side(across: int) -> float:
    """Inches of a picture, so many of which stand in a row."""
    return (INCHES - 2 * _EDGE - (across - 1) * _GAP) / across


def _lines(words: str, side: float) -> str:
    """What stands under a picture, each of its lines broken into two where it is long."""
    width = int(side * _COLUMNS_PER_INCH)
    return "\n".join(wrapped(drawable(line), width) for line in words.split("\n") if line)


def _outline(axes: "Axes", photo: "np.ndarray", place: "np.ndarray") -> None:
    """Draw a line round the parts of a photo where a channel is at half of its strongest value or more."""
    import numpy as np
    from scipy.ndimage import gaussian_filter

    height, width = photo.shape[:2]
    # Fine maps make dust of lines; theirs are drawn round what is strong over a part of the photo.
    place = gaussian_filter(place.astype(np.float64), _SMOOTH * max(place.shape), mode="nearest")
    if place.max() <= 0:
        return
    rows, columns = place.shape
    # The middle of each cell, and a rim of zeros beside the photo, so that every line closes.
    x = (np.arange(-1, columns + 1) + 0.5) * width / columns - 0.5
    y = (np.arange(-1, rows + 1) + 0.5) * height / rows - 0.5
    rimmed = np.pad(place / place.max(), 1)
    for colour, line in ((INK, 2.6), ("white", 1.3)):  # white on dark and dark on white
        look: dict[str, Any] = {"colors": [colour], "linewidths": line}
        axes.contour(x.clip(-0.5, width - 0.5), y.clip(-0.5, height - 0.5), rimmed, [_HALF], **look)


def inside_figures(run: Path) -> "Iterator[tuple[str, Figure]]":
    """Yield the figures of the inside of a run's networks with their names; none where nothing was seen.

    Raises:
        RunFolderError: What was seen is damaged, or of another format.
    """
    found = read_inside(run)
    if found is None:
        return
    for step in found.told["filters"]:
        if step["array"]:
            yield f"filters_{step['recipe']}", filters(_title_of(step), found.arrays[step["array"]])
    for number, photo in enumerate(found.told["activations"], 1):
        blocks = [(_told(block), found.arrays[block["maps"]]) for block in photo["blocks"]]
        title = f"What a “{photo['class']}” becomes in each block"
        said = f"The photo as the network sees it, named “{photo['predicted']}”"
        yield f"activations_{number}", activations(title, said, found.arrays[photo["photo"]], blocks)
    for of in found.asked:
        rows = [_response(found, subject) for subject in found.subjects(of)]
        if any(row.made or row.photos for row in rows):
            name, what = ("classes", "each class") if of == SCORES else (of, f"channels of {block_name(of)}")
            yield (
                f"responses_{name}",
                responses(f"What {what} {'responds' if of == SCORES else 'respond'} to most", rows),
            )


def _title_of(step: Mapping[str, Any]) -> str:
    origin = f"from {step['backbone']}" if step["backbone"] else "learned here"
    return f"{step['title']}: first filters, {origin}"


def _told(block: Mapping[str, Any]) -> str:
    rows, columns, channels = block["shape"]
    name = block_name(block["block"]).capitalize()
    return f"{name}: {rows} × {columns}, {channels} channels, {100 * block['silent']:.0f} % silent"


def _response(found: Inside, subject: Mapping[str, Any]) -> Response:
    made, own = subject["made"], subject["name"] if subject["of"] == SCORES else None
    drawn = (found.arrays[made["picture"]], f"made\n{_short(made['value'])}") if made else None
    pictures: Iterable[np.ndarray] = found.arrays[subject["pictures"]] if subject["pictures"] else []
    photos = [
        # Another class than that of its row is named. A class name may have a line end in it.
        (picture, f"{drawable('' if photo['class'] == own else photo['class'])}\n{_short(photo['value'])}")
        for picture, photo in zip(pictures, subject["photos"], strict=True)
    ]
    median = "" if subject["median"] is None else f" (median photo: {_short(subject['median'])})"
    places = list(found.arrays[subject["places"]]) if subject["places"] else None
    return Response(f"{subject['name']}{median}", drawn, photos, places)


def _short(value: float) -> str:
    return (f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}").replace("-", "\N{MINUS SIGN}")
