"""What a long job tells while it runs: notes, bars, live figures.

Every function that takes long accepts a `Progress`. `Silent` says nothing;
`tellapart.console` holds the one that draws on a terminal.
"""

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol, TypeVar

T = TypeVar("T")


class Bar(Protocol):
    """One bar on the screen."""

    def advance(self, n: int = 1) -> None:
        """Move the bar on by `n` of its units."""

    def say(self, text: str) -> None:
        """Put live figures, such as the loss, behind the bar."""


class Progress(Protocol):
    """Where a long job tells what it does."""

    def note(self, text: str) -> None:
        """Tell one line that stays on the screen."""

    def bar(self, title: str, total: int) -> AbstractContextManager[Bar]:
        """Open a bar of `total` units; it goes when the block ends."""


class _SilentBar:
    def advance(self, n: int = 1) -> None:
        pass

    def say(self, text: str) -> None:
        pass


class Silent:
    """A `Progress` that says nothing."""

    def note(self, text: str) -> None:
        """Say nothing."""

    def bar(self, title: str, total: int) -> AbstractContextManager[Bar]:  # noqa: ARG002
        """Give a bar that draws nothing."""
        return nullcontext(_SilentBar())


def track(items: Iterable[T], title: str, total: int, progress: Progress) -> Iterator[T]:
    """Pass `items` on, one unit of a bar for each."""
    with progress.bar(title, total) as bar:
        for item in items:
            yield item
            bar.advance()
