"""What trials side by side would bring: a process that learns on every core, beside one process a core.

    python benchmarks/parallel_trials.py [--photos PHOTOS] [--pairs 5] [--epochs 6] [--seed 0]

Each learns `deeper` as a trial of the search does. Told are epochs a minute of all processes together, from the second
epoch on. Two trials side by side take twice the memory, and each comes half as far before the search can judge it, so
that they have to bring clearly more than nothing.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Final

from paired import inputs, keep, parser, spread

CORES: Final = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else list(range(os.cpu_count() or 1))
ALONE: Final = "one process on every core"
BESIDE: Final = "one process a core"


def child(options: argparse.Namespace) -> None:
    """Learn on the cores that were given; print seconds an epoch."""
    from epochs import ours

    sys.stdout.write(json.dumps(ours("deeper", options)) + "\n")


def start(options: argparse.Namespace, cores: list[int]) -> "subprocess.Popen[str]":
    """A process on these cores alone."""
    words = ["--photos", str(options.photos), "--epochs", str(options.epochs), "--seed", str(options.seed), "--child"]
    threads = {name: str(len(cores)) for name in ("TF_NUM_INTRAOP_THREADS", "OMP_NUM_THREADS")}
    return subprocess.Popen(  # noqa: S603
        [sys.executable, __file__, *words],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **threads, "TF_CPP_MIN_LOG_LEVEL": "3"},
        preexec_fn=lambda: os.sched_setaffinity(0, cores),  # noqa: PLW1509
    )


def epochs_a_minute(options: argparse.Namespace, shares: list[list[int]]) -> float:
    """Of all processes together."""
    processes = [start(options, cores) for cores in shares]
    told = [json.loads(process.communicate()[0].splitlines()[-1]) for process in processes]
    return sum(60 / one["epoch"] for one in told)


def main() -> None:
    """Measure both in turn, and keep the figures."""
    taken = parser(__doc__)
    taken.add_argument("--epochs", type=int, default=6)
    taken.add_argument("--seed", type=int, default=0)
    taken.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    options = taken.parse_args()
    if options.child:
        child(options)
        return
    with inputs(options):
        measure(options)


def measure(options: argparse.Namespace) -> None:
    """Time both ways in turn."""
    shares = {ALONE: [CORES], BESIDE: [[core] for core in CORES]}
    speeds: dict[str, list[float]] = {way: [] for way in shares}
    for number in range(options.pairs):
        for way in sorted(shares, reverse=bool(number % 2)):
            speeds[way].append(round(epochs_a_minute(options, shares[way]), 2))
    times = [beside / alone for alone, beside in zip(speeds[ALONE], speeds[BESIDE], strict=True)]
    keep(
        "parallel_trials",
        f"Epochs of `deeper` on {Path(options.photos).name}, {len(CORES)} cores: {BESIDE} against {ALONE}.",
        {
            "reached": {"times the epochs, side by side": spread(times)["median"]},
            "pairs": options.pairs,
            "times": spread(times),
            "epochs a minute": speeds,
        },
    )


if __name__ == "__main__":
    main()
