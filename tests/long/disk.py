"""Every phase of the program met by every kind of broken disk, with a table at the end.

    python tests/long/disk.py --each 40 --work /tmp/disk --json disk.json

It needs Linux and root, to mount small disks in memory, and ext4 for one that fails. What is tried:

- a run folder and its cache, or the run folder alone, on a disk of stepped sizes, so that it is full at many points;
- the cache alone on such a disk: the run must go on without it;
- a limit on the size of files (RLIMIT_FSIZE), stepped likewise;
- the disk made read-only, permission taken away, the run folder or the cache removed, at random moments;
- `predict`, also into a folder, `embed`, `evaluate`, `explain`, `export`, `audit`, `report`, `weights add`, `demo`
  on full disks of stepped sizes.

Of each it is counted how it ended (done; one line and status 2; anything else), whether the same command with
`--resume` came to its end once there was room, and whether its answers equal those of a run that met nothing.
"""

import argparse
import csv
import ctypes
import hashlib
import json
import os
import random
import resource
import shutil
import subprocess
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).parent.parent))

from ladder_set import draw_shapes

# Linux' numbers of what lets root write where it may not: CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_FOWNER.
_MIGHTY: Final = (1, 2, 3)
_CAPABILITIES: Final = 0x20080522  # version 3 of the call
RESUMED: Final = "--resume"
LADDER: Final = ("--image-size", "32", "--epochs", "2", "--trials", "2", "--search-time", "10m", "--backbone", "pocket")
_PEEK: Final = os.WEXITED | os.WNOHANG | os.WNOWAIT
KILOBYTE: Final = 1024
Act = Callable[[], bool]


@dataclass(frozen=True)
class Ended:
    """How a command ended: status (negative for a signal), what it said, and the seconds that it took."""

    status: int
    said: str
    seconds: float

    @property
    def kind(self) -> str:
        if "Traceback" in self.said or "Exception ignored" in self.said:
            return "traceback"
        lines = [line for line in self.said.splitlines() if line.startswith("tellapart: ")]
        if self.status == 0:
            return "done"
        if self.status == 2 and len(lines) == 1:
            return "one line"
        return f"status {self.status}"

    @property
    def line(self) -> str:
        return next((line for line in self.said.splitlines() if line.startswith("tellapart: ")), self.said[-300:])


@dataclass
class Row:
    """What came of one way to break the disk."""

    way: str
    tries: int = 0
    ended: Counter[str] = field(default_factory=Counter)
    resumed: int = 0
    equal: int = 0
    lines: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)


class Place:
    """A folder with photos, a mount point, and what the program is told of both."""

    def __init__(self, folder: Path, recipes: str) -> None:
        self.folder, self.recipes = folder, recipes
        self.photos = draw_shapes(folder / "photos", per_class=12)
        self.mount = folder / "disk"
        self.mount.mkdir(exist_ok=True)

    def fit(self, out: Path, *more: str) -> list[str]:
        return ["fit", str(self.photos), "--out", str(out), "--recipes", self.recipes, *LADDER, *more]


def started(
    words: Sequence[str],
    *,
    cache: Path,
    log: Path,
    temporary: Path | None = None,
    most_bytes: int | None = None,
    as_anyone: bool = False,
    store: Path | None = None,
) -> int:
    """Run a command in a process of its own, whose libraries are loaded already; give its number."""
    number = os.fork()
    if number:
        return number
    status = 70
    try:
        descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(descriptor, 1)
        os.dup2(descriptor, 2)
        os.environ |= {"TELLAPART_CACHE": str(cache), "TELLAPART_WEIGHTS": str(store or log.parent / "weights")}
        os.environ["TELLAPART_OFFLINE"] = "1"
        if temporary:
            os.environ["TMPDIR"] = str(temporary)
        if most_bytes is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, resource.RLIM_INFINITY))
        if as_anyone:
            heed_permissions()
        status = _command(words)
    except BaseException:
        traceback.print_exc()
    finally:
        with suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status)


