"""Colour and shape of each class, the same in the picture and in the page."""

import math
from typing import Final

# Neighbours in this list differ in lightness, so that they differ in greyscale too. The page
# has lighter ones for its dark theme (map.css).
COLOURS: Final = ("#0b3d73", "#e08600", "#1f7a4d", "#8a2f8f", "#c22f2f", "#4aa3df", "#6b4f2a", "#5c6570")
Point = tuple[float, float]


def _turned(n: int, first: float) -> tuple[Point, ...]:
    """A regular polygon of `n` corners, the first at `first` degrees, as large as a circle of radius 1."""
    radius = math.sqrt(2 * math.pi / (n * math.sin(2 * math.pi / n)))
    angles = (math.radians(first + 360 * k / n) for k in range(n))
    return tuple((round(radius * math.cos(a), 3), round(radius * math.sin(a), 3)) for a in angles)


def _cross(turn: float) -> tuple[Point, ...]:
    arm, half = 1.32, 0.37
    corner = ((arm, -half), (arm, half), (half, half))
    found = []
    for quarter in range(4):
        angle = math.radians(turn + 90 * quarter)
        cos, sin = math.cos(angle), math.sin(angle)
        found += [(round(x * cos - y * sin, 3), round(x * sin + y * cos, 3)) for x, y in corner]
    return tuple(found)


# Corners around (0, 0), the second axis up. Seven shapes and eight colours make 56 different markers.
SHAPES: Final = (
    _turned(24, 0),
    _turned(4, 45),
    _turned(3, 90),
    _cross(0),
    _turned(4, 0),
    _turned(3, 270),
    _cross(45),
)


def shape_of(label: int) -> tuple[Point, ...]:
    """The corners of the marker of a class."""
    return SHAPES[label % len(SHAPES)]


def colour_of(label: int) -> str:
    """The colour of a class on white."""
    return COLOURS[label % len(COLOURS)]


def outline(label: int) -> str:
    """The marker of a class as the outline of an SVG path, the second axis down as in SVG.

    Example:
        >>> outline(1)
        'M0.886 -0.886L-0.886 -0.886L-0.886 0.886L0.886 0.886Z'
    """
    return "M" + "L".join(f"{x:g} {-y:g}" for x, y in shape_of(label)) + "Z"
