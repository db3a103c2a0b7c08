"""The server under mixed good, junk, oversized, slow and half requests, at twice what it can do, its workers killed.

    python tests/long/soak_server.py --minutes 10

Every good answer is held against the model's own. Prints a table of what was asked and what came of it, and the
memory of the server's processes; status 1 where an answer was wrong or missing, or memory grew by over 2 %.
"""

import argparse
import json
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

from odd_requests import ODD, PHOTOS, REFUSED, Tally, post

SENDERS: Final = 128  # twice the photos that the server lets in
MOST_GROWTH: Final = 0.02
_BROKE_OFF: Final = "broke off"  # what is told of a photo whose worker was killed


@dataclass(frozen=True)
class Good:
    """A photo and what the model itself says of it."""

    content: bytes
    kind: str
    predicted: str
    probabilities: dict[str, float]


class Served:
    """`tellapart serve` in a process of its own."""

    def __init__(self, model: Path, workers: int = 2) -> None:
        words = [sys.executable, "-m", "tellapart.cli", "serve", str(model), "--port", "0", "--workers", str(workers)]
        self.process = subprocess.Popen(words, stderr=subprocess.PIPE, text=True)
        line = self.process.stderr.readline() if self.process.stderr else ""
        found = re.search(r"http://127\.0\.0\.1:(\d+)/", line)
        if not found:
            raise RuntimeError(f"the server did not start: {line}")
        self.port = int(found[1])

    def workers(self) -> list[int]:
        """Process ids of those that decode."""
        place = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(word) for word in place.read_text(encoding="ascii").split()]

    def memory(self) -> tuple[int, int]:
        """Resident bytes of the server's own process, and of it and its workers."""
        own = _resident(self.process.pid)
        return own, own + sum(map(_resident, self.workers()))

    def end(self) -> int:
        """Ask it to end, as a service manager does; its status."""
        self.process.send_signal(signal.SIGTERM)
        self.process.communicate(timeout=60)
        return self.process.returncode


def _resident(process: int) -> int:
    try:
        words = Path(f"/proc/{process}/statm").read_text(encoding="ascii").split()
    except OSError:  # it was killed meanwhile
        return 0
    return int(words[1]) * os.sysconf("SC_PAGESIZE")


def ask_good(port: int, photo: Good, tally: Tally) -> None:
    """One photo, and its answer held against the model's own."""
    began = time.monotonic()
    try:
        status, body = post(port, photo.content, photo.kind)
    except OSError as problem:
        tally.fault("good", f"no answer: {problem!r}")
        return
    if status == 200:
        told = json.loads(body)
        told = told["answers"][0] if "answers" in told else told
        near = all(abs(told["probabilities"][name] - share) < 1e-5 for name, share in photo.probabilities.items())
        if told["predicted"] != photo.predicted or not near or len(told["probabilities"]) != len(photo.probabilities):
            tally.fault("good", f"a wrong answer: {body[:200]!r}")
            return
        tally.waited.append(time.monotonic() - began)
        tally.add("good", "200, right")
    elif status in REFUSED:
        tally.add("good", f"{status}")
    elif status == 422 and _BROKE_OFF in body.decode():
        tally.add("good", "422, its worker was killed")
    else:
        tally.fault("good", f"{status} {body[:200]!r}")


def good_photos(model: Path, n: int = 24) -> list[Good]:
    """Photos of many sizes and both kinds, answered by the model itself."""
    import io

    from PIL import Image

    import tellapart as ta

    chance, made = np.random.default_rng(0), []
    loaded = ta.load(model)
    with TemporaryDirectory() as place:
        for number in range(n):
            kind = PHOTOS[number % 2]
            width, height = (int(side) for side in chance.integers(20, 500, 2))
            small = Image.fromarray(chance.integers(0, 256, (8, 8, 3), dtype=np.uint8))
            file = io.BytesIO()
            small.resize((width, height)).save(file, kind.removeprefix("image/"))
            path = Path(place) / f"{number}.{kind.removeprefix('image/')}"
            path.write_bytes(file.getvalue())
            (row,) = loaded.predict_proba([path])
            shares = dict(zip(loaded.classes, row.tolist(), strict=True))
            made.append(Good(file.getvalue(), kind, loaded.classes[int(row.argmax())], shares))
    return made


def capacity(port: int, photos: Sequence[Good], seconds: float) -> float:
    """Good photos a second, where eight senders wait for each answer."""
    tally, until = Tally(), time.monotonic() + seconds

    def send(number: int) -> None:
        chance = random.Random(number)
        while time.monotonic() < until:
            ask_good(port, chance.choice(photos), tally)

    _together([partial(send, number) for number in range(8)])
    return len(tally.waited) / seconds


