import math

from test_curves import history, with_rates
from test_matrix import diagonal
from test_reliability import told

from tellapart.evaluation.class_scores import ClassChange
from tellapart.report.page_tables import (
    PageTable,
    epochs_table,
    matrix_table,
    reliability_table,
    steps_table,
    trials_table,
)


def whole(table: PageTable | None) -> PageTable:
    assert table is not None
    assert all(len(row) == len(table.columns) for row in table.rows)
    return table


def test_epochs_tell_what_the_history_holds() -> None:
    assert whole(epochs_table(history(3), 2)).columns[-1] == "validation loss"
    table = whole(epochs_table(with_rates(3, 0.001), 2))
    assert [row[0] for row in table.rows] == ["1", "2 (best)", "3"]
    assert table.rows[1][1:] == ("75.0\xa0%", "65.0\xa0%", "0.500", "0.600", "0.001")
    assert epochs_table([], None) is None


def test_a_matrix_is_told_whole_and_of_many_classes_the_mistakes() -> None:
    table = whole(matrix_table([[3, 1], [0, 4]], ["good", "bad"]))
    assert table.rows == [("1 good", "3", "1"), ("2 bad", "0", "4")]
    long = whole(matrix_table(diagonal(150), [f"c{i}" for i in range(150)]))
    assert len(long.rows) == 100
    assert "49 rarer mistakes" in long.caption
    assert long.rows[0] == ("c0", "c1", "1")


def test_marks_of_the_diagram_are_told() -> None:
    table = whole(reliability_table(told()))
    assert table.rows[0] == ("60.0\xa0%", "30", "60.0\xa0%", "50.0\xa0% to 60.0\xa0%")
    assert reliability_table(None) is None


def test_trials_are_told_the_best_first() -> None:
    trials = [
        {"trial": "0", "state": "PRUNED", "valid_loss": "0.1", "rate": "0.5"},
        {"trial": "1", "state": "COMPLETE", "valid_loss": "0.9", "rate": "adam"},
        {"trial": "2", "state": "COMPLETE", "valid_loss": "0.4", "rate": "0.123456"},
        {"trial": "3", "state": "FAIL", "valid_loss": "", "rate": ""},
    ]
    table = whole(trials_table(trials, ["rate"]))
    assert [row[0] for row in table.rows] == ["2", "1", "0", "3"]
    assert table.rows[0] == ("2", "ran to its end", "0.400", "0.123")
    assert table.rows[3] == ("3", "failed", "–", "–")
    assert trials_table([], []) is None


def test_changes_of_classes_are_told() -> None:
    row = [
        ClassChange(0.5, math.nan, real=False),
        ClassChange(0.75, 0.25, real=True),
        ClassChange(0.7, -0.05, real=False),
    ]
    table = whole(steps_table(["bed"], ["a", "b", "c"], [row]))
    assert table.rows == [("bed", "50\xa0%", "75\xa0% (+25, more than chance)", "70\xa0% (-5)")]
