"""What is asked of the photos themselves, here or by a process of its own while this one does other work.

Some hundred and seventy linear heads are trained for it, one after another and on one core, as their work lies in
Python: two threads are no faster. Where that takes seconds, another process does it beside the explanations.
"""

import io
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from typing import Any, Final

import numpy as np

from tellapart.evaluation.draws import Frozen
from tellapart.evaluation.learning_curve import learning_curve
from tellapart.evaluation.naive import naive_score
from tellapart.machine import usable_cores
from tellapart.progress import Progress, Silent

Answers = dict[str, Any]
# Numbers in all features: below, it is done sooner than Python starts; above, the memory of two processes counts.
_WORTH_IT: Final = (300_000, 25_000_000)
_LOOKS: Final = 0.2  # seconds between two looks at whether it is done
_ARRAYS: Final = ("features", "labels", "groups")


def ask(frozen: Frozen, *, seed: int, progress: Progress) -> Answers:
    """Measure the learning curve and the naive score.

    Args:
        frozen: The photos learned from and validated with; the test photos have no part.
        seed: Fixes the draws.
        progress: Where to tell how far it is.

    Returns:
        `learning_curve` and `naive` of results.json; the latter is None where no photos belong together.
    """
    return {
        "learning_curve": learning_curve(frozen, seed=seed, progress=progress),
        "naive": naive_score(frozen, seed=seed, progress=progress),
    }


@contextmanager
def asked_beside(frozen: Frozen, *, seed: int, progress: Progress) -> Iterator[Callable[[], Answers]]:
    """Let another process measure the same, where that is worth it, else measure it at once.

    The other process ends with the block at the latest.

    Args:
        frozen: As of `ask`.
        seed: As of `ask`.
        progress: Where to tell how far it is, once it is waited for.

    Yields:
        What gives the answers, and waits for them. Where the other process did not come to an end (killed, or for
        want of memory), they are measured here.
    """
    least, most = _WORTH_IT
    worth_it = usable_cores() > 1 and least <= frozen.features.size <= most
    process = _another_process() if worth_it else None
    if process is None:
        found = ask(frozen, seed=seed, progress=progress)
        del frozen  # many photos take much memory, and what is done meanwhile needs its own
        yield lambda: found
        return
    with ThreadPoolExecutor(1) as thread:
        told = thread.submit(process.communicate, _packed(frozen, seed))
        try:
            yield lambda: _told(told, progress) or ask(frozen, seed=seed, progress=progress)
        finally:
            process.kill()


def _another_process() -> "subprocess.Popen[bytes] | None":
    """This module, waiting for its question; None where the system starts no process."""
    with suppress(OSError):
        return subprocess.Popen(  # noqa: S603  this interpreter, on a module of this package
            # Without the current folder, whose files may have the names of modules.
            [sys.executable, "-P", "-m", __name__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
    return None


def _told(told: Future[tuple[bytes, bytes]], progress: Progress) -> Answers | None:
    with progress.bar("Learning curve", 1) as bar:
        while not told.done():
            bar.advance(0)  # which ends the wait where the user has asked for that
            wait([told], _LOOKS)
        bar.advance()
    try:
        return json.loads(told.result()[0])  # type: ignore[no-any-return]
    except (OSError, ValueError):
        return None


def _packed(frozen: Frozen, seed: int) -> bytes:
    content = io.BytesIO()
    names = json.dumps({"backbone": frozen.backbone, "classes": frozen.classes, "seed": seed})
    np.savez(content, told=np.array(names), **{name: getattr(frozen, name) for name in _ARRAYS})
    return content.getvalue()


def _unpacked(content: bytes) -> tuple[Frozen, int]:
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        told = json.loads(str(arrays["told"]))
        columns = {name: arrays[name] for name in _ARRAYS}
    return Frozen(told["backbone"], classes=tuple(told["classes"]), **columns), told["seed"]


def main() -> None:
    """Answer what standard input asks, on standard output."""
    frozen, seed = _unpacked(sys.stdin.buffer.read())
    sys.stdout.write(json.dumps(ask(frozen, seed=seed, progress=Silent())))


if __name__ == "__main__":
    main()
