import pytest
from fake_run import ODD_CLASSES

from tellapart.report.matrix import confusion
from tellapart.report.style import INCHES, new_figure, png


def diagonal(n: int) -> list[list[int]]:
    return [[9 if i == j else int(j == i + 1) for j in range(n)] for i in range(n)]


@pytest.mark.parametrize("n", [2, 4, 12, 30])
def test_the_figure_grows_rather_than_the_letters_shrink(n: int) -> None:
    figure = confusion("Deeper", diagonal(n), [f"species number {i}" for i in range(n)])
    assert png(figure)
    sizes = [text.get_fontsize() for text in figure.axes[0].texts]
    assert min(float(size) for size in sizes) >= 11
    assert figure.get_figwidth() >= INCHES


def test_cells_hold_count_and_share_and_zero_is_empty() -> None:
    figure = confusion("Deeper", [[9, 1], [0, 4]], ["good", "bad"])
    assert [text.get_text() for text in figure.axes[0].texts] == ["9", "90 %", "1", "10 %", "4", "100 %"]
    assert "14" in figure.get_suptitle()


def test_short_names_stand_over_their_columns_and_long_ones_give_way_to_numbers() -> None:
    def heads(names: list[str]) -> list[str]:
        axes = confusion("x", diagonal(2), names).axes[0]
        return [label.get_text() for label in axes.get_xticklabels()]

    assert heads(["good", "bad"]) == ["good", "bad"]
    assert heads(["good", "b" * 60]) == ["1", "2"]


def test_odd_names_are_drawn_without_a_warning() -> None:
    figure = confusion("<b>$bold$</b>", diagonal(len(ODD_CLASSES)), ODD_CLASSES)
    assert png(figure)
    rows = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert rows[0].endswith("$x^2$ & $")
    assert [row[0] for row in rows] == ["1", "2", "3", "4", "5"]


def test_a_class_without_test_photos_is_no_error() -> None:
    assert png(confusion("x", [[0, 0], [1, 2]], ["a", "b"]))


def test_it_can_share_a_figure() -> None:
    left, right = new_figure(4, width=10).subplots(1, 2)
    figure = confusion("left", diagonal(3), ["a", "b", "c"], ax=left)
    assert figure is confusion("right", diagonal(3), ["a", "b", "c"], ax=right)
    assert png(figure)
