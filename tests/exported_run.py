"""A tiny run of two recipes beside its photos, made once a session for all that is exported of it."""

import atexit
from functools import cache
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp

import tellapart as ta
from brief import brief
from reproduced_run import small_run


@cache
def run_to_export() -> ta.Run:
    """`run` beside `photos`; nobody changes it."""
    place = Path(mkdtemp(prefix="tellapart-tests-"))
    atexit.register(rmtree, place, ignore_errors=True)
    with brief():
        return small_run(place)
