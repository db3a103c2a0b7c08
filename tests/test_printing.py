import json

import pytest

from tellapart.printing import echo, echo_json


def test_a_line_cannot_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    echo("a\x1b[2J\u202e\nb")
    echo("c\x9b", err=True)
    told = capsys.readouterr()
    assert told.out == "a\\x1b[2J\\u202e\\nb\n"
    assert told.err == "c\\x9b\n"


def test_json_gives_the_text_back_and_holds_no_nan(capsys: pytest.CaptureFixture[str]) -> None:
    echo_json({"é\x1b\u202e": 1})
    out = capsys.readouterr().out
    assert json.loads(out) == {"é\x1b\u202e": 1}
    assert out.strip().isprintable()
    with pytest.raises(ValueError, match="JSON"):
        echo_json(float("nan"))
