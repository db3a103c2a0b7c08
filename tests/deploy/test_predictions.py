import csv
import json
from pathlib import Path

import numpy as np
import pytest
from tiny_model import CLASSES, Handed, doubting_model, tiny_model

from photo_maker import noise, save
from tellapart.deploy.predictions import Shown, as_record, print_answers, write_answers
from tellapart.deploy.runtime import Answer, Model
from tellapart.errors import OptionError
from tellapart.plain_text import from_spreadsheet


@pytest.fixture(scope="module")
def handed() -> Handed:
    return tiny_model()


@pytest.fixture(scope="module")
def model(handed: Handed) -> Model:
    return Model(handed.content, "model.onnx")


@pytest.fixture
def answers(model: Model, tmp_path: Path) -> list[Answer]:
    """Of a good photo, a bad one and another good one."""
    bad = tmp_path / "b.jpg"
    bad.write_text("no photo")
    good = [save(noise(number), tmp_path / name) for number, name in enumerate(("a, 😀.png", "c.png"))]
    return list(model.answers([good[0], bad, good[1]]))


def test_csv_has_a_row_for_every_photo(model: Model, answers: list[Answer], tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    assert write_answers(out, model, answers) == 1
    with out.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["path", "predicted", *CLASSES, "error", "answer", "set", "stranger"]
    assert [row["path"] for row in rows] == [answer.path for answer in answers]
    assert rows[1]["predicted"] == ""
    assert rows[1]["error"].startswith("not a photo")
    assert rows[1][CLASSES[0]] == ""
    for row, answer in zip(rows[::2], answers[::2], strict=True):
        assert answer.probabilities is not None
        assert [float(row[name]) for name in CLASSES] == pytest.approx(answer.probabilities.tolist(), rel=1e-4)
        assert row["predicted"] == CLASSES[int(answer.probabilities.argmax())]
        assert row["error"] == ""
        assert row["answer"] == row["predicted"]
        assert row["set"] == row["stranger"] == ""  # a file of an early version


@pytest.mark.parametrize("name", ["out.jsonl", "OUT.JSONL"])
def test_jsonl_has_a_line_for_every_photo(model: Model, answers: list[Answer], tmp_path: Path, name: str) -> None:
    assert write_answers(tmp_path / name, model, answers) == 1
    lines = [json.loads(line) for line in (tmp_path / name).read_text(encoding="utf-8").splitlines()]
    assert lines == [as_record(model, answer) for answer in answers]
    assert set(lines[1]) == {"path", "error"}
    assert set(lines[0]["probabilities"]) == set(CLASSES)


def test_a_record_holds_plain_numbers(model: Model) -> None:
    shares = np.array([0.25, 0.5, 0.25], dtype=np.float32)
    record = as_record(model, Answer("a.jpg", shares, answer="not sure", set=("椅子", "table"), stranger=0.5))
    assert record == {
        "path": "a.jpg",
        "predicted": "椅子",
        "probabilities": {"chair & co": 0.25, "椅子": 0.5, "table": 0.25},
        "answer": "not sure",
        "set": ["椅子", "table"],
        "stranger": 0.5,
    }
    assert as_record(model, Answer("b.jpg", None, "empty")) == {"path": "b.jpg", "error": "empty"}


def test_what_fails_half_way_leaves_the_old_file(model: Model, answers: list[Answer], tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    out.write_text("old")

    def stopped() -> object:
        yield answers[0]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_answers(out, model, stopped())  # type: ignore[arg-type]
    assert out.read_text() == "old"
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize(
    ("top", "told"),
    [
        (1, "a.jpg: 椅子 50.0%"),
        (2, "a.jpg: 椅子 50.0%, table 30.0%"),
        (9, "a.jpg: 椅子 50.0%, table 30.0%, chair & co 20.0%"),
        (0, "a.jpg: 椅子 50.0%"),
    ],
)
def test_lines_for_people(model: Model, capsys: pytest.CaptureFixture[str], top: int, told: str) -> None:
    some = [Answer("a.jpg", np.array([0.2, 0.5, 0.3]), answer="椅子"), Answer("b.jpg", None, "the file is empty")]
    assert print_answers(model, some, Shown(top)) == 1
    out, err = capsys.readouterr()
    assert out.splitlines() == [told, "b.jpg: cannot be read: the file is empty"]
    assert err == ""


def test_lines_for_machines(model: Model, capsys: pytest.CaptureFixture[str], answers: list[Answer]) -> None:
    assert print_answers(model, answers, Shown(as_json=True)) == 1
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert lines == [as_record(model, answer) for answer in answers]


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ("椅子", "椅子 50.0%, table 30.0%; may be 椅子 or table"),
        ("not sure", "not sure (椅子 50.0%, table 30.0%); may be 椅子 or table"),
        ("none of these", "none of these (nearest: 椅子 50.0%, table 30.0%)"),
    ],
)
def test_doubts_for_people(capsys: pytest.CaptureFixture[str], answer: str, told: str) -> None:
    model = Model(doubting_model().content, "model.onnx")
    some = [Answer("a.jpg", np.array([0.2, 0.5, 0.3]), answer=answer, set=("椅子", "table"), stranger=0.5)]
    print_answers(model, some, Shown(2, sets=True))
    print_answers(model, some, Shown(2))
    assert capsys.readouterr().out.splitlines() == [f"a.jpg: {told}", f"a.jpg: {told.split(';', maxsplit=1)[0]}"]


