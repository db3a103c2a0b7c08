import pytest

from tellapart.report.lettering import columns, drawable, families, font, wrapped


def test_plain_words_stay_as_they_are() -> None:
    assert drawable("armchair, grün") == "armchair, grün"


def test_a_character_without_a_glyph_becomes_a_square() -> None:
    assert drawable("x\U00013000y") == "x□y"


@pytest.mark.parametrize("text", ["a\nb\tc", "a\u200bb", "a\x00b", "a\u202eb"])
def test_characters_that_steer_are_dropped(text: str) -> None:
    shown = drawable(text)
    assert shown.replace(" ", "") in {"abc", "ab"}


def test_full_width_and_combining_characters_are_measured() -> None:
    assert columns("ab") == 2
    assert columns("椅子") == 4
    assert columns("e\u0301") == 1


def test_words_are_broken_at_spaces() -> None:
    assert wrapped("a very long name of a class", 11) == "a very long\nname of a …"
    assert wrapped("short", 11) == "short"


@pytest.mark.parametrize("text", ["x" * 100, "椅" * 100, "a b " * 50, "", " ", "a" * 10 + " b"])
@pytest.mark.parametrize("width", [1, 2, 7, 20])
def test_no_line_is_wider_than_its_place(text: str, width: int) -> None:
    lines = wrapped(text, width, lines=3).split("\n")
    assert len(lines) <= 3
    assert all(columns(line) <= max(width, 3) for line in lines)


def test_dollar_signs_are_no_mathematics() -> None:
    assert font(12)["parse_math"] is False
    assert families()[0] == "DejaVu Sans"
