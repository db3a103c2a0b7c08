"""Standing in for a small disk: a limit on the size of files, for which nobody need be root."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest


@contextmanager
def files_limited(most: int) -> Iterator[None]:
    """Let no file of this process grow over so many bytes, as `ulimit -f` does."""
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
