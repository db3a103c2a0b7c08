"""What it took to compute something that is kept, so that a step which finds it there is not taken for a cheap one."""

import json
from pathlib import Path
from typing import Final

from tellapart.files import read_json, write_json

FILE: Final = "seconds.json"


def add_seconds(file: Path, n_done: int, seconds: float) -> None:
    """Add to what is on record.

    Args:
        file: The record, beside what was computed.
        n_done: How many photos were computed.
        seconds: That it took.

    Raises:
        StorageError: The file cannot be written.
    """
    before, spent = _read(file)
    write_json(file, {"photos": before + n_done, "seconds": round(spent + seconds, 3)})


def seconds_of(file: Path, n_photos: float, measured: float) -> float:
    """What it takes to compute some photos by oneself.

    Args:
        file: The record.
        n_photos: How many.
        measured: What is told where nothing is on record.
    """
    done, seconds = _read(file)
    return seconds / done * n_photos if done else measured


def _read(file: Path) -> tuple[int, float]:
    """Photos and seconds; none of both where the record is missing or damaged: it is our own, and begun anew."""
    try:
        told = read_json(file)
        done, seconds = int(told["photos"]), float(told["seconds"])
    except (OSError, ValueError, KeyError, TypeError, json.JSONDecodeError):
        return 0, 0.0
    return (done, seconds) if done > 0 and seconds >= 0 else (0, 0.0)
