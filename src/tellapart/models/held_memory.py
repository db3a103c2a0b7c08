"""Memory that a network gives back and takes again in the next moment, kept by the process meanwhile.

A step of training takes and gives back hundreds of megabytes, and glibc hands blocks of more than 32 MB to the
system each time, which fills them with zeros before it lends them again, a page at a time. Where pages are dear, as
on virtual machines, that takes longer than the arithmetic: an epoch of `baseline` at 96 pixels 5.8 s instead of 3.2.
Source: the manual of glibc, "Malloc Tunable Parameters".
"""

import ctypes
import os
import sys
from typing import Any, Final

# Numbers of glibc's malloc.h. One arena: with one for each thread, each would keep what it had at its peak.
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX, _ARENA_MAX = -1, -2, -4, -8
_HELD: Final = {_MMAP_MAX: 0, _TRIM_THRESHOLD: 2**31 - 1, _TOP_PAD: 64 << 20, _ARENA_MAX: 1}


def hold_memory() -> bool:
    """Keep freed memory in this process from now on, where its C library is glibc.

    Settings of the user's own (`MALLOC_*_`, `GLIBC_TUNABLES`) are left as they are.

    Returns:
        Whether anything was set.
    """
    library = _glibc()
    if library is None or any(name.startswith("MALLOC_") or name == "GLIBC_TUNABLES" for name in os.environ):
        return False
    return all(library.mallopt(number, value) for number, value in _HELD.items())


def release_memory() -> None:
    """Give the system what this process holds and does not need."""
    library = _glibc()
    if library is not None:
        library.malloc_trim(0)


def _glibc() -> Any:
    """The C library of this process; None where it is not glibc."""
    if sys.platform != "linux":
        return None
    library = ctypes.CDLL(None)
    return library if hasattr(library, "mallopt") and hasattr(library, "malloc_trim") else None
