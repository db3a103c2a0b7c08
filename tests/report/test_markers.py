import re
from importlib.resources import files

import pytest

from tellapart.report.markers import COLOURS, SHAPES, colour_of, outline, shape_of


def area(corners: tuple[tuple[float, float], ...]) -> float:
    """By the shoelace formula."""
    pairs = zip(corners, [*corners[1:], corners[0]], strict=True)
    return sum(a[0] * b[1] - b[0] * a[1] for a, b in pairs) / 2


def lightness(colour: str) -> float:
    red, green, blue = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    return float(0.2126 * red**2.2 + 0.7152 * green**2.2 + 0.0722 * blue**2.2)


def test_fifty_six_classes_have_markers_of_their_own() -> None:
    assert len({(colour_of(n), shape_of(n)) for n in range(56)}) == 56


def test_all_shapes_are_about_as_large_as_the_circle() -> None:
    for corners in SHAPES:
        assert area(corners) == pytest.approx(3.14, rel=0.1)


def test_neighbouring_classes_differ_in_greyscale_or_at_least_in_shape() -> None:
    assert all(shape_of(n) != shape_of(n + 1) for n in range(56))
    first, second = lightness(COLOURS[0]), lightness(COLOURS[1])
    assert (max(first, second) + 0.05) / (min(first, second) + 0.05) > 3


def test_the_outline_points_up_as_the_shape_does() -> None:
    triangle = [tuple(map(float, pair.split())) for pair in re.split("[MLZ]", outline(2)) if pair]
    assert min(y for _, y in triangle) == pytest.approx(-max(y for _, y in shape_of(2)), abs=1e-6)
    assert sum(y < 0 for _, y in triangle) == 1


def test_the_style_sheet_has_the_same_colours_and_one_for_each_in_the_dark() -> None:
    css = (files("tellapart.report") / "templates" / "map.css").read_text(encoding="utf-8")
    light, dark = (re.findall(r"--k\d: (#\w{6})", line) for line in css.splitlines() if "--k0:" in line)
    assert tuple(light) == COLOURS
    assert len(dark) == len(COLOURS)
    paper = lightness("#14181d") + 0.05
    assert all((lightness(colour) + 0.05) / paper > 4.5 for colour in dark)
