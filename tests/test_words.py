import math

import pytest

from tellapart import words
from tellapart.errors import OptionError


def plain(text: str) -> str:
    return text.replace("\xa0", " ")


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0 s"), (0.42, "0.42 s"), (9.96, "10 s"), (59.4, "59 s"), (59.7, "1 min"), (125, "2 min 05 s"),
        (3600, "1 h"), (7260, "2 h 01 min"), (90_000, "25 h"),
    ],
)  # fmt: skip
def test_durations(seconds: float, said: str) -> None:
    assert plain(words.duration(seconds)) == said


@pytest.mark.parametrize(
    ("count", "said"),
    [(0, "0"), (999, "999"), (12_345, "12.3 thousand"), (999_600, "1 million"), (14_714_688, "14.7 million")],
)
def test_amounts(count: int, said: str) -> None:
    assert plain(words.amount(count)) == said


def test_shares_and_numbers() -> None:
    assert plain(words.percent(0.8431)) == "84.3 %"
    assert plain(words.percent(1, 0)) == "100 %"
    assert words.percent(math.nan) == "–"
    assert words.decimal(1.005, 1) == "1.0"
    assert words.decimal(math.inf) == "–"


def test_differences_have_a_sign_and_nothing_has_none() -> None:
    assert words.signed(2.25) == "+2.2"
    assert words.signed(-0.06) == "-0.1"
    assert words.signed(-0.04) == "0.0"
    assert words.signed(0.004, 2) == "0.00"
    assert words.signed(math.nan) == "–"


@pytest.mark.parametrize(
    ("p", "said"), [(1, "= 1"), (0.0212, "= 0.021"), (0.001, "= 0.001"), (0.00099, "< 0.001"), (0, "< 0.001")]
)
def test_p_values(p: float, said: str) -> None:
    assert words.p_value(p) == said
    assert words.p_value(p, "") == said.removeprefix("= ")


def test_nouns_follow_their_count() -> None:
    assert words.counted(1, "class", "classes") == "1 class"
    assert words.counted(2, "class", "classes") == "2 classes"
    assert words.counted(1234, "photo") == "1,234 photos"


def test_a_per_cent_sign_stays_with_its_number() -> None:
    assert words.tied("94.4 % of 10 %") == "94.4\xa0% of 10\xa0%"


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("5m", 300), ("1.5h", 5400), ("7", 7), (" 2 M ", 120)])
def test_durations_are_read(text: str, seconds: float) -> None:
    assert words.read_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "soon", "-5m", "5 days"])
def test_odd_durations_are_refused(text: str) -> None:
    with pytest.raises(OptionError, match="90s, 5m, 1h"):
        words.read_duration(text)
