"""`tellapart` told to stop by Ctrl-C and SIGTERM in many parts of its work, and gone on with each time.

    python tests/long/signals.py --out signals.json

One run folder: in each part a signal is sent to the process, once or twice. Printed: how long it took to end, its
status, its last line, whether a process is left in its group, and which files could not be read. At the end the run is
brought to its end and compared with one that nobody stopped.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Final

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parent.parent)]

from kills import Place  # noqa: E402
from wholeness import differences, orphans, unreadable  # noqa: E402

from ladder_set import draw_shapes  # noqa: E402

INT, TERM = signal.SIGINT, signal.SIGTERM
# The command, what it told when the signal is sent, and the signals.
STOPS: Final = (
    ("fit", "bar Opening every photo", (INT,)),
    ("fit", "bar Features of pocket", (TERM,)),
    ("fit", "note 27 to learn from", (INT, INT)),
    ("fit", "epoch baseline 2", (INT,)),
    ("fit", "epoch deeper 3", (TERM,)),
    ("fit", "epoch augmented 2", (INT, INT)),
    ("fit", "bar Searching", (TERM,)),
    ("fit", "bar Training trial 1", (INT,)),
    ("fit", "bar Training finetuned, head", (INT,)),
    ("fit", "bar Below", (TERM,)),
    ("fit", "bar The map", (INT,)),
    ("fit", "bar Looking", (INT, INT)),
    ("fit", "bar Making pictures", (TERM,)),
    ("export", "note Writing onnx", (INT,)),
    ("report", "start", (TERM,)),
)
_LOADED: Final = 5.0  # seconds after its start, a command that tells nothing of itself is at work


def main() -> int:
    """Stop, look, go on; print what came of it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--work", type=Path, default=Path("signals"))
    parser.add_argument("--whole", type=Path, help="a run folder that nobody stopped, made by kills.py")
    parser.add_argument("--out", type=Path, default=Path("signals.json"))
    options = parser.parse_args()
    place = Place(options.whole.parent.parent / "photos" if options.whole else options.work / "photos", options.work)
    options.work.mkdir(parents=True, exist_ok=True)
    if not place.photos.is_dir():
        draw_shapes(place.photos, per_class=14)
    commands = {words[0]: words for words in place.commands()}
    rows = []
    for name, words in commands.items():
        rows += [stop(place, words, told, signals) for command, told, signals in STOPS if command == name]
        status = place.start(words, again=True).wait()
        rows.append({"command": name, "stopped at": "not", "status": status})
    found = {
        "stops": rows,
        "left": orphans(place.run, place.cache),
        "differing": differences(options.whole, place.run) if options.whole else None,
    }
    options.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(found, indent=1))  # noqa: T201
    return 0


def stop(place: Place, words: list[str], told: str, signals: tuple[signal.Signals, ...]) -> dict[str, Any]:
    """Send signals to one process when it tells something."""
    lines = place.log.read_text(encoding="utf-8").count("\n") if place.log.is_file() else 0
    said = place.folder / "said.txt"
    before = said.stat().st_size if said.is_file() else 0
    process = place.start(words, again=True)
    row: dict[str, Any] = {"command": words[0], "stopped at": told, "signals": [one.name for one in signals]}
    if not _told(place.log, lines, told, process):
        return row | {"status": process.wait(), "note": "it did not come to that"}
    if told == "start":
        time.sleep(_LOADED)
    moment = time.monotonic()
    for number in signals:
        process.send_signal(number)
        time.sleep(0.3)
    status = process.wait()
    row["seconds"] = round(time.monotonic() - moment, 2)
    with said.open(encoding="utf-8", errors="replace") as file:
        file.seek(before)
        last = file.read().strip().rpartition("\n")[2]
    row |= {
        "status": status,
        "last line": last,
        "left in its group": _lives(process.pid),
        "unreadable": unreadable(place.run, {}) + unreadable(place.cache, {}),
    }
    print(json.dumps(row), flush=True)  # noqa: T201
    return row


def _told(log: Path, lines: int, told: str, process: "subprocess.Popen[bytes]") -> bool:
    while process.poll() is None:
        new = log.read_text(encoding="utf-8").splitlines()[lines:] if log.is_file() else []
        if any(line.partition("\t")[2].startswith(told) for line in new):
            return True
        time.sleep(0.05)
    return False


def _lives(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


if __name__ == "__main__":
    sys.exit(main())
