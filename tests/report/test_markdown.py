import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from tellapart.report.markdown import Trusted, plain, quoted

HOSTILE = [
    "chair | table",
    "<script>alert(1)</script>",
    "[click](javascript:alert(1))",
    "![x](http://example.org/x.png)",
    "`code` *bold* __init__ ~~gone~~ $x^2$",
    "http://example.org and www.example.org",
    "a\\|b",
    "two\nlines\r\n# and a title",
    "&lt; &amp; &#124;",
    ": colon: 'quote' \"double\" - dash",
    "{{ 7 * 7 }} {% raw %}",
    "椅子 😀",
]
READER = MarkdownIt("commonmark").enable(["table", "strikethrough"])


def cells(text: str) -> list[str]:
    """What a table with one cell of that text shows, cell by cell, as plain text."""
    tokens = READER.parse(f"| a | b |\n|---|---|\n| {text} | last |\n")
    bodies = [token for token in tokens if token.type == "inline"][2:]
    kinds = {child.type for token in bodies for child in token.children or []}
    assert kinds <= {"text", "text_special"}
    return ["".join(child.content for child in token.children or []) for token in bodies]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_cell_shows_the_name_as_it_is_and_nothing_of_it_works(name: str) -> None:
    assert cells(plain(name)) == [" ".join(name.split()), "last"]


@given(st.text(st.characters(categories=["L", "N", "P", "S", "Zs"]), min_size=1, max_size=40))
def test_any_text_stays_in_its_cell(name: str) -> None:
    shown = cells(plain(f"x{name}x"))
    assert len(shown) == 2
    assert shown[0].strip("\u2068\u2069") == " ".join(f"x{name}x".split())


def test_what_is_ours_and_numbers_stay() -> None:
    assert plain(Trusted("**ours**")) == "**ours**"
    assert plain(12) == "12"


def test_long_text_is_cut_and_names_that_turn_the_line_are_isolated() -> None:
    assert len(plain("a" * 10_000)) < 500
    assert plain("כabc").startswith("\u2068")
    assert cells(plain("\u202eabc")) == [r"\u202eabc", "last"]


@pytest.mark.parametrize("name", HOSTILE)
def test_yaml_gives_the_text_back(name: str) -> None:
    yaml = pytest.importorskip("yaml", reason="PyYAML is not installed")
    assert yaml.safe_load(f"a: {quoted(name)}\nb: 1") == {"a": " ".join(name.split()), "b": 1}


@given(st.text(max_size=60))
def test_any_text_is_one_yaml_scalar(name: str) -> None:
    assert "\n" not in quoted(name)
    assert isinstance(json.loads(quoted(name)), str)
    yaml = pytest.importorskip("yaml", reason="PyYAML is not installed")
    assert isinstance(yaml.safe_load(f"a: {quoted(name)}")["a"], str)
