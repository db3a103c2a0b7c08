import math

from tellapart.notebook import History, Table

EPOCHS = [
    {"epoch": float(at), "loss": 1 / at, "valid_loss": 0.5 + at / 100, "learning_rate": 0.0005} for at in range(1, 41)
]


def test_a_table_shows_itself() -> None:
    table = Table(("recipe", "score"), (("<b>", "0.5"), ("longer", "10")))
    assert str(table).splitlines()[0] == "recipe  score"
    assert str(table).splitlines()[-1] == "longer     10"
    assert repr(table) == str(table)
    html = table._repr_html_()
    assert "&lt;b&gt;</th>" in html
    assert "<b>" not in html
    assert html.count('scope="col"') == html.count('scope="row"') == 2
    assert "background" not in html


def test_one_row_may_be_marked() -> None:
    html = Table(("a", "b"), (("x", "1"), ("y", "2")), 1, "what & why")._repr_html_()
    assert html.count("background") == 1
    assert html.index("background") > html.index(">x<")
    assert "what &amp; why</caption>" in html
    # Neither letters nor paper have a colour of their own, so that it can be read in the light and in the dark.
    assert "; color" not in html
    assert "rgba(" in html


def test_a_history_is_the_list_that_it_was() -> None:
    history = History(EPOCHS, best_epoch=7)
    assert history == EPOCHS
    assert isinstance(history, list)
    assert history[-1]["epoch"] == 40
    assert [row["loss"] for row in history[:2]] == [1, 0.5]
    assert len(history) == 40


def test_a_history_shows_some_epochs_and_marks_the_best() -> None:
    history = History(EPOCHS, best_epoch=7)
    said = repr(history).splitlines()
    assert said[0] == "40 epochs, the best: 7; 13 are shown"
    assert said[1].split() == ["epoch", "loss", "validation", "loss", "learning", "rate"]
    assert (said[2].split()[0], said[-1].split()[0]) == ("1", "40")
    assert [line for line in said if " * " in line] == [line for line in said if line.startswith("7 ")]
    assert str(history) == repr(history)
    html = history._repr_html_()
    assert html.count("background") == 1
    assert "7 *" in html
    assert len(history.table().rows) == 40


def test_a_short_history_is_shown_whole_and_an_empty_one_told() -> None:
    short = History([{"epoch": 1.0, "accuracy": math.nan, "seconds": 2.0}])
    assert repr(short).splitlines()[0] == "1 epoch"
    assert repr(short).splitlines()[-1].split() == ["1", "–", "2.0"]
    assert repr(History()) == "no epochs"
    assert "no epochs" in History()._repr_html_()
