"""Bulk prediction: one process, the local pool and Ray side by side; start-up, time a photo, memory of the driver.

    python benchmarks/scale.py MODEL PHOTOS --rows 1000,10000 --rounds 3 --workers 2

Rows are names of photos, gone through again from the start where there are fewer photos. Each measurement is a process
of its own; the kinds take turns. Times between the first finished shard and the last tell the throughput without what
an engine takes to start.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import cycle, islice
from pathlib import Path
from typing import Any

KINDS = ("answers", "local", "ray")
SHARD = 100


class Clock:
    """A progress bar that notes when it moved."""

    def __init__(self) -> None:
        self.start = time.perf_counter()
        self.moves: list[tuple[float, int]] = []

    def note(self, text: str) -> None:
        """Nothing."""

    @contextmanager
    def bar(self, title: str, total: int) -> Iterator["Clock"]:  # noqa: ARG002
        """Itself."""
        yield self

    def advance(self, n: int = 1) -> None:
        """Note it."""
        self.moves.append((time.perf_counter() - self.start, n))

    def say(self, text: str) -> None:
        """Nothing."""


def one(kind: str, model: Path, names: Path, workers: int) -> dict[str, Any]:
    """Answer all names in this process or from it."""
    clock = Clock()
    if kind == "answers":
        from tellapart.deploy.runtime import load

        for _ in load(model).answers(names.read_text().splitlines()):
            clock.advance()
    else:
        from tellapart.scale.bulk import How, predict_in_bulk
        from tellapart.scale.long_listing import Listing

        with tempfile.TemporaryDirectory() as place:
            how = How(kind, workers, SHARD, clock)
            predict_in_bulk(model, Listing([f"@{names}"]), Path(place) / "out", how=how)
    total = time.perf_counter() - clock.start
    (first, n_first), (last, _) = clock.moves[0], clock.moves[-1]
    rest = sum(n for _, n in clock.moves) - n_first
    rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"kind": kind, "seconds": total, "first": first, "rate": rest / (last - first), "driver_mb": rss}


def measured(arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """Every kind at every number of rows, in turns."""
    photos = sorted(str(path) for path in arguments.photos.rglob("*") if path.suffix.lower() in {".jpg", ".png"})
    found = []
    with tempfile.TemporaryDirectory() as place:
        names = Path(place) / "names.txt"
        for number in range(arguments.rounds):
            for rows in map(int, arguments.rows.split(",")):
                names.write_text("\n".join(islice(cycle(photos), rows)) + "\n")
                for kind in turned(arguments.kinds.split(","), number):
                    words = [arguments.model, arguments.photos, "--one", kind, "--names", names]
                    words += ["--workers", arguments.workers]
                    command = [sys.executable, __file__, *map(str, words)]
                    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout  # noqa: S603
                    found.append({"rows": rows, **json.loads(told.splitlines()[-1])})
                    found[-1]["load"] = os.getloadavg()[0]
                    if arguments.out:  # what was measured stays where the next one is stopped
                        arguments.out.write_text(json.dumps({"summary": summary(found), "measured": found}, indent=1))
                    sys.stderr.write(f"{found[-1]}\n")
    return found


def turned(kinds: list[str], number: int) -> list[str]:
    """Another one first in each round."""
    place = number % len(kinds)
    return kinds[place:] + kinds[:place]


def summary(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Medians, and the range of the rates."""
    told = []
    for kind, rows in sorted({(one["kind"], one["rows"]) for one in found}):
        some = [one for one in found if (one["kind"], one["rows"]) == (kind, rows)]
        medians = {name: statistics.median(one[name] for one in some) for name in ("seconds", "first", "rate")}
        rates = [one["rate"] for one in some]
        memory = max(one["driver_mb"] for one in some)
        told.append({"kind": kind, "rows": rows, **medians, "rates": [min(rates), max(rates)], "driver_mb": memory})
    return told


def main() -> None:
    """Measure, and print a line a kind."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--rows", default="1000,10000")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--kinds", default=",".join(KINDS))
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--one", choices=KINDS)
    parser.add_argument("--names", type=Path)
    arguments = parser.parse_args()
    if arguments.one:
        sys.stdout.write(json.dumps(one(arguments.one, arguments.model, arguments.names, arguments.workers)) + "\n")
        return
    found = measured(arguments)
    for row in summary(found):
        sys.stdout.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    main()
