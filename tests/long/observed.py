"""The command line as it is, and beside it a file that says which part of the work began when, and each epoch.

python tests/long/observed.py LOG fit PHOTOS --out RUN
"""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tellapart import cli, console
from tellapart.progress import Bar


def observe(log: str) -> None:
    """Append a line to a file with every note, bar and epoch: when, what."""
    descriptor = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def tell(what: str) -> None:
        os.write(descriptor, f"{time.time():.3f}\t{' '.join(what.split())}\n".encode())

    class Observed(console.Terminal):
        def note(self, text: str) -> None:
            tell(f"note {text}")
            super().note(text)

        @contextmanager
        def bar(self, title: str, total: int) -> Iterator[Bar]:
            if title.startswith("Training "):
                _observe_epochs(title, tell)
            tell(f"bar {title}")
            with super().bar(title, total) as bar:
                yield bar

    console.Terminal = Observed  # type: ignore[misc]
    tell("start")


def _observe_epochs(title: str, tell: Any) -> None:
    from tellapart.models import dense_training, epochs

    genuine = getattr(epochs.Diary, "genuine", epochs.Diary.on_epoch_end)

    def on_epoch_end(self: Any, epoch: int, logs: dict[str, float] | None = None) -> None:
        genuine(self, epoch, logs)
        tell(f"epoch {title.removeprefix('Training ')} {epoch + 1}")

    for name, method in (("genuine", genuine), ("on_epoch_end", on_epoch_end)):
        setattr(epochs.Diary, name, method)

    of_dense = getattr(dense_training.Counts, "genuine", dense_training.Counts.judge)

    def judge(self: Any, loss: float, plan: Any) -> bool:
        tell(f"epoch {title.removeprefix('Training ')} {len(self.rows)}")
        return bool(of_dense(self, loss, plan))

    for name, method in (("genuine", of_dense), ("judge", judge)):
        setattr(dense_training.Counts, name, method)


if __name__ == "__main__":
    observe(sys.argv.pop(1))
    cli.main()
