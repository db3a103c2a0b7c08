"""How fast the server is beside a loop in Python, how long answers take, and what it does when too much is asked.

    python benchmarks/serving.py MODEL PHOTOS [--seconds 20] [--rounds 2] [--memory-minutes 0]

PHOTOS is a folder with photos in it, or in folders of it. The server is started on a free port of this machine; this
process sends the photos, and between times runs the loop that the server is measured against. It prints one JSON
object: `loop` and `server` in photos a second (the rounds take turns), what each takes of the processor,
`at_80_percent` and `at_200_percent` with photos coming at random (Poisson) and at even distances, `wrong` answers
against `Model.predict_proba`, `memory`.
"""

import argparse
import asyncio
import json
import os
import random
import re
import statistics
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import numpy as np

from tellapart.deploy.runtime import Model, load
from tellapart.photos.decode import SUFFIXES

CONNECTIONS = 300
CLOSED = 32  # senders that wait for their answers: enough for full batches
LONGEST = 30.0


@dataclass
class Told:
    """What came back: seconds of each answer and of each refusal, by when they were due or sent."""

    seconds: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)
    other: dict[int, int] = field(default_factory=dict)
    late: float = 0.0  # the sender itself, at worst
    lasted: float = 0.0

    def note(self, status: int, due: float, sent: float) -> None:
        """Note one answer."""
        now = time.perf_counter()
        self.late = max(self.late, sent - due)
        if status == 200:
            self.seconds.append(now - due)
        elif status == 429:
            self.refused.append(now - sent)
        else:
            self.other[status] = self.other.get(status, 0) + 1

    def as_dict(self) -> dict[str, Any]:
        """In photos a second and milliseconds."""
        found: dict[str, Any] = {
            "sent_per_second": round((len(self.seconds) + len(self.refused)) / self.lasted, 1),
            "answered_per_second": round(len(self.seconds) / self.lasted, 1),
            **{f"p{share}_ms": milliseconds(self.seconds, share) for share in (50, 90, 99)},
            "sender_late_ms": round(1000 * self.late, 1),
        }
        if self.refused:
            found |= {f"refused_p{share}_ms": milliseconds(self.refused, share) for share in (50, 99, 100)}
            over = sum(seconds > 0.05 for seconds in self.refused)
            found |= {"refused": len(self.refused), "refused_over_50_ms": over}
        return found | ({"other": self.other} if self.other else {})


def milliseconds(seconds: list[float], share: int) -> float:
    """A percentile."""
    return round(1000 * float(np.percentile(seconds, share)), 1) if seconds else float("nan")


