import numpy as np
import pytest
from fake_run import ODD_CLASSES

from tellapart.evaluation.class_scores import ClassChange, class_changes, class_fares
from tellapart.report.classes import MOST, class_steps, classes
from tellapart.report.style import new_figure, png

LABELS = np.repeat([0, 1, 2], 10)
SAID = np.where(np.arange(30) % 3 == 0, 0, LABELS)


def test_the_hardest_class_stands_at_the_top_with_its_marks_and_intervals() -> None:
    fares = class_fares(LABELS, SAID, ["bed", "chair", "sofa"])
    (axes,) = classes("Deeper", fares).axes
    order = sorted(fares, key=lambda fare: fare.f1.value)
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert names == [f"{fare.name} (10)" for fare in order]
    assert axes.get_ylim()[0] > axes.get_ylim()[1]
    marks = {str(line.get_label()): line for line in axes.lines}
    found = marks["found (recall)"]
    assert np.asarray(found.get_xdata()) == pytest.approx([100 * fare.recall.value for fare in order])
    spans = [
        np.asarray(line.get_xdata())
        for line in axes.lines
        if np.size(line.get_xdata()) == 2 and line.get_marker() == "None"
    ]
    assert spans[0] == pytest.approx([100 * order[0].recall.low, 100 * order[0].recall.high])
    assert len({marks[name].get_marker() for name in marks if "(" in name}) == 3


def test_a_class_that_was_never_said_and_many_classes_can_be_drawn() -> None:
    labels = np.arange(80) % 40
    figure = classes("x", class_fares(labels, np.zeros(80, dtype=int), [f"class {i}" for i in range(41)]))
    assert len(figure.axes[0].get_yticklabels()) == MOST
    assert png(classes("$x$", class_fares(np.arange(5), np.arange(5), ODD_CLASSES)))


def test_the_change_from_step_to_step_is_written_and_the_real_one_marked() -> None:
    rows = [
        [ClassChange(0.5, float("nan"), real=False), ClassChange(0.9, 0.4, real=True)],
        [ClassChange(0.5, float("nan"), real=False), ClassChange(0.5, 0.0, real=False)],
        [ClassChange(float("nan"), float("nan"), real=False)] * 2,
    ]
    (axes,) = class_steps(["bed", "chair", "none"], ["baseline", "bottleneck-vgg16"], rows).axes
    assert [text.get_text() for text in axes.texts] == ["50", "90", "+40 ★", "50", "50", "0", "–", "–"]
    assert axes.texts[2].get_fontweight() == "bold"
    assert [label.get_text() for label in axes.get_xticklabels()] == ["baseline", "bottleneck-\nvgg16"]


def test_of_many_classes_the_worst_found_are_drawn() -> None:
    labels = np.arange(120) % 40
    said = [np.zeros(120, dtype=int), np.where(labels < 5, 0, labels)]
    (axes,) = class_steps([f"c{i}" for i in range(40)], ["a", "b"], class_changes(labels, said, 40)).axes
    names = [label.get_text().split("\N{NO-BREAK SPACE}")[1] for label in axes.get_yticklabels()]
    assert len(names) == MOST
    assert {"c1", "c2", "c3", "c4"} <= set(names)


def test_they_can_share_a_figure() -> None:
    left, right = new_figure(5, width=12).subplots(1, 2)
    classes("x", class_fares(LABELS, SAID, ["a", "b", "c"]), ax=left)
    figure = class_steps(["a", "b", "c"], ["p", "q"], class_changes(LABELS, [SAID, LABELS], 3), ax=right)
    assert png(figure)
