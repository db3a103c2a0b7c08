from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tellapart.progress import Bar, Silent, track


class Recorder:
    """A `Progress` and a `Bar` that remember what they are told."""

    def __init__(self) -> None:
        self.told: list[object] = []

    def note(self, text: str) -> None:
        self.told.append(text)

    def advance(self, n: int = 1) -> None:
        self.told.append(n)

    def say(self, text: str) -> None:
        self.told.append(text)

    @contextmanager
    def bar(self, title: str, total: int) -> Iterator[Bar]:
        self.told.append((title, total))
        try:
            yield self
        finally:
            self.told.append("closed")


def test_silent_says_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    progress = Silent()
    progress.note("a note")
    with progress.bar("a title", 3) as bar:
        bar.advance()
        bar.advance(2)
        bar.say("loss 0.5")
    assert capfd.readouterr() == ("", "")


def test_track_passes_items_on_and_moves_the_bar_after_each() -> None:
    recorder = Recorder()
    for item in track("ab", "Letters", 2, recorder):
        recorder.told.append(item)
    assert recorder.told == [("Letters", 2), "a", 1, "b", 1, "closed"]


def test_the_bar_closes_when_the_job_fails() -> None:
    recorder = Recorder()

    def fail() -> Iterator[int]:
        yield 1
        raise ValueError("no more")

    with pytest.raises(ValueError, match="no more"):
        list(track(fail(), "Numbers", 2, recorder))
    assert recorder.told[-1] == "closed"
