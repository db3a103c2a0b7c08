"""A fuzzer's child: it writes each input to `current.bin` before it uses it, and says lines of JSON."""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Final

STUCK: Final = 60  # seconds


def one_child(script: str, spec: dict[str, Any]) -> tuple[list[dict[str, Any]], int]:
    """What a child says, and its exit status; one that stands still for a minute is ended."""
    command = [sys.executable, script, "--child", json.dumps(spec)]
    current, out = Path(spec["folder"]) / "current.bin", Path(spec["folder"]) / "said.jsonl"
    current.unlink(missing_ok=True)  # the child before left it: a start that takes long would pass for stuck
    with out.open("w") as said, subprocess.Popen(command, stdout=said, stderr=subprocess.DEVNULL) as process:
        while process.poll() is None:
            time.sleep(0.5)
            if current.exists() and time.time() - current.stat().st_mtime > STUCK:
                process.kill()
    return [json.loads(line) for line in out.read_text().splitlines() if line.endswith("}")], process.returncode


def keep_current(folder: Path, name: str) -> Path:
    """Keep what a child that died had before it; nothing where it died before its first."""
    kept, current = folder / name, folder / "current.bin"
    kept.write_bytes(current.read_bytes() if current.exists() else b"")
    return kept
