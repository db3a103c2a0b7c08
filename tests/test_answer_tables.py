from pathlib import Path

import numpy as np

from tellapart.answer_tables import AnswerTable, class_columns, joined, read_answers, write_answers
from tellapart.files import read_csv

CLASSES = ("a", "b,c")


def table(*paths: str) -> AnswerTable:
    generator = np.random.default_rng(len(paths))
    shares = generator.dirichlet([1, 1], len(paths)).astype(np.float32)
    return AnswerTable(list(paths), generator.integers(2, size=len(paths)), shares)


def test_what_is_written_is_read_back_exactly_and_in_the_order_of_the_paths(tmp_path: Path) -> None:
    written = table("z.jpg", "a.jpg", 'm "1".jpg')
    write_answers(tmp_path / "answers.csv", CLASSES, written)
    back = read_answers(tmp_path / "answers.csv", CLASSES)
    order = np.argsort(written.paths)
    assert back.paths == sorted(written.paths)
    assert np.array_equal(back.labels, written.labels[order])
    assert np.array_equal(back.probabilities.astype(np.float32), written.probabilities[order])
    rows = read_csv(tmp_path / "answers.csv")
    assert [row["predicted"] for row in rows] == [CLASSES[place] for place in written.probabilities.argmax(axis=1)]


def test_a_class_may_be_called_as_a_column_and_names_may_hold_line_ends(tmp_path: Path) -> None:
    classes = ("class", "path", "path (class)", "a\rb")
    shares = np.random.default_rng(0).dirichlet([1] * 4, 3).astype(np.float32)
    written = AnswerTable(["a\r.jpg", "b\r\n.jpg", "c\n.jpg"], np.array([1, 0, 3]), shares)
    write_answers(tmp_path / "answers.csv", classes, written)
    back = read_answers(tmp_path / "answers.csv", classes)
    assert back.paths == written.paths
    assert np.array_equal(back.labels, written.labels)
    assert np.array_equal(back.probabilities.astype(np.float32), shares)
    assert len(set(class_columns(classes))) == len(classes)


def test_tables_are_joined_in_their_order() -> None:
    one, other = table("z.jpg"), table("a.jpg", "b.jpg")
    both = joined([one, other])
    assert both.paths == ["z.jpg", "a.jpg", "b.jpg"]
    assert np.array_equal(both.probabilities[1:], other.probabilities)
    assert len(both.labels) == 3
