import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from tellapart import stopping
from tellapart.console import Terminal
from tellapart.stopping import forget_interrupts, heed_interrupts, raise_if_interrupted, told_stopped


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        yield
        forget_interrupts()
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def wait_until_asked() -> None:
    assert stopping._asked.wait(5)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_comes_at_the_next_sign_of_progress(number: signal.Signals) -> None:
    heed_interrupts(resumable=True)
    raise_if_interrupted()
    signal.raise_signal(number)
    wait_until_asked()
    with pytest.raises(KeyboardInterrupt):
        raise_if_interrupted()
    with pytest.raises(KeyboardInterrupt), Terminal().bar("title", 3) as bar:
        bar.advance()
    with pytest.raises(KeyboardInterrupt):
        Terminal().note("more")
    assert told_stopped().endswith("Next: the same command with --resume")


def test_a_second_signal_ends_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    ended: list[float] = []
    monkeypatch.setattr(stopping, "_end_at_once", lambda: ended.append(time.monotonic()))
    heed_interrupts()
    signal.raise_signal(signal.SIGINT)
    wait_until_asked()
    assert not ended
    signal.raise_signal(signal.SIGTERM)
    wait_for(ended)
    assert told_stopped().endswith("Next: the same command again")


def test_work_that_shows_no_sign_of_progress_is_ended_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    ended: list[int] = []
    monkeypatch.setattr(stopping, "_end_at_once", lambda: ended.append(1))
    monkeypatch.setattr(stopping, "PATIENCE", 0.2)
    heed_interrupts()
    signal.raise_signal(signal.SIGINT)
    wait_for(ended)


def wait_for(found: list[float] | list[int]) -> None:
    for _ in range(100):
        if found:
            return
        time.sleep(0.05)
    raise AssertionError("it did not end")


def test_what_is_ignored_stays_ignored() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    heed_interrupts()
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    signal.raise_signal(signal.SIGTERM)
    wait_until_asked()
    signal.signal(signal.SIGINT, signal.default_int_handler)


def test_nothing_is_heeded_twice_or_after_it_was_forgotten() -> None:
    heed_interrupts()
    heed_interrupts()
    assert len(stopping._sockets) == 2
    forget_interrupts()
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)
    raise_if_interrupted()


BUSY = """
from tellapart.stopping import heed_interrupts
heed_interrupts(resumable=True)
print("ready", flush=True)
import numpy as np
matrix = np.ones((9000, 9000), np.float32)
while True:
    matrix @ matrix  # a library that computes: Python handles no signal meanwhile
"""


def test_it_is_told_also_while_standard_error_leads_nowhere(capfd: pytest.CaptureFixture[str]) -> None:
    heed_interrupts()
    kept = os.dup(2)
    try:
        with open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        signal.raise_signal(signal.SIGINT)
        wait_until_asked()
        time.sleep(0.1)
    finally:
        os.dup2(kept, 2)
        os.close(kept)
    assert "Ctrl-C again to stop at once" in capfd.readouterr().err


@pytest.mark.skipif(os.name == "nt", reason="there are no such signals")
def test_a_second_signal_ends_a_library_that_computes_too() -> None:
    started = time.monotonic()
    with subprocess.Popen([sys.executable, "-c", BUSY], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        assert b"again to stop at once" in process.stderr.readline() + process.stderr.readline()
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 130
        told = process.stderr.read().decode()
    assert told.strip().endswith("Next: the same command with --resume")
    assert time.monotonic() - started < 20
