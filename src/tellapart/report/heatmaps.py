"""Heat maps on photos: which parts speak for a class."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from tellapart.report.lettering import drawable, font, wrapped
from tellapart.report.style import GREY, INCHES, INK, SMALL, TITLE, figure_of, new_figure

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

A_ROW: Final = 4
_COLOURS: Final = "inferno"  # lightness rises evenly, so that greyscale and colour-blind eyes keep the order
_FAINTEST: Final = 0.30  # of the colour map; below it is black, which would read as a shadow
_DIMMED: Final = 0.55  # of the photo's light is left where the map is 0
_COVERED: Final = 0.6  # of the photo is hidden where the map is strongest
_TOP: Final = 99.5  # percentile that counts as strongest: a few pixels must not pale all others
_LINE: Final = 0.5
_SMOOTH: Final = 0.02
# Inches of a figure of several maps: a line of letters, what is under and between the pictures, and the bar.
_LETTERS, _WORDS, _GAP, _FOOT = 0.18, 0.5, 0.09, 0.5
_COLUMNS_PER_INCH = 11.5
_TALLEST = 1.4


@dataclass(frozen=True)
class Panel:
    """One heat map of a figure.

    Attributes:
        title: Over it.
        heat: Shape of the photo, (height, width); the positive part is drawn. None: there is nothing to look at.
        words: Under it, at most two lines.
    """

    title: str
    heat: "np.ndarray | None"
    words: str = ""


def heatmap(photo: "np.ndarray", heat: "np.ndarray", *, ax: "Axes | None" = None) -> "Figure":
    """Draw one heat map on its photo.

    Args:
        photo: RGB, (height, width, 3), uint8.
        heat: Shape (height, width); its positive part is drawn, each map on a scale of its own.
        ax: Axes to draw into; by default those of a new figure.
    """
    place = new_figure(0.2 + INCHES * photo.shape[0] / photo.shape[1]).subplots() if ax is None else ax
    strength = strengths(heat)
    place.imshow(overlay(photo, heat))
    if strength.max() > _LINE and min(strength.shape) > 1:
        # The line marks the same place for eyes, screens and printers without colour.
        place.contour(strength, levels=[_LINE], colors=["white"], linewidths=1.2)
    place.set_axis_off()
    return figure_of(place)


def heatmaps(title: str, photo: "np.ndarray", panels: Sequence[Panel], words: str = "") -> "Figure":
    """Draw a photo and its heat maps side by side, three or four in a row, over a bar of colours.

    Args:
        title: Of the whole figure.
        photo: RGB, (height, width, 3), uint8.
        panels: One a heat map.
        words: Under the photo.
    """
    across = _across(len(panels) + 1)
    rows = -(-(len(panels) + 1) // across)
    wide = (INCHES - _GAP) / across - _GAP
    columns = int(wide * _COLUMNS_PER_INCH)
    all_panels = [Panel("Photo", None, words), *panels]
    names = [wrapped(drawable(panel.title, "bold"), columns, lines=3) for panel in all_panels]
    # A row of short names needs no room for the long ones of another.
    over = [
        _LETTERS * (1 + max(name.count("\n") for name in names[at : at + across])) + 0.06
        for at in range(0, len(names), across)
    ]
    heading = wrapped(drawable(title, "bold"), int(INCHES * 8.3), lines=2)
    head = 0.2 + 0.24 * (1 + heading.count("\n"))
    # A tall photo would make a page of each row; it is drawn less wide instead.
    ratio = photo.shape[0] / photo.shape[1]
    tall = wide * min(ratio, _TALLEST)
    height = head + sum(over) + rows * (tall + _WORDS) + _FOOT
    figure = new_figure(height)
    figure.set_layout_engine("none")
    for number, (panel, name) in enumerate(zip(all_panels, names, strict=True)):
        left = _GAP + (number % across) * (wide + _GAP) + (wide - tall / ratio) / 2
        row = number // across
        bottom = height - head - sum(over[: row + 1]) - row * (tall + _WORDS) - tall
        place = figure.add_axes((left / INCHES, bottom / height, tall / ratio / INCHES, tall / height))
        _draw(place, photo, panel if number else None)
        _letter(place, name, panel.words, columns)
    _bar(figure.add_axes((2 * _GAP / INCHES, 0.3 / height, 1 - 4 * _GAP / INCHES, 0.12 / height)))
    figure.suptitle(heading, x=0.02, y=1 - 0.08 / height, ha="left", va="top", color=INK, **font(TITLE, "bold"))
    return figure


def overlay(photo: "np.ndarray", heat: "np.ndarray") -> "np.ndarray":
    """Colour a photo by a heat map: dimmed where the map is low, coloured the more the higher it is.

    Returns:
        Shape of `photo`, uint8.
    """
    import numpy as np

    strength = strengths(heat)[..., np.newaxis]
    dimmed = photo * _DIMMED
    alpha = _COVERED * np.sqrt(strength) * (strength > 0)
    mixed = (1 - alpha) * dimmed + alpha * _coloured(strength[..., 0])
    return np.asarray(np.clip(np.round(mixed), 0, 255), dtype=np.uint8)


def smoothed(heat: "np.ndarray") -> "np.ndarray":
    """The positive part of a map, blurred by 2 % of its longer side: a map of single pixels is dust otherwise."""
    import numpy as np
    from scipy.ndimage import gaussian_filter

    return np.asarray(gaussian_filter(np.maximum(heat, 0), _SMOOTH * max(heat.shape), mode="nearest"))


def strengths(heat: "np.ndarray") -> "np.ndarray":
    """The positive part of a map, 0 to 1; 1 is its 99.5th percentile, or its maximum where few pixels are positive."""
    import numpy as np

    positive = np.maximum(np.asarray(heat, dtype=np.float64), 0)
    top = float(np.percentile(positive, _TOP)) or float(positive.max())
    return np.minimum(positive / top, 1.0) if top > 0 else positive


def said(told: Mapping[str, Any]) -> str:
    """Two lines for under a map: what its model says, and how sure it is."""
    return f"says {told['predicted']}\n{100 * told['probability']:.0f} % sure"


def measured(told: Mapping[str, Any]) -> str:
    """Two lines for under a map: where it lies, and how much of a signed one is not drawn."""
    middle = told.get("in_middle")
    where = "nothing speaks for it" if middle is None else f"{100 * middle:.0f} % central"
    return f"{where}\n{100 * told['against']:.0f} % against" if "against" in told else where


def _coloured(strength: "np.ndarray") -> "np.ndarray":
    import numpy as np
    from matplotlib import colormaps

    return np.asarray(colormaps[_COLOURS](_FAINTEST + (1 - _FAINTEST) * strength)[..., :3] * 255)


def _draw(place: "Axes", photo: "np.ndarray", panel: Panel | None) -> None:
    import numpy as np

    place.set_axis_off()
    if panel is None:
        place.imshow(photo)
        return
    if panel.heat is not None:
        heatmap(photo, panel.heat, ax=place)
        return
    place.imshow(np.full_like(photo, 235))
    middle = (photo.shape[1] / 2, photo.shape[0] / 2)
    place.text(*middle, "nothing to\nlook at", ha="center", va="center", color=GREY, **font(SMALL))


def _across(pictures: int) -> int:
    """How many stand in a row: four at most, fewer where the last row would be half empty."""
    return min(A_ROW, pictures) if pictures <= A_ROW or pictures % A_ROW in {0, A_ROW - 1} else A_ROW - 1


def _letter(place: "Axes", title: str, words: str, width: int) -> None:
    place.set_title(title, color=INK, **font(SMALL, "bold"))
    style: dict[str, Any] = {"ha": "center", "va": "top", "color": INK, "transform": place.transAxes}
    text = "\n".join(wrapped(drawable(line), width, lines=1) for line in words.split("\n")[:2])
    place.text(0.5, -0.03, text, **style, **font(SMALL))


def _bar(place: "Axes") -> None:
    import numpy as np

    place.imshow(_coloured(np.linspace(0, 1, 256)[np.newaxis]).astype(np.uint8), aspect="auto", extent=(0, 1, 0, 1))
    place.set_yticks([])
    place.set_xticks([0, _LINE, 1], labels=["nothing", "half: the white line", "strongest"], color=INK, **font(SMALL))
    first, _, last = place.get_xticklabels()
    first.set_horizontalalignment("left")
    last.set_horizontalalignment("right")
    place.tick_params(length=3, color=GREY)
    place.spines[:].set_visible(False)