def test_sets_of_a_file_that_has_none_are_refused(model: Model, answers: list[Answer]) -> None:
    with pytest.raises(OptionError, match=r"no prediction sets.*Next: tellapart fit, or without --sets"):
        print_answers(model, answers, Shown(sets=True))


def test_doubts_are_columns_behind_the_others(tmp_path: Path) -> None:
    model = Model(doubting_model().content, "model.onnx")
    shares = np.array([0.2, 0.5, 0.3])
    some = [Answer("a.jpg", shares, answer="none of these", set=("a|b", "c\\d", "e"), stranger=1.25)]
    assert write_answers(tmp_path / "a.csv", model, some) == 0
    with (tmp_path / "a.csv").open(newline="", encoding="utf-8") as file:
        (row,) = csv.DictReader(file)
    assert row["predicted"] == "椅子"
    assert row["answer"] == "none of these"
    assert row["set"] == "a\\|b|c\\\\d|e"
    assert float(row["stranger"]) == 1.25


def test_no_cell_of_a_csv_file_is_a_formula(model: Model, tmp_path: Path) -> None:
    shares = np.array([0.2, 0.5, 0.3])
    some = [
        Answer("=HYPERLINK(1).jpg", shares, answer="椅子", set=("-a", "b")),
        Answer("@a.jpg", None, "+wrong"),
        Answer("plain, 'a'.jpg", shares, answer="椅子"),
    ]
    write_answers(tmp_path / "a.csv", model, some)
    with (tmp_path / "a.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["path"] for row in rows] == ["'=HYPERLINK(1).jpg", "'@a.jpg", "plain, 'a'.jpg"]
    assert rows[0]["set"] == "'-a|b"
    assert rows[1]["error"] == "'+wrong"
    assert [from_spreadsheet(row["path"]) for row in rows] == [answer.path for answer in some]
    write_answers(tmp_path / "a.jsonl", model, some)
    lines = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [line["path"] for line in lines] == [answer.path for answer in some], "JSON has it as it is"


def test_nothing_printed_steers_the_terminal(model: Model, capsys: pytest.CaptureFixture[str]) -> None:
    evil = Answer("a\x1b[31m\u202egpj\x9b.jpg", np.array([0.2, 0.5, 0.3]), answer="椅子")
    print_answers(model, [evil], Shown())
    print_answers(model, [evil], Shown(as_json=True))
    for_people, for_machines = capsys.readouterr().out.splitlines()
    assert for_people == "a\\x1b[31m\\u202egpj\\x9b.jpg: 椅子 50.0%"
    assert for_machines.isprintable()
    assert json.loads(for_machines)["path"] == evil.path
