import json

import pytest

from tellapart.deploy.serving.refusals import RefusedError, busy, json_response, leaving


def test_a_refusal_is_one_line_in_json() -> None:
    answer = RefusedError(413, "too much", {"Connection": "close"}).response()
    assert (answer.status_code, answer.headers["connection"]) == (413, "close")
    assert json.loads(bytes(answer.body)) == {"error": "too much"}


@pytest.mark.parametrize(("seconds", "told"), [(0.0, "1"), (0.4, "1"), (7.6, "8")])
def test_busy_says_when_to_try_again(seconds: float, told: str) -> None:
    refusal = busy(seconds)
    assert (refusal.status, refusal.headers["Retry-After"]) == (429, told)


def test_leaving_is_503() -> None:
    assert leaving().status == 503
    assert leaving().headers["Retry-After"]


def test_json_has_no_numbers_that_are_none_and_no_broken_text() -> None:
    with pytest.raises(ValueError, match="Out of range"):
        json_response({"a": float("nan")})
    assert bytes(json_response({"a": "\ud800椅"}).body).decode("utf-8") == '{"a":"?椅"}'
