"""`tellapart` killed at random moments until it has come to its end, then compared with a run that was not killed.

    python tests/long/kills.py --kills 200 --out kills.json

Each round is a new run folder with a new cache: `fit`, `export` and `report` in this order, as real processes in a
group of their own. Whenever one is killed (SIGKILL to the group, at a random time), every file that is there is read,
and the same command goes on with `--resume`. Printed at the end: in which part of the work the kills fell, how many
files could not be read, which epochs were done again, what was left behind, and what differs from the run that was
not killed.
"""

import argparse
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parent.parent)]

from wholeness import choices, differences, orphans, unreadable  # noqa: E402

from ladder_set import draw_shapes  # noqa: E402

SETTINGS: Final = (
    *("--backbone", "pocket", "--image-size", "32", "--epochs", "10", "--trials", "3"),
    *("--search-time", "2h", "--seed", "3"),
)
# The part of the work, by what it told last.
PARTS: Final = {
    "start": "start",
    "bar Opening every photo": "scan",
    "bar Auditing": "scan",
    "bar Checking": "scan",
    "bar Decoding": "decoding",
    "bar Features": "features",
    "bar Below": "features",
    "bar Training trial": "search",
    "bar Searching": "search",
    "bar Training": "training",
    "bar ": "after training",
    "note Writing": "tellapart export",
    "note Forecast:": "between steps",
    "note Forecast ": "end",
    "note More photos": "after training",
}


@dataclass
class Tally:
    """What came of all kills so far."""

    kills: int = 0
    rounds: int = 0
    parts: Counter[str] = field(default_factory=Counter)
    unreadable: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    differing: list[str] = field(default_factory=list)
    chosen_otherwise: int = 0  # rounds in which seconds decided for another of the recipes that cannot be told apart
    epochs: int = 0
    again: int = 0
    longest_again: float = 0.0
    most_again_at_once: float = 0.0

    def keep(self, file: Path) -> None:
        """Write it down: after each kill, so that a call that is ended before its end leaves what it reached."""
        told = vars(self) | {"parts": dict(self.parts.most_common())}
        file.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")


@dataclass
class Place:
    """Where one round works."""

    photos: Path
    folder: Path
    settings: tuple[str, ...] = SETTINGS

    @property
    def run(self) -> Path:
        return self.folder / "run"

    @property
    def cache(self) -> Path:
        return self.folder / "cache"

    @property
    def log(self) -> Path:
        return self.folder / "log.txt"

    def commands(self) -> Iterator[list[str]]:
        """The commands of a round, each until it has come to its end."""
        fit = ["fit", str(self.photos), "--out", str(self.run), *self.settings]
        yield fit
        yield ["export", str(self.run), "--recipe", "baseline", "--format", "onnx,keras"]
        yield ["report", str(self.run)]

    def start(self, words: list[str], *, again: bool) -> "subprocess.Popen[bytes]":
        observed = [sys.executable, str(Path(__file__).with_name("observed.py")), str(self.log)]
        more = ["--resume"] if words[0] == "fit" and again and (self.run / "run.json").is_file() else []
        environment = {**os.environ, "TELLAPART_CACHE": str(self.cache), "TELLAPART_WEIGHTS": str(self.cache / "w")}
        with (self.folder / "said.txt").open("ab") as said:
            return subprocess.Popen(
                [*observed, *words, *more],
                stdout=said,
                stderr=said,
                env=environment,
                start_new_session=True,
                preexec_fn=_listen,  # noqa: PLW1509
            )


def _listen() -> None:
    """A shell's background job ignores Ctrl-C, and its children with it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def main() -> int:
    """Kill, look, go on; print what came of it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=float("inf"), help="start no further round after so many")
    parser.add_argument("--longest", type=float, default=40.0, help="seconds that a process lives at most")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--work", type=Path, default=Path("kills"), help="a folder for the runs")
    parser.add_argument("--like", type=Path, help="the folder of an earlier call, whose whole run is used")
    parser.add_argument("--out", type=Path, default=Path("kills.json"))
    options = parser.parse_args()
    often = {"seed": options.seed, "seconds": options.seconds, "like": options.like}
    tally = kill_often(options.work, options.kills, options.longest, **often, so_far=options.out)
    tally.keep(options.out)
    print(options.out.read_text(encoding="utf-8"))  # noqa: T201
    return 1 if tally.unreadable or tally.failed or tally.left or tally.differing else 0


