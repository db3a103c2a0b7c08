import numpy as np
from matplotlib.figure import Figure

from tellapart.report.contact_sheets import Tile, contact_sheet, neighbour_sheet
from tellapart.report.style import png


def tile(*lines: str, height: int = 30, width: int = 40) -> Tile:
    return Tile(np.full((height, width, 3), 90, dtype=np.uint8), lines)


def words(figure: Figure) -> list[str]:
    return [text.get_text() for axes in figure.axes for text in axes.texts if text.get_text()]


def test_each_photo_stands_over_its_words() -> None:
    figure = contact_sheet("Least sure", [tile("bed", "right, 40 %"), tile("a <b>", height=60), tile("chair")])
    assert words(figure) == ["bed\nright, 40 %", "a <b>", "chair"]
    assert sum(len(axes.images) for axes in figure.axes) == 3
    assert figure.get_suptitle() == "Least sure"


def test_a_photo_keeps_its_shape_whatever_that_is() -> None:
    for axes in contact_sheet("x", [tile("wide", width=90), tile("high", height=90)]).axes[:2]:
        (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
        assert right - left == bottom - top


def test_long_words_stay_in_their_column() -> None:
    (text,) = words(contact_sheet("x", [tile("an extremely long class name that goes on", "said: a")]))
    assert text.splitlines() == ["an extremely", "long class n…", "said: a"]


def test_more_photos_make_a_taller_sheet() -> None:
    one, two = (contact_sheet("x", [tile("a")] * n) for n in (4, 5))
    assert two.get_figheight() > one.get_figheight() + 1


def test_a_mistake_is_framed_and_its_neighbours_follow_in_its_row() -> None:
    rows = [(tile("m1"), [tile("a"), tile("b")]), (tile("m2"), [tile("c")])]
    figure = neighbour_sheet("Mistakes", rows)
    assert words(figure) == ["m1", "a", "b", "m2", "c"]
    framed = [len(axes.patches) for axes in figure.axes]
    assert framed == [1, 0, 0, 1, 0, 0]


def test_nothing_to_show_is_an_empty_sheet() -> None:
    assert png(contact_sheet("Nothing", []))[:4] == b"\x89PNG"
    assert png(neighbour_sheet("Nothing", []))[:4] == b"\x89PNG"
