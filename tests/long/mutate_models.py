"""Alter a good model file in many ways, and hold what comes of each against what is promised.

    python tests/long/mutate_models.py --files 100000

Six ways in turn: bytes of the file; bytes of its network, sealed again; places of its network's message, sealed again;
the same without a new seal; what it says of itself, sealed again; both, without a digest, as early versions wrote it.
Each file is loaded in a child process and, where it is accepted, answers its golden photos and draws a heat map. A
failure is any exception but ModelFileError, other answers than the unaltered file gives, a process that dies, or over
a gigabyte of memory.
"""

import argparse
import json
import sys
import time
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any, Final

HERE: Final = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent.parent / "src"), str(HERE.parent), str(HERE.parent / "deploy")]

import numpy as np  # noqa: E402
from altered_models import (  # noqa: E402
    ALTERATIONS,
    altered_network,
    altered_passport,
    drawn_passport_of_all,
    is_one_line,
    refused_or_harmless,
    sealed_again,
)
from drawn_model import drawn_model, drawn_network  # noqa: E402
from watched_child import keep_current, one_child, processor_minutes  # noqa: E402

from tellapart.deploy.runtime import Model  # noqa: E402
from tellapart.deploy.seal import DIGEST, KEY  # noqa: E402
from tellapart.errors import ModelFileError  # noqa: E402
from tellapart.memory import peak_mb, start_peak  # noqa: E402
from tellapart.models.onnx_bytes import metadata  # noqa: E402

MEGABYTES: Final = 1000
ROOM: Final = 8 << 30  # bytes of address space of a child: a guard for the machine
A_CHILD: Final = 5_000
WAYS: Final = ("bytes", "bytes, sealed", "network, sealed", "network", "words, sealed", "words and network, no digest")


def altered(way: str, dice: np.random.Generator) -> bytes:
    """One altered file."""
    content, network, passport = whole()
    alter = ALTERATIONS[int(dice.integers(len(ALTERATIONS)))]
    if way == "bytes":
        return alter(content, dice)
    if way == "bytes, sealed":
        return sealed_again(alter(network, dice), passport)
    if way == "network, sealed":
        return sealed_again(altered_network(network, dice), passport)
    if way == "network":
        return altered_network(content, dice)
    told = altered_passport(passport, dice)
    if way == "words, sealed":
        return sealed_again(network, told)
    told.pop(DIGEST, None)
    changed = altered_network(network, dice) if dice.integers(2) else network
    return changed + metadata(KEY, json.dumps(told))


@cache
def whole() -> tuple[bytes, bytes, dict[str, Any]]:
    """The unaltered file, its network, and what it says of itself."""
    return drawn_model(), drawn_network(), drawn_passport_of_all()


def judged(content: bytes, way: str) -> str:
    """What came of a file, in a word; it raises where that is not what is promised."""
    if not way.startswith("words"):
        ending = "refused" if refused_or_harmless(content) else "harmless"
    else:
        ending = "refused" if _refused(content) else "accepted"  # it may say other words of itself, and prove them
    if ending != "refused":
        _draw_heat(Model(content, "m"))
    return ending


def _refused(content: bytes) -> bool:
    try:
        model = Model(content, "m")
        model.answer_pixels(np.zeros((2, model.spec.size, model.spec.size, 3), np.uint8))
    except ModelFileError as problem:
        return is_one_line(str(problem))
    return False


def _draw_heat(model: Model) -> None:
    try:
        answers = model.answer_pixels(np.zeros((2, model.spec.size, model.spec.size, 3), np.uint8), heat=True)
    except ModelFileError:
        return
    if len(answers) != 2:
        raise ValueError("not an answer each")


def child(spec: dict[str, Any]) -> None:
    """Some files; a line of JSON for each failure, and one at the end."""
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (ROOM, ROOM))
    dice, tally = np.random.default_rng(spec["seed"]), Counter[str]()
    most_mb, most_seconds = 0.0, 0.0
    current = Path(spec["folder"]) / "current.bin"
    for number in range(spec["files"]):
        way = WAYS[number % len(WAYS)]
        content = altered(way, dice)
        current.write_bytes(content)
        start_peak()
        began = time.process_time()
        try:
            ending = judged(content, way)
        except BaseException as problem:  # that is what is looked for
            ending = f"FAILED: {type(problem).__name__}: {str(problem)[:200]}"
        seconds, megabytes = time.process_time() - began, peak_mb()
        if megabytes > MEGABYTES:
            ending = f"FAILED: {megabytes:.0f} MB: {ending}"
        most_mb, most_seconds = max(most_mb, megabytes), max(most_seconds, seconds)
        tally[f"{way}: {ending[:60]}"] += 1
        if ending.startswith("FAILED"):
            kept = current.with_name(f"failed-{spec['seed']}-{number}.onnx")
            kept.write_bytes(content)
            say({"failed": ending, "way": way, "file": str(kept)})
    say({"files": spec["files"], "tally": tally, "megabytes": most_mb, "seconds": most_seconds})


def say(line: dict[str, Any]) -> None:
    """A line of JSON to standard output."""
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def main() -> int:
    """Parse, alter, tell; 1 where something failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=1000)
    parser.add_argument("--minutes", type=float, default=1e9, help="stop after so many, with fewer files")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--work", type=Path, default=Path("/tmp/mutate-models"))
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.child:
        child(json.loads(chosen.child.read_text()))
        return 0
    chosen.work.mkdir(parents=True, exist_ok=True)
    total: dict[str, Any] = {"files": 0, "megabytes": 0.0, "seconds": 0.0, "tally": Counter(), "failed": []}
    seed, until = chosen.seed, time.monotonic() + 60 * chosen.minutes
    while total["files"] < chosen.files and time.monotonic() < until:
        lines, status = one_child(
            __file__,
            {"folder": str(chosen.work), "seed": seed, "files": min(A_CHILD, chosen.files - total["files"])},
        )
        seed += 1
        for line in lines:
            total["failed"].extend([line] if "failed" in line else [])
            total["files"] += line.get("files", 0)
            total["tally"].update(line.get("tally", {}))
            total["megabytes"] = max(total["megabytes"], line.get("megabytes", 0))
            total["seconds"] = max(total["seconds"], line.get("seconds", 0))
        if status != 0:
            kept = keep_current(chosen.work, f"failed-{seed}.onnx")
            total["failed"].append({"failed": f"the process died: {status}", "file": str(kept)})
            total["files"] += 1
        total["processor minutes"] = processor_minutes()
        (chosen.work / "so-far.json").write_text(json.dumps(total, indent=1))
        sys.stderr.write(f"{total['files']} files, {len(total['failed'])} failures\n")
    total["tally"] = dict(sorted(total["tally"].items()))
    sys.stdout.write(json.dumps(total, indent=1) + "\n")
    return int(bool(total["failed"]))


if __name__ == "__main__":
    sys.exit(main())
