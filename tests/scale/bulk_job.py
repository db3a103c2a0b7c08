"""A bulk job as the user starts it: in a process of its own, which can be killed in its middle."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from photo_maker import noise, save
from served_model import served_content

N_PHOTOS = 300
SHARD = 3
N_SHARDS = N_PHOTOS // SHARD


def material(place: Path) -> Path:
    """A model file, and 300 photos, three of which are none."""
    (place / "model.onnx").write_bytes(served_content())
    for number in range(N_PHOTOS):
        path = place / "photos" / f"{number:03}.png"
        save(noise(number), path)
        if number % 100 == 50:
            path.write_bytes(b"no photo")
    return place


def started(place: Path, out: str, *words: object) -> "subprocess.Popen[str]":
    """The command, running."""
    command = ["predict", "model.onnx", "photos", "--out", out, "--shard-size", str(SHARD), "--workers", "2"]
    return running(place, [*command, *map(str, words)])


def running(place: Path, words: list[str]) -> "subprocess.Popen[str]":
    """Any command."""
    command = [sys.executable, "-m", "tellapart.cli", *words]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.Popen(
        command, cwd=place, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def ended(job: "subprocess.Popen[str]") -> tuple[int, str]:
    """Its exit status, and all that it said."""
    out, err = job.communicate(timeout=300)
    return job.returncode, out + err


def contents(folder: Path) -> dict[str, bytes]:
    """All files of a folder."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def shards_of(folder: Path) -> list[Path]:
    """The shards that are there."""
    return sorted(folder.glob("part-*.parquet"))


def wait_for(happened: Callable[[], object], job: "subprocess.Popen[str]") -> None:
    """Wait until something has happened, or the job has ended."""
    for _ in range(30_000):
        if happened() or job.poll() is not None:
            return
        time.sleep(0.005)


def kill_worker(parent: int, *signs: str) -> bool:
    """Kill one descendant of a process by words of its command line, the first that fits."""
    parents, lines = {}, {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            lines[int(entry.name)] = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue  # it has ended meanwhile
    for sign in signs:
        for process in (process for process, line in lines.items() if sign in line):
            above = process
            while above > 1 and above != parent:
                above = parents.get(above, 0)
            if above == parent:
                os.kill(process, signal.SIGKILL)
                return True
    return False
