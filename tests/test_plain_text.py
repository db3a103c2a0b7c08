import csv
import io
import json
import os
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tellapart.plain_text import (
    csv_line,
    for_page,
    for_spreadsheet,
    for_terminal,
    from_spreadsheet,
    isolated,
    json_for_terminal,
    printable,
)

FORMULAS = [
    "=1+1",
    "+1",
    "-1",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "  =1",
    "'=1",
    '"=1',
    " '\"-x",
    "＝1",
    "\tphoto",
    "'\tphoto",
]


@pytest.mark.parametrize("text", FORMULAS)
def test_formulas_are_defused(text: str) -> None:
    assert for_spreadsheet(text) == f"'{text}"
    assert from_spreadsheet(for_spreadsheet(text)) == text


@pytest.mark.parametrize("text", ["chair", "a=b", "'s tables", "1-2.jpg", "", "''", "' photo"])
def test_other_texts_stay_as_they_are(text: str) -> None:
    assert for_spreadsheet(text) == text
    assert from_spreadsheet(text) == text


@given(st.text(alphabet="'\" =+-@\t\r\nab＝", max_size=8))
@example("'=a")
@example("'\ta")
def test_every_text_comes_back(text: str) -> None:
    assert from_spreadsheet(for_spreadsheet(text)) == text


@given(st.lists(st.text(alphabet="'\"=,;|\t\n\rab é", max_size=6), min_size=2, max_size=5))
def test_a_row_reads_back_as_it_was(cells: list[str]) -> None:
    (row,) = csv.reader(io.StringIO(csv_line(cells), newline=""))
    assert [from_spreadsheet(cell) for cell in row] == cells


def test_a_cell_stays_one_where_semicolons_divide() -> None:
    line = csv_line(["a;=cmd|' /C calc'!A0", "b"])
    (row,) = csv.reader(io.StringIO(line), delimiter=";")
    assert not any(cell.startswith("=") for cell in row)


def test_a_name_that_is_not_utf_8_can_be_written() -> None:
    name = Path(os.fsdecode(b"a/\xff\xc3\xa9.jpg"))
    assert printable(name) == printable(str(name)) == "a/\\udcff\xe9.jpg"
    printable(name).encode("utf-8")


def test_nothing_reaches_the_terminal_that_steers_it() -> None:
    evil = "a\x1b]0;title\x07\x9b2J\u202egpj.jpg\x7f\u2028\n"
    assert for_terminal(evil) == r"a\x1b]0;title\x07\x9b2J\u202egpj.jpg\x7f\u2028\n"
    plain = "Stuhl – 椅子 😀 \N{MAN}\u200d\N{ROCKET} می‌خواهم C:\\photos"
    assert for_terminal(plain) == plain


def test_json_stays_json() -> None:
    evil = {"path": "a\x1b\x9b\u202e\U000e0001\x7f.jpg", "error": "é"}
    text = json_for_terminal(json.dumps(evil, ensure_ascii=False))
    assert json.loads(text) == evil
    assert all(letter.isprintable() for letter in text)
    assert "é" in text


@pytest.mark.parametrize("name", ["chair", "椅子", "😀", "<b>", "naïve 12"])
def test_a_name_that_runs_forward_is_left_alone(name: str) -> None:
    assert isolated(name) == name
    assert for_page(name) == name


@pytest.mark.parametrize("name", ["כיסא", "كرسي"])
def test_a_name_from_right_to_left_is_kept_apart(name: str) -> None:
    assert isolated(name) == f"\u2068{name}\u2069"
    assert for_page(isolated(name)) == isolated(name)


def test_a_name_cannot_leave_what_keeps_it_apart() -> None:
    assert isolated("\u202echair") == r"\u202echair"
    assert isolated("כיסא\u2069\u202e") == "\u2068כיסא\\u2069\\u202e\u2069"
    assert for_page("a\x00\x1b\x9b\u202e\r\nb") == "a\\x00\\x1b\\x9b\\u202e\\r\nb"
