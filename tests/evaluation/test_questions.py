import signal
import subprocess
import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from planted import planted, with_copies

from tellapart.evaluation import questions
from tellapart.evaluation.draws import Frozen
from tellapart.evaluation.questions import ask, asked_beside
from tellapart.progress import Silent


@pytest.fixture(scope="module")
def frozen() -> Frozen:
    copied = with_copies(planted(20, swapped=0.3, channels=20), np.arange(0, 60, 5), 1)
    names = ("chair", "a\udc9fc", "Stühle: 椅子", *copied.classes[3:])  # one of them from bytes that are no UTF-8
    return replace(copied, classes=names[: len(copied.classes)])


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The processes that are started; two cores, and no set too small for one."""
    genuine, processes = subprocess.Popen, []

    def start(*words: Any, **how: Any) -> Any:
        processes.append(genuine(*words, **how))
        return processes[-1]

    monkeypatch.setattr(subprocess, "Popen", start)
    monkeypatch.setattr(questions, "usable_cores", lambda: 2)
    monkeypatch.setattr(questions, "_WORTH_IT", (0, 10**9))
    return processes


@pytest.fixture(scope="module")
def here(frozen: Frozen) -> dict[str, Any]:
    """The answers of this process."""
    return ask(frozen, seed=3, progress=Silent())


def test_another_process_gives_the_same_answers_to_the_last_bit(
    frozen: Frozen, started: list[Any], here: dict[str, Any]
) -> None:
    with asked_beside(frozen, seed=3, progress=Silent()) as answers:
        found = answers()
        assert started[0].wait(60) == 0  # by itself
    assert len(started) == 1
    assert found == here
    assert found["naive"]["photos_in_groups"] == 24


def test_where_the_other_process_is_killed_they_are_measured_here(
    frozen: Frozen, started: list[Any], here: dict[str, Any]
) -> None:
    with asked_beside(frozen, seed=3, progress=Silent()) as answers:
        started[0].kill()
        found = answers()
    assert started[0].returncode == -signal.SIGKILL
    assert found == here


def test_nobody_waits_for_answers_that_are_not_wanted(frozen: Frozen, started: list[Any]) -> None:
    with pytest.raises(KeyboardInterrupt), asked_beside(frozen, seed=3, progress=Silent()):
        raise KeyboardInterrupt
    assert started[0].returncode == -signal.SIGKILL


@pytest.mark.parametrize(("cores", "worth_it"), [(1, (0, 10**9)), (2, (10**6, 10**9)), (2, (0, 10))])
def test_one_core_and_few_or_very_many_photos_take_no_other_process(
    frozen: Frozen,
    started: list[Any],
    here: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    cores: int,
    worth_it: tuple[int, int],
) -> None:
    monkeypatch.setattr(questions, "usable_cores", lambda: cores)
    monkeypatch.setattr(questions, "_WORTH_IT", worth_it)
    with asked_beside(frozen, seed=3, progress=Silent()) as answers:
        assert answers() == here
    assert not started


def test_where_no_process_can_be_started_they_are_measured_here(
    frozen: Frozen, started: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    with asked_beside(frozen, seed=3, progress=Silent()) as answers:
        assert answers()["learning_curve"]["photos"] == len(frozen.labels)
    assert not started
