"""How much memory a step took at its peak, and how much there is."""

import sys
from contextlib import suppress
from pathlib import Path
from typing import Final

from tellapart.control_groups import control_groups

_STATUS = Path("/proc/self/status")
_RESET = Path("/proc/self/clear_refs")
_MEMINFO: Final = Path("/proc/meminfo")
# By version of control groups: the files of the limit and of what is used, of which `_CACHE` can be given back.
_LIMITS: Final = (("memory.max", "memory.current"), ("memory.limit_in_bytes", "memory.usage_in_bytes"))
_CACHE: Final = ("inactive_file", "total_inactive_file")


def start_peak() -> None:
    """Begin a new peak; where the system cannot (all but Linux), the process's own peak goes on."""
    try:
        _RESET.write_text("5")
    except OSError:
        return


def peak_mb() -> float:
    """Largest resident memory since `start_peak`, in megabytes."""
    try:
        lines = _STATUS.read_text().splitlines()
        kilobytes = next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
    except (OSError, StopIteration):
        import resource  # not on Windows, which has no /proc either

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        kilobytes = peak // 1024 if sys.platform == "darwin" else peak
    return round(kilobytes / 1024, 1)


def available_bytes() -> int | None:
    """What this process may still take: the machine's, its control group's or its own limit, whichever is least.

    None where the system does not tell.
    """
    told = [_of_machine(), *_of_control_groups(), _of_process()]
    known = [number for number in told if number is not None]
    return max(0, min(known)) if known else None


def _of_machine() -> int | None:
    with suppress(OSError, ValueError, IndexError, StopIteration):
        lines = _MEMINFO.read_text().splitlines()
        return next(int(line.split()[1]) << 10 for line in lines if line.startswith("MemAvailable"))
    return None


def _of_control_groups() -> list[int]:
    """What is left below the limit of each control group above this process."""
    pairs = [(folder, *files) for folder in control_groups("memory") for files in _LIMITS]
    return [left for pair in pairs if (left := _left(*pair)) is not None]


def _left(folder: Path, limit: str, used: str) -> int | None:
    with suppress(OSError, ValueError):
        most = int((folder / limit).read_text())  # "max" where there is none
        taken = int((folder / used).read_text())
        return most - taken + _reclaimable(folder) if most < 1 << 60 else None
    return None


def _reclaimable(folder: Path) -> int:
    """Pages of files, which the system gives up before it ends a process."""
    with suppress(OSError, ValueError):
        rows = dict(line.split(maxsplit=1) for line in (folder / "memory.stat").read_text().splitlines())
        return max(int(rows.get(name, 0)) for name in _CACHE)
    return 0


def _of_process() -> int | None:
    """What is left of a limit on this process's address space (ulimit -v)."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    most = resource.getrlimit(resource.RLIMIT_AS)[0]
    if most == resource.RLIM_INFINITY:
        return None
    with suppress(OSError, StopIteration, ValueError):
        lines = _STATUS.read_text().splitlines()
        return most - next(int(line.split()[1]) << 10 for line in lines if line.startswith("VmSize"))
    return most