def heed_permissions() -> None:
    """Take from this process, which is root's, what lets it write without permission."""
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(_CAPABILITIES, 0)
    held = (ctypes.c_uint32 * 6)()
    libc.capget(header, held)
    for number in _MIGHTY:
        held[0] &= ~(1 << number)  # effective
        held[1] &= ~(1 << number)  # permitted
    if libc.capset(header, held):
        raise OSError(ctypes.get_errno(), "capset")


def _command(words: Sequence[str]) -> int:
    from tellapart import cli

    sys.argv = ["tellapart", *words]
    try:
        cli.main()
    except SystemExit as leave:
        return int(leave.code or 0)
    return 0


def ended(number: int, log: Path, since: float) -> Ended:
    """Wait for a process."""
    _, told = os.waitpid(number, 0)
    return Ended(os.waitstatus_to_exitcode(told), log.read_text(errors="replace"), time.perf_counter() - since)


def run(words: Sequence[str], **how: Any) -> Ended:
    """Run a command to its end."""
    since = time.perf_counter()
    return ended(started(words, **how), how["log"], since)


def answers(run_folder: Path) -> str:
    """A digest of what a run found: split, answers, histories without their seconds, scores."""
    told = hashlib.sha256()
    for path in sorted(run_folder.rglob("*.csv")):
        if path.name in {"split.csv", "predictions.csv", "validation.csv", "confusion.csv", "history.csv"}:
            rows = list(csv.DictReader(path.open(encoding="utf-8")))
            for row in rows:
                row.pop("seconds", None)
            told.update(f"{path.relative_to(run_folder)} {rows}".encode())
    results = json.loads((run_folder / "results.json").read_text())
    told.update(json.dumps([[one["name"], one["test"], one["valid"]] for one in results["recipes"]]).encode())
    return told.hexdigest()


def mounted(point: Path, size: int | None) -> None:
    """Mount an empty disk in memory, or grow the one that is there."""
    unmounted(point)
    told = f"size={size}" if size else "size=2g"
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"{told},mode=777", "tmpfs", str(point)], check=True)


def grown(point: Path) -> None:
    """Give a disk room, and let it be written."""
    subprocess.run(["mount", "-o", "remount,rw,size=2g", str(point)], check=True)


def mounted_from(image: Path, point: Path, *, new: bool = True) -> None:
    """Mount a disk that lies in a file: an empty one, or the one that is there, mended."""
    unmounted(point)
    if new:
        image.unlink(missing_ok=True)
        with image.open("wb") as file:
            file.truncate(1 << 30)
        subprocess.run(["mkfs.ext4", "-q", str(image)], check=True)
    else:
        subprocess.run(["e2fsck", "-fy", str(image)], check=False, capture_output=True)  # 1 where it mended something
    subprocess.run(["mount", "-o", "loop", str(image), str(point)], check=True)
    point.chmod(0o777)


def unmounted(point: Path) -> None:
    while os.path.ismount(point):
        subprocess.run(["umount", "-l", str(point)], check=True)


