"""The pool of this machine: it loses no task when workers die, and leaves no process behind."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from worked import much, shout, tasks_of, troubled

from tellapart.scale.local import LocalEngine
from tellapart.scale.tasks import AHEAD, TRIES, Task


def test_each_task_is_done_once_and_on_one_core(tmp_path: Path) -> None:
    tasks = tasks_of(tmp_path, *"abcdefghij")
    found = list(LocalEngine(2).run(shout, tasks, b"shared "))
    assert sorted(task.name for task, _ in found) == sorted(task.name for task in tasks)
    for task, outcome in found:
        assert outcome.made is not None
        assert outcome.made.content == b"shared " + task.inputs["text"].upper().encode()
        assert outcome.made.facts == {"cores": 1}


def test_tasks_are_taken_as_they_are_needed(tmp_path: Path) -> None:
    taken = 0

    def endless() -> Iterator[Task]:
        nonlocal taken
        while True:
            taken += 1
            yield Task(str(taken), {"text": "a", "place": str(tmp_path)})

    results = LocalEngine(1).run(shout, endless())
    for _ in range(5):
        next(results)
    results.close()  # type: ignore[attr-defined]
    assert taken <= 5 + AHEAD


def test_a_task_may_be_taken_when_a_worker_is_free_for_it(tmp_path: Path) -> None:
    given: list[str] = []
    done: list[str] = []

    def tasks() -> Iterator[Task]:
        for task in tasks_of(tmp_path, *"abcde"):
            assert len(given) - len(done) < 2, "two workers, and none taken ahead"
            given.append(task.name)
            yield task

    for task, _ in LocalEngine(2, ahead=1).run(shout, tasks()):
        done.append(task.name)
    assert sorted(done) == given


def test_workers_that_die_and_functions_that_raise(tmp_path: Path) -> None:
    tasks = tasks_of(tmp_path, "a", "kill once", "raise", "kill", "b", "c", "d")
    found = list(LocalEngine(2).run(troubled, tasks))
    assert sorted(task.name for task, _ in found) == sorted(task.name for task in tasks)
    by_text = {task.inputs["text"]: outcome for task, outcome in found}
    assert by_text["raise"].error == "ValueError: a bad task"
    assert by_text["kill"].error == "its worker ended in every try (killed, or out of memory)"
    assert len((tmp_path / "kill").read_text()) == TRIES + 1
    for text in ("a", "b", "c", "d", "kill once"):
        made = by_text[text].made
        assert made is not None, by_text[text].error
        assert made.content == text.upper().encode()


def test_a_worker_that_dies_while_the_next_task_is_fetched(tmp_path: Path) -> None:
    tasks = tasks_of(tmp_path, *"abcdef")

    def killing() -> Iterator[Task]:
        for number, task in enumerate(tasks):
            if number == 3:
                for worker in multiprocessing.active_children():
                    worker.kill()
                    worker.join()
            yield task

    found = list(LocalEngine(1).run(shout, killing()))
    assert sorted(task.name for task, _ in found) == [task.name for task in tasks]
    assert all(outcome.made for _, outcome in found)


def test_a_worker_that_dies_in_the_middle_of_its_result(tmp_path: Path) -> None:
    results = LocalEngine(2).run(much, tasks_of(tmp_path, *"abcd"))
    found = [next(results)]
    (worker,) = _waited(lambda: [int(path.name.split()[1]) for path in tmp_path.glob("c *")], 1)
    time.sleep(0.5)  # nobody reads now, and its pipe is full of the first part
    os.kill(worker, signal.SIGKILL)
    found += results
    assert sorted(task.inputs["text"] for task, _ in found) == list("abcd")
    for task, outcome in found:
        assert outcome.made is not None, outcome.error
        assert outcome.made.content == task.inputs["text"].upper().encode() * 10_000_000
    assert len(list(tmp_path.glob("c *"))) == 2, "by another worker"


def test_workers_end_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    script = (
        "from pathlib import Path; from worked import linger, tasks_of; from tellapart.scale.local import LocalEngine\n"
        f"if __name__ == '__main__': list(LocalEngine(2).run(linger, tasks_of(Path({str(tmp_path)!r}), 'a', 'b')))"
    )
    file = tmp_path / "script.py"
    file.write_text(script)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    parent = subprocess.Popen([sys.executable, file], env=environment)
    workers = _waited(lambda: [int(path.name) for path in tmp_path.iterdir() if path.name.isdigit()], 2)
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    assert not _waited(lambda: [worker for worker in workers if _lives(worker)], 0)


def _waited(found: Callable[[], list[int]], count: int) -> list[int]:
    """What is found when it is so many, or after a minute."""
    for _ in range(600):
        if len(found()) == count:
            break
        time.sleep(0.1)
    return found()


def _lives(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