class Sender:
    """Keeps connections open and sends one photo at a time over each."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._idle: deque[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = deque()
        self._room = asyncio.Semaphore(CONNECTIONS)

    async def send(self, request: bytes) -> tuple[int, bytes]:
        """Send one request, and read its status and body."""
        async with self._room:
            while self._idle and self._idle[-1][0].at_eof():  # idle for so long that the server closed it
                self._idle.pop()[1].close()
            pair = self._idle.pop() if self._idle else await asyncio.open_connection("127.0.0.1", self._port)
            reader, writer = pair
            writer.write(request)
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), LONGEST)
            found = re.search(rb"content-length: (\d+)", head)
            body = await reader.readexactly(int(found[1]) if found else 0)
            if b"connection: close" in head.lower():
                writer.close()
            else:
                self._idle.append(pair)
            return int(head[9:12]), body

    def close(self) -> None:
        """End the connections."""
        while self._idle:
            self._idle.pop()[1].close()


def request_of(photos: list[bytes]) -> bytes:
    """One photo as it is, or several as a form."""
    if len(photos) == 1:
        kind, body = "application/octet-stream", photos[0]
    else:
        kind = "multipart/form-data; boundary=5f2e"
        parts = (
            b'--5f2e\r\nContent-Disposition: form-data; name="p"; filename="p"\r\n\r\n' + photo + b"\r\n"
            for photo in photos
        )
        body = b"".join(parts) + b"--5f2e--\r\n"
    head = f"POST /predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


async def as_fast_as_answered(port: int, requests: list[bytes], seconds: float, senders: int) -> Told:
    """So many senders, each sends the next request when it has its answer."""
    sender, told, waiting = Sender(port), Told(), cycle(requests)
    began = time.perf_counter()

    async def one() -> None:
        while time.perf_counter() - began < seconds:
            sent = time.perf_counter()
            status, _ = await sender.send(next(waiting))
            told.note(status, sent, sent)

    await asyncio.gather(*(one() for _ in range(senders)))
    told.lasted = time.perf_counter() - began
    sender.close()
    return told


async def at_a_rate(port: int, requests: list[bytes], seconds: float, gaps: Callable[[], float]) -> Told:
    """Requests at times of their own, whether or not the server keeps up; seconds count from when each was due."""
    sender, told, waiting = Sender(port), Told(), cycle(requests)
    began = time.perf_counter()
    due, tasks = began, set[asyncio.Task[None]]()

    async def one(due: float) -> None:
        sent = time.perf_counter()
        status, _ = await sender.send(next(waiting))
        told.note(status, due, sent)

    while due - began < seconds:
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        task = asyncio.create_task(one(due))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        due += gaps()
    await asyncio.gather(*tasks)
    told.lasted = time.perf_counter() - began
    sender.close()
    return told


async def answers_of(port: int, photos: list[bytes]) -> list[dict[str, Any]]:
    """All photos once, many at a time, singly and by sixteens; answers in order, the singles first."""
    sender, room = Sender(port), asyncio.Semaphore(CLOSED)

    async def one(some: list[bytes], share: asyncio.Semaphore) -> list[dict[str, Any]]:
        async with share:
            _, body = await sender.send(request_of(some))
            found: list[dict[str, Any]] = json.loads(body)["answers"]
            return found

    single = await asyncio.gather(*(one([photo], room) for photo in photos))
    few = asyncio.Semaphore(2)
    sixteens = [photos[start : start + 16] for start in range(0, len(photos), 16)]
    many = await asyncio.gather(*(one(some, few) for some in sixteens))
    sender.close()
    return [answer for found in (*single, *many) for answer in found]


@contextmanager
def server_of(model: Path, options: list[str]) -> Iterator[tuple[int, int]]:
    """A server of its own process; its port and process id."""
    command = [sys.executable, "-m", "tellapart.cli", "serve", str(model), "--port", "0", *options]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)  # noqa: S603  our own command
    try:
        line = process.stderr.readline() if process.stderr else ""
        found = re.search(r"127\.0\.0\.1:(\d+)/", line)
        if not found:
            raise SystemExit(f"the server did not start: {line}")
        yield int(found[1]), process.pid
    finally:
        process.terminate()
        process.wait(30)


def loop_speed(model: Model, files: list[Path], seconds: float) -> float:
    """Photos a second of the loop in Python: read, decoded in threads, predicted in batches of 16."""
    began, count = time.perf_counter(), 0
    for _ in model.answers(cycle(files)):
        count += 1
        if count % 16 == 0 and time.perf_counter() - began > seconds:
            break
    return count / (time.perf_counter() - began)


def differences(model: Model, files: list[Path], told: list[dict[str, Any]]) -> dict[str, Any]:
    """How far the server's answers are from those of `predict_proba`."""
    right = model.predict_proba(files)
    found = np.array([[answer["probabilities"][name] for name in model.classes] for answer in told])
    apart = np.abs(found - np.concatenate([right, right]))
    other = sum(a["predicted"] != model.classes[top] for a, top in zip(told, 2 * list(right.argmax(1)), strict=True))
    return {"photos": len(told), "largest_difference": float(apart.max()), "other_class": other}