def size_of(*folders: Path) -> int:
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    return sum(-(-path.stat().st_size // 4096) * 4096 for path in files) + 4096 * len(files)


def steps(n: int, largest: int) -> list[int]:
    """Sizes from nearly nothing to nearly enough."""
    return [max(8 * KILOBYTE, int(largest * (number + 0.5) / n)) for number in range(n)]


def used(point: Path) -> int:
    told = os.statvfs(point)
    return (told.f_blocks - told.f_bfree) * told.f_frsize


class Trials:
    """All that is tried, and what came of it."""

    def __init__(self, place: Place, seed: int, *, weights: Path | None, loud: bool) -> None:
        self.place, self.weights, self.loud = place, weights, loud
        self.chance = random.Random(seed)
        self.rows: dict[str, Row] = {}
        self.log = place.folder / "log"
        self.plain = place.folder / "plain"
        self.cache = place.folder / "plain-cache"
        for folder in (self.plain, self.cache):
            shutil.rmtree(folder, ignore_errors=True)
        first = run(place.fit(self.plain), cache=self.cache, log=self.log)
        if first.status:
            raise SystemExit(first.said)
        self.expected, self.seconds = answers(self.plain), first.seconds
        self.bytes, self.bytes_of_cache = size_of(self.plain), size_of(self.cache)
        self.largest_file = max(path.stat().st_size for path in self.plain.rglob("*") if path.is_file())

    def note(self, way: str, how: str, first: Ended) -> Row:
        row = self.rows.setdefault(way, Row(way))
        row.tries += 1
        row.ended[first.kind] += 1
        if first.status:
            row.lines[first.line[:150]] += 1
        if first.kind not in {"done", "one line"}:
            row.wrong.append(f"{how}: {first.kind}: {first.said[-1500:]}")
        if self.loud:
            sys.stderr.write(f"{way} ({how}): {first.kind}, {first.seconds:.0f} s. {first.line[:260]}\n")
        return row

    def follow(self, row: Row, how: str, out: Path, cache: Path, first: Ended, **again: Any) -> None:
        """The same command, once there is room."""
        second = first
        if first.status:
            second = run(self.place.fit(out, RESUMED), cache=cache, log=self.log, **again)
        if second.status == 0:
            row.resumed += first.status != 0
            row.equal += answers(out) == self.expected
        if second.status or answers(out) != self.expected:
            row.wrong.append(f"{how}: then {second.kind}: {second.said[-1500:]}")
            sys.stderr.write(f"  WRONG {row.wrong[-1]}\n")

    def full(self, n: int) -> None:
        for size in steps(n, self.bytes + self.bytes_of_cache):
            mounted(self.place.mount, size)
            out, cache, how = self.place.mount / "run", self.place.mount / "cache", f"{size // KILOBYTE} kB"
            first = run(self.place.fit(out), cache=cache, log=self.log)
            row = self.note("fit, disk full", how, first)
            grown(self.place.mount)
            self.follow(row, how, out, cache, first)
        unmounted(self.place.mount)

    def full_run(self, n: int) -> None:
        """The run folder alone on a small disk; sizes by equal factors, as its first files are the small ones."""
        for number in range(n):
            size = int(16 * KILOBYTE * (self.bytes / 16 / KILOBYTE) ** (number / n))
            mounted(self.place.mount, size)
            out, how = self.place.mount / "run", f"{size // KILOBYTE} kB"
            first = run(self.place.fit(out), cache=self.cache, log=self.log)
            row = self.note("fit, disk of the run folder full", how, first)
            grown(self.place.mount)
            self.follow(row, how, out, self.cache, first)
        unmounted(self.place.mount)

    def full_cache(self, n: int) -> None:
        for size in steps(n, self.bytes_of_cache):
            mounted(self.place.mount, size)
            out, how = self.fresh("run"), f"{size // KILOBYTE} kB"
            first = run(self.place.fit(out), cache=self.place.mount / "cache", log=self.log)
            row = self.note("fit, disk of the cache full", how, first)
            self.follow(row, how, out, self.place.mount / "cache", first)
        unmounted(self.place.mount)

    def full_temporary(self) -> None:
        for size in (4 * KILOBYTE, 64 * KILOBYTE):
            mounted(self.place.mount, size)
            out = self.fresh("run")
            first = run(self.place.fit(out), cache=self.fresh("cache"), log=self.log, temporary=self.place.mount)
            row = self.note("fit, TMPDIR full", f"{size} bytes", first)
            self.follow(row, str(size), out, self.place.folder / "cache", first)
        unmounted(self.place.mount)

    def file_size(self, n: int) -> None:
        for size in steps(n, self.largest_file):
            out, cache, how = self.fresh("run"), self.fresh("cache"), f"{size // KILOBYTE} kB"
            first = run(self.place.fit(out), cache=cache, log=self.log, most_bytes=size)
            row = self.note("fit, files limited (RLIMIT_FSIZE)", how, first)
            self.follow(row, how, out, cache, first)

    def at_a_moment(
        self, way: str, n: int, act: Act, mend: Callable[[], None], image: Path | None = None, **how: Any
    ) -> None:
        """Break something while a run goes on, at a random moment; mend it, and go on."""
        for _ in range(n):
            mounted_from(image, self.place.mount) if image else mounted(self.place.mount, None)
            out, cache = self.place.mount / "run", self.place.mount / "cache"
            since = time.perf_counter()
            number = started(self.place.fit(out), cache=cache, log=self.log, **how)
            # A busy machine is slower than it was: the moment is counted from when there is something to break.
            while not (out / "run.json").exists() and os.waitid(os.P_PID, number, _PEEK) is None:
                time.sleep(0.02)
            time.sleep(self.chance.uniform(0.0, 0.6) * self.seconds)
            moment = time.perf_counter() - since
            done = act()
            first = ended(number, self.log, since)
            row = self.note(way, f"after {moment:.1f} s{'' if done else ', not possible'}", first)
            mend()
            self.follow(row, f"{moment:.1f} s", out, cache, first, **how)
        unmounted(self.place.mount)

    def fresh(self, name: str) -> Path:
        shutil.rmtree(self.place.folder / name, ignore_errors=True)
        return self.place.folder / name

    def read_only(self, n: int) -> None:
        """As the system does where a disk fails: at once, whatever file is open. A disk in memory cannot be made so."""
        image = self.place.folder / "disk.img"

        def act() -> bool:
            done = subprocess.run(["mount", "-o", "remount,abort", str(self.place.mount)], check=False)
            return not done.returncode

        self.at_a_moment("fit, made read-only", n, act, lambda: mounted_from(image, self.place.mount, new=False), image)
        image.unlink(missing_ok=True)

    def permission(self, n: int) -> None:
        changed: list[Path] = []

        def act() -> bool:
            for folder in [self.place.mount, *(path for path in self.place.mount.rglob("*") if path.is_dir())]:
                with suppress(OSError):
                    folder.chmod(0o555)
                    changed.append(folder)
            return True

        def mend() -> None:
            for folder in changed:
                if folder.exists():
                    folder.chmod(0o777)
            changed.clear()

        self.at_a_moment("fit, permission taken away", n, act, mend, as_anyone=True)

    def removed(self, n: int) -> None:
        def act_run() -> bool:
            shutil.rmtree(self.place.mount / "run", ignore_errors=True)
            return not (self.place.mount / "run").exists()

        def act_cache() -> bool:
            shutil.rmtree(self.place.mount / "cache", ignore_errors=True)
            return not (self.place.mount / "cache").exists()

        self.at_a_moment("fit, run folder removed", n, act_run, lambda: None)
        self.at_a_moment("fit, cache removed", n, act_cache, lambda: None)

    def others(self, n: int) -> None:
        """The other commands that write, on a disk that is nearly full, over files that were there before."""
        photo = next(self.place.photos.rglob("*.png"))
        mount, model = self.place.mount, self.plain / "model.onnx"
        formats = "onnx,openvino" if find_spec("openvino") else "onnx"
        small = ("--shard-size", "9")
        commands: dict[str, list[str]] = {
            "predict": ["predict", str(model), *[str(self.place.photos)] * 8, "--out", f"{mount}/answers.csv"],
            "predict into a folder": ["predict", str(model), str(self.place.photos), "--out", f"{mount}/parts", *small],
            "embed": ["embed", str(self.place.photos), "--backbone", "pocket", "--out", f"{mount}/features", *small],
            "evaluate": ["evaluate", str(model), str(self.place.photos), "--out", f"{mount}/field"],
            "explain": ["explain", str(self.plain), str(photo), "--out", f"{mount}/looks"],
            "export": ["export", str(self.plain), "--format", formats, "--out", f"{mount}/forms"],
            "audit": ["audit", str(self.place.photos), "--out", f"{mount}/audit"],
            "weights add": ["weights", "add", str(self.weights)],
            "demo": ["demo", "--out", f"{mount}/demo", "--recipes", "majority", "--photos-per-class", "8"],
            "report": ["report", f"{mount}/run"],
        }
        if self.weights is None:
            del commands["weights add"]
        for name, words in commands.items():
            self._one_other(name, words, n)
        unmounted(mount)

    def _one_other(self, name: str, words: list[str], n: int) -> None:
        mount = self.place.mount
        mounted(mount, None)
        self._before(name)
        start = used(mount)
        whole = run(words, cache=self.cache, log=self.log, store=mount)
        if whole.status:
            row = self.note(f"{name}, disk full", "with room", whole)
            row.wrong.append(f"{name}: {whole.said[-1000:]}")
            return
        largest = used(mount) - start
        for number in range(n):
            size = max(4096, int(largest * number / n))  # 0 would set no limit
            mounted(mount, None)
            self._before(name)
            before = [path for path in mount.rglob("*") if path.is_file()]
            subprocess.run(["mount", "-o", f"remount,size={used(mount) + size}", str(mount)], check=True)
            first = run(words, cache=self.cache, log=self.log, store=mount)
            row = self.note(f"{name}, disk full", f"{size // KILOBYTE} kB", first)
            row.wrong += [f"{name}: {path} is lost" for path in before if not path.is_file()]
            # A demo goes on with the photos that it has drawn, and clears away what it left at its next start.
            left = [path for path in mount.rglob(".*tmp*") if name != "demo"] if first.status else []
            row.wrong += [f"{name}: {path} was left" for path in left]
            grown(mount)
            going_on = ["--resume"] if name == "demo" else []
            second = run([*words, *going_on], cache=self.cache, log=self.log, store=mount) if first.status else first
            row.resumed += first.status != 0 and second.status == 0
            row.equal += second.status == 0 and used(mount) - start >= 0.9 * largest
            if second.status:
                row.wrong.append(f"{name}: then {second.kind}: {second.said[-1000:]}")

    def _before(self, name: str) -> None:
        mount = self.place.mount
        if name == "predict":
            (mount / "answers.csv").write_text("what was there before\n" * 20)
        if name == "report":
            shutil.copytree(self.plain, mount / "run")


def table(rows: Sequence[Row]) -> str:
    lines = [
        "| how it is broken | times | done | one line, status 2 | other | resumed | equal |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        other = row.tries - row.ended["done"] - row.ended["one line"]
        figures = row.tries, row.ended["done"], row.ended["one line"], other, row.resumed, row.equal
        lines.append(f"| {row.way} | {' | '.join(map(str, figures))} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True, help="a folder that may be filled")
    parser.add_argument("--recipes", default="linear", help="as for fit")
    parser.add_argument("--each", type=int, default=40, help="stepped sizes of a kind")
    parser.add_argument("--moments", type=int, default=20, help="random moments of a kind")
    parser.add_argument("--others", type=int, default=10, help="stepped sizes of each other command")
    parser.add_argument("--ways", default="full,run,cache,temporary,file,read-only,permission,removed,others")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--weights", type=Path, help="a file that `weights add` takes; without it that is left out")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--quick", action="store_true", help="leave the explanations out, which take most of the time")
    parser.add_argument("--loud", action="store_true")
    told = parser.parse_args()
    # Loaded here once, so that no trial spends its time on it; nothing is computed before the processes part.
    from tellapart import pipeline

    if told.recipes != "linear":
        import keras  # noqa: F401
        import optuna  # noqa: F401
    if told.quick:
        vars(pipeline)["leave_explanations"] = lambda *_: {}
    told.work.mkdir(parents=True, exist_ok=True)
    trials = Trials(Place(told.work, told.recipes), told.seed, weights=told.weights, loud=told.loud)
    sys.stderr.write(f"A run takes {trials.seconds:.1f} s and {trials.bytes + trials.bytes_of_cache:,} bytes\n")
    ways: dict[str, Callable[[], None]] = {
        "full": lambda: trials.full(told.each),
        "run": lambda: trials.full_run(told.each),
        "cache": lambda: trials.full_cache(told.moments),
        "temporary": trials.full_temporary,
        "file": lambda: trials.file_size(told.each),
        "read-only": lambda: trials.read_only(told.moments),
        "permission": lambda: trials.permission(told.moments),
        "removed": lambda: trials.removed(told.moments),
        "others": lambda: trials.others(told.others),
    }
    try:
        for way in told.ways.split(","):
            ways[way]()
            if told.json:
                told.json.write_text(json.dumps([vars(row) for row in trials.rows.values()], indent=1))
    finally:
        unmounted(trials.place.mount)
        rows = list(trials.rows.values())
        sys.stdout.write(table(rows) + "\n")
        wrong = [line for row in rows for line in row.wrong]
        sys.stdout.write(f"{len(wrong)} went otherwise than promised\n")
        if told.json:
            told.json.write_text(json.dumps([vars(row) for row in rows], indent=1))
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
