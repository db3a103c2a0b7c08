import pytest
from fake_run import ODD_CLASSES
from test_matrix import diagonal

from tellapart.report.matrices import confusion_steps
from tellapart.report.style import png


def steps(n: int, count: int = 3) -> list[tuple[str, list[list[int]]]]:
    return [(f"recipe {i}", diagonal(n)) for i in range(count)]


def test_shares_of_each_row_are_written_and_empty_cells_left_empty() -> None:
    figure = confusion_steps([("first", [[3, 1], [0, 0]]), ("second", [[4, 0], [2, 2]])], ["good", "bad"])
    left, right = figure.axes
    assert [text.get_text() for text in left.texts] == ["75", "25", "0"]
    assert [text.get_text() for text in right.texts] == ["100", "50", "50"]
    assert left.get_title(loc="left") == "first: 75 %"
    assert [label.get_text() for label in left.get_yticklabels()] == [
        "1\N{NO-BREAK SPACE}good",
        "2\N{NO-BREAK SPACE}bad",
    ]
    assert [label.get_text() for label in right.get_yticklabels()] == ["1", "2"]


@pytest.mark.parametrize(
    ("n", "written", "named"), [(2, True, True), (7, True, True), (8, False, True), (13, False, False)]
)
def test_with_more_classes_shades_alone_tell(n: int, written: bool, named: bool) -> None:
    first = confusion_steps(steps(n), [f"species {i}" for i in range(n)]).axes[0]
    assert bool(first.texts) is written
    names = [label.get_text() for label in first.get_yticklabels()]
    assert ("species" in names[0]) is named
    assert all(float(text.get_fontsize()) >= 11 for text in [*first.texts, *first.get_yticklabels()])


@pytest.mark.parametrize("count", [1, 2, 7])
def test_any_number_of_recipes_and_any_name(count: int) -> None:
    figure = confusion_steps(steps(len(ODD_CLASSES), count), ODD_CLASSES)
    assert sum(bool(axes.images) for axes in figure.axes) == count
    assert png(figure)
