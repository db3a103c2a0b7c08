"""A ceiling on the memory that opening a file may take, where the system can set one."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import RLock
from typing import Final

_STATUS: Final = Path("/proc/self/status")
_ONE_AT_A_TIME: Final = RLock()  # the limit is one of the whole process


@contextmanager
def at_most_more(more: int) -> Iterator[None]:
    """Refuse memory to this process beyond what it has now and some more, as long as the block runs.

    A few bytes can ask for any amount of memory (two vectors multiplied to a matrix). No list of operators
    tells that, but the system can: an allocation that goes beyond is an error. Linux alone counts this; elsewhere
    nothing is limited. A limit that is set already and is lower stays.

    Args:
        more: Bytes.
    """
    if not sys.platform.startswith("linux") or _used() is None:
        yield
        return
    import resource

    kind = resource.RLIMIT_DATA
    with _ONE_AT_A_TIME:
        before, used = resource.getrlimit(kind), _used() or 0
        lowest = min([used + more, *(limit for limit in before if limit != resource.RLIM_INFINITY)])
        with suppress(OSError, ValueError):
            resource.setrlimit(kind, (lowest, before[1]))
        try:
            yield
        finally:
            resource.setrlimit(kind, before)


def _used() -> int | None:
    """Bytes of data that this process has now, as the limit counts them; None where the system does not tell."""
    try:
        status = _STATUS.read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    return next((int(line.split()[1]) << 10 for line in status.splitlines() if line.startswith("VmData:")), None)
