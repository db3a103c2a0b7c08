"""Functions for engines to run in other processes, which find them by the name of this module; engines without any."""

import os
import signal
import time
from collections.abc import Iterable, Iterator
from contextlib import chdir, contextmanager, nullcontext
from pathlib import Path

from tellapart.machine import own_cores
from tellapart.scale.tasks import Function, Made, Outcome, Shared, Task


def shout(task: Task, shared: Shared) -> Made:
    """The text of a task behind what is shared."""
    return Made(shared() + task.inputs["text"].upper().encode(), {"cores": own_cores()})


def troubled(task: Task, shared: Shared) -> Made:
    """As `shout`, but for texts that raise, or kill the process: `once`, or at every try, which are counted."""
    text = task.inputs["text"]
    if text == "raise":
        raise ValueError("a bad\ntask")
    if text.startswith("kill"):
        tries = Path(task.inputs["place"]) / text
        with tries.open("a") as file:
            file.write("x")
        if text != "kill once" or len(tries.read_text()) == 1:
            os.kill(os.getpid(), signal.SIGKILL)
    return shout(task, shared)


def linger(task: Task, shared: Shared) -> Made:  # noqa: ARG001
    """Tell the process by a file, and take long."""
    (Path(task.inputs["place"]) / str(os.getpid())).touch()
    time.sleep(60)
    return Made(b"")


def much(task: Task, shared: Shared) -> Made:
    """As `shout`, but more than a pipe holds; the process is told by a file when that is made."""
    made = shout(task, shared)
    (Path(task.inputs["place"]) / f"{task.inputs['text']} {os.getpid()}").touch()
    return Made(made.content * 10_000_000)


def visible(task: Task, shared: Shared) -> Made:  # noqa: ARG001
    """Which GPUs its process may use."""
    return Made(os.environ.get("CUDA_VISIBLE_DEVICES", "").encode())


def tasks_of(place: Path, *texts: str) -> list[Task]:
    """A task a text."""
    return [Task(f"{number}-{text}", {"text": text, "place": str(place)}) for number, text in enumerate(texts)]


class Here:
    """An engine without processes; some tasks fail, and something may happen after the first."""

    def __init__(self, *failing: str) -> None:
        self.failing = failing
        self.folder: Path | None = None  # where its workers were started
        self.unshared: Path | None = None  # a folder that they do not see
        self.tasks: list[Task] = []
        self.ran: list[str] = []

    def run(self, function: Function, tasks: Iterable[Task], shared: bytes = b"") -> Iterator[tuple[Task, Outcome]]:
        for task in tasks:
            self.tasks.append(task)
            self.ran.append(task.name)
            if task.name in self.failing:
                yield task, Outcome(None, "its worker ended")
                continue
            with self.elsewhere():
                outcome = Outcome(function(task, lambda: shared))
            yield task, outcome

    @contextmanager
    def elsewhere(self) -> Iterator[None]:
        """Where a worker is."""
        if self.unshared:
            self.unshared.rename(self.unshared.with_suffix(".away"))
        try:
            with chdir(self.folder) if self.folder else nullcontext():
                yield
        finally:
            if self.unshared:
                self.unshared.with_suffix(".away").rename(self.unshared)


class Backwards(Here):
    """As `Here`, but the last task is done first."""

    def run(self, function: Function, tasks: Iterable[Task], shared: bytes = b"") -> Iterator[tuple[Task, Outcome]]:
        return super().run(function, reversed(list(tasks)), shared)
