from collections.abc import Iterator

import pytest

from tellapart.going_on import know_resumable, same_command


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    yield
    know_resumable(None)


@pytest.mark.parametrize(
    ("resumable", "told"),
    [
        (True, "the same command with --resume"),
        (False, "the same command again"),
        (None, "the same command (a run goes on with --resume)"),
    ],
)
def test_what_to_type(resumable: bool | None, told: str) -> None:
    know_resumable(resumable)
    assert same_command() == told
