"""A fuzzer's child: it writes each input to `current.bin` before it uses it, and says lines of JSON."""

import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Final

STUCK: Final = 60  # seconds of its processor time with one input
WAITED: Final = 1800  # seconds of the clock: one that waits for nothing uses no processor


def one_child(script: str, spec: dict[str, Any]) -> tuple[list[dict[str, Any]], int]:
    """What a child says, and its exit status; one that stands still is ended.

    A busy machine may leave it hardly any time for minutes, so that its own processor time is looked at.
    """
    current, out, told = (Path(spec["folder"]) / name for name in ("current.bin", "said.jsonl", "spec.json"))
    told.write_text(json.dumps(spec))  # a file: what was seen before is soon too long for an argument
    command = [sys.executable, script, "--child", str(told)]
    current.unlink(missing_ok=True)  # the child before left it: a start that takes long would pass for stuck
    begun, used = 0, 0.0
    with out.open("w") as said, subprocess.Popen(command, stdout=said, stderr=subprocess.DEVNULL) as process:
        while process.poll() is None:
            time.sleep(0.5)
            if not current.exists():
                continue
            if begun != (begun := current.stat().st_mtime_ns):
                used = processor_seconds(process.pid)
            if processor_seconds(process.pid) - used > STUCK or time.time() - begun / 1e9 > WAITED:
                process.kill()
    return [json.loads(line) for line in out.read_text().splitlines() if line.endswith("}")], process.returncode


def processor_seconds(number: int) -> float:
    """What all threads of a process have used so far; 0 where it has ended."""
    try:
        fields = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def processor_minutes() -> float:
    """What all children so far have used: on a busy machine far less than the clock says."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return round((used.ru_utime + used.ru_stime) / 60, 1)


def keep_current(folder: Path, name: str) -> Path:
    """Keep what a child that died had before it; nothing where it died before its first."""
    kept, current = folder / name, folder / "current.bin"
    kept.write_bytes(current.read_bytes() if current.exists() else b"")
    return kept