def processor_seconds(process: int) -> float:
    """That a process and its living children have used (Linux)."""
    ticks = 0
    for one in (str(process), *_children(process)):
        fields = Path(f"/proc/{one}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def _children(process: int) -> list[str]:
    return Path(f"/proc/{process}/task/{process}/children").read_text(encoding="ascii").split()


def resident_megabytes(process: int) -> float:
    """Of a process and its children (Linux)."""
    pages = 0
    for one in (str(process), *_children(process)):
        pages += int(Path(f"/proc/{one}/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


async def memory_over(port: int, process: int, requests: list[bytes], minutes: float, rate: float) -> dict[str, Any]:
    """Resident memory every 5 seconds, while photos come at a rate."""
    found: list[float] = []

    async def watch() -> None:
        while True:
            await asyncio.sleep(5)
            found.append(resident_megabytes(process))

    watching = asyncio.create_task(watch())
    told = await at_a_rate(port, requests, 60 * minutes, lambda: random.expovariate(rate))
    watching.cancel()
    third = len(found) // 3
    parts = [found[:third], found[third : 2 * third], found[2 * third :]]
    means = [round(statistics.fmean(part), 1) for part in parts if part]
    return {"minutes": minutes, "answered": len(told.seconds), "mean_mb_by_thirds": means, "most_mb": max(found)}


def measure(args: argparse.Namespace) -> dict[str, Any]:
    """Everything, in order."""
    files = sorted(path for path in args.photos.rglob("*") if path.suffix.lower() in SUFFIXES)
    random.Random(0).shuffle(files)  # noqa: S311  an order, not a secret
    model = load(args.model)
    photos = [path.read_bytes() for path in files]
    singles = [request_of([photo]) for photo in photos]
    eights = [request_of(list(islice(photos, start, start + 8))) for start in range(0, len(photos) - 8, 8)]
    options = args.server_options.split()
    told: dict[str, Any] = {
        "cores": os.cpu_count(),
        "photos": len(files),
        "loop": [],
        "server": [],
        "server_by_8": [],
        "processor_ms_a_photo": [],
    }
    with server_of(args.model, options) as (port, process):
        told["wrong"] = differences(model, files, asyncio.run(answers_of(port, photos)))
        peaks = []
        for _ in range(args.rounds):
            used = [time.process_time(), processor_seconds(process)]
            speed = loop_speed(model, files, args.seconds)
            used += [time.process_time()]
            peak = asyncio.run(as_fast_as_answered(port, singles, args.seconds, CLOSED))
            used += [time.process_time(), processor_seconds(process)]
            peaks.append(len(peak.seconds) / peak.lasted)
            told["loop"].append(round(speed, 1))
            told["server"].append(peak.as_dict())
            told["processor_ms_a_photo"].append(
                {
                    "loop": round(1000 * (used[2] - used[0]) / (speed * args.seconds), 2),
                    "server": round(1000 * (used[4] - used[1]) / len(peak.seconds), 2),
                    "sender": round(1000 * (used[3] - used[2]) / len(peak.seconds), 2),
                }
            )
            by_8 = asyncio.run(as_fast_as_answered(port, eights, args.seconds, 6))
            told["server_by_8"].append(round(8 * len(by_8.seconds) / by_8.lasted, 1))
        capacity = statistics.fmean(peaks)
        told["share_of_loop"] = round(capacity / statistics.fmean(told["loop"]), 3)
        chance = random.Random(0)  # noqa: S311  the times of arrivals
        ways: dict[str, Callable[[float], float]] = {"random": chance.expovariate, "even": lambda rate: 1 / rate}
        for load_share in (0.8, 2.0):
            rate = load_share * capacity
            told[f"at_{round(100 * load_share)}_percent"] = {
                name: asyncio.run(
                    at_a_rate(port, singles, args.seconds, lambda gap=gap, rate=rate: gap(rate))
                ).as_dict()
                for name, gap in ways.items()
            }
        if args.memory_minutes:
            memory = memory_over(port, process, singles, args.memory_minutes, 0.5 * capacity)
            told["memory"] = asyncio.run(memory)
    return told


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--seconds", type=float, default=20, help="of each measurement")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--memory-minutes", type=float, default=0)
    parser.add_argument("--server-options", default="", help="further ones of tellapart serve")
    sys.stdout.write(json.dumps(measure(parser.parse_args()), indent=1) + "\n")


if __name__ == "__main__":
    main()
