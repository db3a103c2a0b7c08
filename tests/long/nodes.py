"""`tellapart predict --on ray://HOST:PORT` on a cluster of three nodes, of which workers, nodes and cables are broken.

    python tests/long/nodes.py --work FOLDER --each 3 --out nodes.json        # as root, on Linux with iproute2

Each round: the command is started, something is killed when a random part of the shards is there, and in the end the
folder is compared, file by file, with that of the local pool. Where the command ends by it, the cluster is mended and
the same command goes on. How a node is made and killed: `cluster.py`.
"""

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

sys.path[:0] = [
    str(Path(__file__).parent),
    str(Path(__file__).parent.parent),
    str(Path(__file__).parent.parent / "scale"),
]

from bulk_job import N_PHOTOS, SHARD, contents, ended, material, shards_of  # noqa: E402
from cluster import ADDRESS, HEAD, Cluster  # noqa: E402

from tellapart.files import read_json  # noqa: E402
from tellapart.scale.shards import MANIFEST  # noqa: E402

_TIMES: Final = 4  # each photo is named so often, so that there is time to kill
N_SHARDS: Final = _TIMES * N_PHOTOS // SHARD
_VICTIM: Final = "worker1"


def main() -> int:
    """Run the rounds; print what came of each."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--work", type=Path, default=Path("nodes"))
    parser.add_argument("--each", type=int, default=3, help="rounds of each kind")
    parser.add_argument("--kinds", default=",".join(KINDS))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("nodes.json"))
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that namespaces are taken away
    place = options.work.absolute()
    whole = prepared(place)
    chance, told = random.Random(options.seed), []
    with Cluster(2, place / "logs") as cluster:
        for number, kind in enumerate(options.kinds.split(",") * options.each):
            folder = f"{number:03}-{kind}"
            told.append({"kind": kind, **one(Round(cluster, place, folder), kind, chance.uniform(0.05, 0.7), whole)})
            options.out.write_text(json.dumps(told, indent=1) + "\n")
            sys.stdout.write(f"{told[-1]}\n")
            sys.stdout.flush()
    return 0 if all(row["equal"] and not row["rewritten"] for row in told) else 1


def prepared(place: Path) -> dict[str, bytes]:
    """Photos, their names, and what the local pool makes of them."""
    if not (place / "names.txt").is_file():
        place.mkdir(parents=True, exist_ok=True)
        material(place)
        names = sorted(f"photos/{path.name}" for path in (place / "photos").iterdir())
        (place / "names.txt").write_text("\n".join(names * _TIMES) + "\n")
    local = subprocess.run(command("local", "local"), cwd=place, check=False, capture_output=True, text=True)
    if local.returncode != 2:  # some photos are none
        raise RuntimeError(local.stderr)
    return contents(place / "local")


def command(out: str, on: str) -> list[str]:
    """What the user types."""
    words = ["predict", "model.onnx", "@names.txt", "--out", out, "--shard-size", str(SHARD), "--on", on]
    return [sys.executable, "-m", "tellapart.cli", *words]


class Round:
    """A command on a cluster."""

    def __init__(self, cluster: Cluster, place: Path, out: str) -> None:
        self.cluster = cluster
        self.folder = place / out
        self._place = place
        shutil.rmtree(self.folder, ignore_errors=True)  # of an earlier time
        self.job = self.again()

    def again(self) -> "subprocess.Popen[str]":
        """The same command."""
        return self.cluster.send(command(self.folder.name, ADDRESS), self._place)


def one(this: Round, kind: str, share: float, whole: dict[str, bytes]) -> dict[str, Any]:
    """One round: what was there when it was broken, how the command ended, whether the folder is as it should be."""
    n_commands = 1
    while True:
        begun = time.monotonic()
        wait_for(this, 1)
        if this.job.poll() is None or n_commands == 5:
            break
        ended(this.job)
        this.job = this.again()  # Ray gives its part on the head half a minute to start, which a busy machine exceeds
        n_commands += 1
    first = time.monotonic()
    wait_for(this, int(share * N_SHARDS))
    before = {path.name: path.stat().st_mtime_ns for path in shards_of(this.folder)}
    running = this.job.poll() is None
    broken = time.monotonic()
    steps = KINDS[kind](this)
    facts = next(steps)
    wait_for(this, N_SHARDS)
    last = time.monotonic()
    status, said = ended(this.job)
    seconds = time.monotonic() - broken
    list(steps)  # mend the cluster
    more = 0
    while more < 5 and not read_json(this.folder / MANIFEST)["finished"]:
        ended(this.again())
        more += 1
    found = contents(this.folder)
    rewritten = [name for name, written in before.items() if (this.folder / name).stat().st_mtime_ns != written]
    return {
        "running": running,
        "shards before": len(before),
        "of": N_SHARDS,
        "facts": facts,
        "status": status,
        "said": said.strip().splitlines()[-1:] if status != 2 else [],  # 2: some photos are none
        "traceback": "Traceback" in said,
        "seconds until the first shard": round(first - begun, 1),
        "seconds of work": round(last - first, 2),
        "seconds from the break to the end": round(seconds, 1),
        "not let in": n_commands - 1,
        "commands after it": more,
        "equal": found == whole,
        "rewritten": len(rewritten),
    }


def wait_for(this: Round, n_shards: int) -> None:
    """Wait until so many shards are there, or the command has ended."""
    while this.job.poll() is None:
        if this.folder.is_dir() and sum(name.startswith("part-") for name in os.listdir(this.folder)) >= n_shards:
            return
        time.sleep(0.02)


def nothing(_: Round) -> Iterator[object]:
    """Nothing is broken."""
    yield None


def worker(this: Round) -> Iterator[object]:
    """A worker process dies."""
    yield this.cluster.kill_worker(_VICTIM)


def node(this: Round) -> Iterator[object]:
    """A node dies as a whole; another takes its place afterwards."""
    yield this.cluster.kill(_VICTIM)
    this.cluster.start(_VICTIM)
    this.cluster.wait_for_nodes()


def cable(this: Round) -> Iterator[object]:
    """A node is cut off, and goes on by itself; nobody is told."""
    this.cluster.cut(_VICTIM)
    yield None
    this.cluster.kill(_VICTIM)
    this.cluster.start(_VICTIM)
    this.cluster.wait_for_nodes()


def head(this: Round) -> Iterator[object]:
    """The head dies as a whole, and with it the cluster; it is started anew."""
    killed = this.cluster.kill(HEAD)
    yield killed
    for name in this.cluster.workers:
        this.cluster.kill(name)
    for name in (HEAD, *this.cluster.workers):
        this.cluster.start(name)
    this.cluster.wait_for_nodes()


def driver(this: Round) -> Iterator[object]:
    """The command itself dies."""
    this.job.kill()
    yield None


def blip(this: Round) -> Iterator[object]:
    """The head is out of reach for the command and all nodes, for five seconds."""
    this.cluster.cut(HEAD)
    time.sleep(5)
    this.cluster.mend(HEAD)
    yield None


KINDS: Final[dict[str, Callable[[Round], Iterator[object]]]] = {
    "nothing": nothing,
    "worker": worker,
    "node": node,
    "cable": cable,
    "driver": driver,
    "blip": blip,
    "head": head,
}


if __name__ == "__main__":
    sys.exit(main())
