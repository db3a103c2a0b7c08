import asyncio
from collections.abc import MutableMapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tellapart.deploy.serving.admission import Admission
from tellapart.deploy.serving.bodies import photos_in, read_body
from tellapart.deploy.serving.options import ServerSettings
from tellapart.deploy.serving.refusals import RefusedError


def form(*parts: bytes, mark: bytes = b"x9") -> bytes:
    head = b'\r\nContent-Disposition: form-data; name="a"; filename="b"\r\n\r\n'
    return b"".join(b"--" + mark + head + part + b"\r\n" for part in parts) + b"--" + mark + b"--\r\n"


@given(st.lists(st.binary(max_size=60).filter(lambda part: b"--x9" not in part), min_size=1, max_size=5))
def test_parts_come_out_as_they_went_in(parts: list[bytes]) -> None:
    assert photos_in(form(*parts), "multipart/form-data; boundary=x9", 5) == parts


def test_a_part_may_hold_what_looks_like_a_boundary() -> None:
    part = b"\r\n--x\r\n--x9y\r--x\n\r\n"
    assert photos_in(form(part), 'Multipart/Form-Data; boundary="x9"', 5) == [part]


def test_many_parts_are_refused_before_they_are_kept() -> None:
    with pytest.raises(RefusedError, match="up to 3") as refused:
        photos_in(form(*[b"a"] * 100_000), "multipart/form-data; boundary=x9", 3)
    assert refused.value.status == 413
    fields = b'--x9\r\nContent-Disposition: form-data; name="a"\r\n\r\nb\r\n' * 40 + b"--x9--\r\n"
    with pytest.raises(RefusedError, match="too many parts"):
        photos_in(fields, "multipart/form-data; boundary=x9", 3)


@pytest.mark.parametrize(
    "content_type", ["", "text/plain", "application/json", "multipart/mixed; boundary=x9", "image"]
)
def test_other_types_are_415(content_type: str) -> None:
    with pytest.raises(RefusedError) as refused:
        photos_in(b"abc", content_type, 3)
    assert refused.value.status == 415


def test_headers_without_end_are_refused() -> None:
    body = b"--x9\r\n" + b"A: b\r\n" * 1000 + b"\r\n"
    with pytest.raises(RefusedError):
        photos_in(body, "multipart/form-data; boundary=x9", 3)


def read(*messages: MutableMapping[str, Any], **headers: str) -> bytes:
    waiting = list(messages)

    async def receive() -> MutableMapping[str, Any]:
        await asyncio.sleep(0)
        return waiting.pop(0)

    ticket = Admission(ServerSettings()).enter()
    settings = ServerSettings(body_megabytes=0.00001)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return asyncio.run(read_body(receive, named, settings, ticket))


def test_a_body_is_counted_whatever_it_says_of_its_length() -> None:
    whole = {"type": "http.request", "body": b"12345", "more_body": True}
    end = {"type": "http.request", "body": b"67890"}
    assert read(dict(whole), dict(end)) == b"1234567890"
    for length in ("1", "", "-5", "9" * 5000):
        with pytest.raises(RefusedError) as refused:
            read(dict(whole), dict(whole), dict(end), content_length=length)
        assert refused.value.status == 413


def test_a_sender_that_goes_away_is_no_fault() -> None:
    with pytest.raises(RefusedError) as refused:
        read({"type": "http.request", "body": b"1", "more_body": True}, {"type": "http.disconnect"})
    assert refused.value.status == 400
