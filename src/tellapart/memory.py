"""How much memory a step took at its peak."""

import sys
from pathlib import Path

_STATUS = Path("/proc/self/status")
_RESET = Path("/proc/self/clear_refs")


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
