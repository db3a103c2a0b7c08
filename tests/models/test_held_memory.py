import os
import subprocess
import sys

import pytest

from tellapart.models import held_memory

JOB = """
import resource, sys
from tellapart.models.held_memory import hold_memory, release_memory

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()

def take():
    b"x" * 100_000_000

def during(what):
    before = faults()
    what()
    return faults() - before

held = hold_memory()
take()
again = during(take)
before = resident()
release_memory()
print(held, again, before - resident())
"""


def told(**variables: str) -> tuple[bool, int, int]:
    """Whether memory is held; faults of 100 MB that are taken for the second time; bytes given back after that."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MALLOC_", "GLIBC_"))}
    run = subprocess.run(
        [sys.executable, "-c", JOB], env=kept | variables, capture_output=True, text=True, check=True, timeout=120
    )
    held, again, back = run.stdout.split()
    return held == "True", int(again), int(back)


on_glibc = pytest.mark.skipif(held_memory._glibc() is None, reason="the C library here is not glibc")


@on_glibc
def test_memory_that_was_given_back_is_taken_again_without_asking_the_system() -> None:
    held, again, back = told()
    assert held
    assert again < 1000  # of 24,000 pages
    assert back > 90e6


@on_glibc
def test_what_the_user_has_set_is_left_alone() -> None:
    held, again, back = told(MALLOC_ARENA_MAX="2")
    assert not held
    assert again > 20_000
    assert back < 10e6


def test_where_the_library_is_another_nothing_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert held_memory.hold_memory() is False
    held_memory.release_memory()