def kill_often(
    work: Path,
    kills: int,
    longest: float,
    *,
    seed: int = 0,
    seconds: float = float("inf"),
    settings: tuple[str, ...] = SETTINGS,
    like: Path | None = None,
    so_far: Path | None = None,
) -> Tally:
    """Kill so many processes, each within its first `longest` seconds; the last round is brought to its end.

    Args:
        work: A folder for the runs.
        kills: How many.
        longest: Seconds; more where a round has had many kills.
        seed: Of the moments.
        seconds: After so many no more is killed.
        settings: Of `fit`.
        like: The folder of an earlier call with the same settings, whose whole run is held against.
        so_far: A file for what came of the kills so far.
    """
    end = time.monotonic() + seconds
    work.mkdir(parents=True, exist_ok=True)
    photos = (like or work) / "photos"
    if not photos.is_dir():
        draw_shapes(photos, per_class=14)
    whole = Place(photos, (like or work) / "whole", settings)
    whole.folder.mkdir(exist_ok=True)
    for words in whole.commands() if not (whole.folder / "done").exists() else ():
        if whole.start(words, again=True).wait():
            raise SystemExit(f"{words[0]} failed: {(whole.folder / 'said.txt').read_text()[-500:]}")
    (whole.folder / "done").touch()
    tally, chance = Tally(), random.Random(seed)
    while tally.kills < kills and time.monotonic() < end:
        place = Place(photos, work / f"round-{tally.rounds}", settings)
        shutil.rmtree(place.folder, ignore_errors=True)
        place.folder.mkdir()
        kill_a_round(place, tally, chance, (kills, longest, end), so_far)
        tally.rounds += 1
        tally.left += [f"round {tally.rounds}: {name}" for name in orphans(place.run, place.cache)]
        tally.differing += [f"round {tally.rounds}: {line}" for line in differences(whole.run, place.run)]
        tally.chosen_otherwise += len(set(choices(whole.run, place.run))) > 1
        count_epochs(place, tally)
        if not tally.differing:
            shutil.rmtree(place.folder)
    return tally


def kill_a_round(
    place: Place, tally: Tally, chance: random.Random, limits: tuple[int, float, float], so_far: Path | None = None
) -> None:
    """Bring one run to its end through as many kills as it takes."""
    kills, longest, end = limits
    seen: dict[Path, tuple[int, int]] = {}
    for words in place.commands():
        again, status, patience = False, -1, longest
        while status:
            process = place.start(words, again=again)
            spare = tally.kills >= kills or time.monotonic() > end
            try:
                status = process.wait(None if spare else lifetime(chance, longest, patience))
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                tally.kills += 1
                tally.parts[part_of(place.log, words[0])] += 1
                tally.unreadable += unreadable(place.run, seen) + unreadable(place.cache, seen)
                again = True
                if so_far:
                    tally.keep(so_far)
                patience *= 1.1  # a part that is begun again each time must come to its end some time
                continue
            if status:
                said = (place.folder / "said.txt").read_text(encoding="utf-8", errors="replace")[-400:]
                tally.failed.append(f"{words[0]}: status {status}: {said}")
                return


def lifetime(chance: random.Random, longest: float, patience: float) -> float:
    """Seconds until the kill: every other time soon, as starts are parts of the work too."""
    return chance.uniform(0.3, patience if chance.random() < 0.5 else longest / 4)


def part_of(log: Path, command: str) -> str:
    """The part of the work in which a process was, by what it told last."""
    lines = log.read_text(encoding="utf-8").splitlines() if log.is_file() else []
    for line in reversed(lines):
        told = line.partition("\t")[2]
        if told.startswith("epoch"):
            return "search" if "trial" in told else "training"
        for start, part in PARTS.items():
            if told.startswith(start):
                return f"{command}: {part}" if command != "fit" else part
        if told.startswith("note"):
            return "between steps" if command == "fit" else command
    return "start"


def count_epochs(place: Place, tally: Tally) -> None:
    """How many epochs were done, how many of them more than once, and how long those took."""
    first = first_numbers(place.run / "study.db")
    done: set[tuple[str, int]] = set()
    before, at_once = 0.0, 0.0
    for line in place.log.read_text(encoding="utf-8").splitlines():
        moment, _, told = line.partition("\t")
        if told == "start":
            at_once = 0.0
        if told.startswith("epoch "):
            name, _, number = told.removeprefix("epoch ").rpartition(" ")
            name = first.get(name, name)
            tally.epochs += 1
            if (name, int(number)) in done:
                took = float(moment) - before
                tally.again += 1
                at_once += took
                tally.longest_again = max(tally.longest_again, took)
                tally.most_again_at_once = max(tally.most_again_at_once, at_once)
            done.add((name, int(number)))
        before = float(moment)


def first_numbers(study: Path) -> dict[str, str]:
    """The name of the trial that each trial stands for which was made in its place."""
    if not study.is_file():
        return {}
    rows = "SELECT number, value_json FROM trials JOIN trial_user_attributes USING (trial_id) WHERE key = 'again_of'"
    with closing(sqlite3.connect(study)) as connection:
        stands_for = {int(number): int(other) for number, other in connection.execute(rows)}
    names: dict[str, str] = {}
    for number in sorted(stands_for):
        other = stands_for[number]
        names[f"trial {number}"] = names.get(f"trial {other}", f"trial {other}")
    return names


if __name__ == "__main__":
    sys.exit(main())
