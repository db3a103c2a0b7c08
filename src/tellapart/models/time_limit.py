"""When training has to end, whatever loop it is in: at the end of the epoch in which the time is over."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

OVER: Final = "the time was over"  # why a training ended
_UNTIL: ContextVar[float | None] = ContextVar("until", default=None)


@contextmanager
def training_until(moment: float | None) -> Iterator[None]:
    """End every training within at a moment of `time.perf_counter()`; None sets no limit."""
    before = _UNTIL.set(moment)
    try:
        yield
    finally:
        _UNTIL.reset(before)


def time_is_over() -> bool:
    """Whether that moment has passed."""
    until = _UNTIL.get()
    return until is not None and time.perf_counter() >= until