def soak(served: Served, photos: Sequence[Good], rate: float, seconds: float, kills: float = 3.0) -> "Soaked":
    """Send requests of all kinds, so many a second, and kill a worker now and then.

    Args:
        served: The server.
        photos: With their answers.
        rate: Requests a second, of all senders together.
        seconds: For how long.
        kills: Seconds between two.
    """
    tally, began, rows, killed = Tally(), time.monotonic(), [], []
    until = began + seconds

    def send(number: int) -> None:
        chance, due = random.Random(number), began + number / rate
        while (now := time.monotonic()) < until:
            time.sleep(max(0.0, min(due, until) - now))
            due = max(due + SENDERS / rate, time.monotonic())
            _ask_one(served.port, photos, chance, tally)

    def kill() -> None:
        chance = random.Random(-1)
        while time.monotonic() < until:
            time.sleep(kills)
            there = [] if _measured(time.monotonic() - began, seconds) else served.workers()
            if there:
                os.kill(chance.choice(there), signal.SIGKILL)
                killed.append(time.monotonic())

    def watch() -> None:
        while time.monotonic() < until:
            rows.append((time.monotonic() - began, *served.memory()))
            time.sleep(0.5)

    _together([kill, watch, *(partial(send, number) for number in range(SENDERS))])
    return Soaked(tally, rows, len(killed), time.monotonic() - began)


def _moments(seconds: float) -> tuple[float, float, float]:
    """When memory is measured, minute 1 and the end, and over how many seconds its median is taken."""
    window = min(30.0, seconds / 6)
    return min(60.0, seconds / 3), seconds - window / 2, window


def _measured(now: float, seconds: float) -> bool:
    """Whether it is, or soon will be: a worker that has just begun takes less, and is left alone for that long."""
    first, last, window = _moments(seconds)
    return any(-1.5 * window <= now - moment <= window / 2 for moment in (first, last))


def _ask_one(port: int, photos: Sequence[Good], chance: random.Random, tally: Tally) -> None:
    drawn = chance.random()
    for share, ask in ODD:
        if drawn < share:
            try:
                ask(port, chance, tally)
            except OSError as problem:
                tally.add(ask.__name__, f"no connection: {type(problem).__name__}")
            return
        drawn -= share
    ask_good(port, chance.choice(photos), tally)


def _together(works: Sequence[Callable[[], None]]) -> None:
    threads = [threading.Thread(target=work) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@dataclass(frozen=True)
class Soaked:
    """What a soak found.

    Attributes:
        tally: The requests.
        memory: Rows of seconds, bytes of the server's own process, bytes of it and its workers.
        killed: Workers.
        seconds: That it took.
    """

    tally: Tally
    memory: list[tuple[float, int, int]]
    killed: int
    seconds: float

    def grown(self, which: int, first: float, last: float, window: float = 30.0) -> tuple[float, float]:
        """Megabytes around two moments: the medians of a window, as killed workers make room for a moment."""
        found = []
        for moment in (first, last):
            near = [row[which] for row in self.memory if abs(row[0] - moment) <= window / 2]
            found.append(median(near) / 1e6)
        return found[0], found[1]


def tell(found: Soaked, rate: float) -> bool:
    """Print what was found; whether it is as promised."""
    lines = [f"{sum(found.tally.counts.values())} requests in {found.seconds:.0f} s, meant {rate:.0f} a second"]
    lines += [f"  {kind:12} {came:28} {n}" for (kind, came), n in sorted(found.tally.counts.items())]
    lines.append(f"workers killed: {found.killed}")
    waited = sorted(found.tally.waited)
    lines.append(f"good answers: median {median(waited):.3f} s, slowest {waited[-1]:.2f} s")
    first, last, window = _moments(found.memory[-1][0])
    well = not found.tally.faults
    for which, name in ((1, "the server's own process"), (2, "with its workers")):
        before, after = found.grown(which, first, last, window)
        growth = after / before - 1
        lines.append(f"memory, {name}: {before:.1f} MB at {first:.0f} s, {after:.1f} MB at the end ({growth:+.1%})")
        well = well and growth <= MOST_GROWTH
    lines += ["faults:", *found.tally.faults[:20]] if found.tally.faults else ["no fault"]
    sys.stdout.write("\n".join(lines) + "\n")
    return well


def main() -> None:
    """Make a model, serve it, and soak the server."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--model", type=Path, help="a model.onnx; without it a tiny run makes one")
    options = parser.parse_args()
    with TemporaryDirectory() as place:
        model = options.model or _made(Path(place))
        photos, served = good_photos(model), Served(model)
        try:
            can = capacity(served.port, photos, 10)
            sys.stdout.write(f"capacity: {can:.0f} photos a second with eight senders on this machine\n")
            well = tell(soak(served, photos, 2 * can, 60 * options.minutes), 2 * can)
            status = served.end()
        finally:
            served.process.kill()
    sys.stdout.write(f"the server ended with status {status}\n")
    sys.exit(0 if well and status == 0 else 1)


def _made(place: Path) -> Path:
    sys.path.insert(0, str(Path(__file__).parent.parent))
    import tellapart as ta
    from ladder_set import draw_shapes

    photos = draw_shapes(place / "photos", per_class=8)
    run = ta.fit(photos, place / "run", recipes="majority,linear", backbone="pocket", image_size=64)
    return run.folder / "model.onnx"


if __name__ == "__main__":
    main()
