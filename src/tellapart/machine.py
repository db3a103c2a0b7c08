"""What a run is computed on: the processor, its cores, and whether it multiplies 8 bits without overflow."""

import math
import os
import platform
from contextlib import suppress
from pathlib import Path
from typing import Final

from tellapart.control_groups import control_groups

MOST_STREAMS: Final = 16  # each holds the activations of a batch
_CPUINFO: Final = Path("/proc/cpuinfo")
# As Linux names them: of AVX-512, and of AVX2.
_VNNI: Final = frozenset({"avx512_vnni", "avx_vnni"})
_own_cores = 0


def usable_cores() -> int:
    """How many cores this process may use, in a container as many as it is given; those of the machine may be more."""
    if own_cores():
        return own_cores()
    seen, share = seen_cores(), allowed_cores()
    return seen if share is None else min(seen, max(1, math.ceil(share)))


def limit_cores(cores: int) -> None:
    """Leave the other cores to processes beside this one: workers of a pool have one each."""
    global _own_cores  # noqa: PLW0603  one for the life of the process
    _own_cores = cores


def own_cores() -> int:
    """How many cores this process was limited to; 0 where it was not."""
    return _own_cores


def seen_cores() -> int:
    """How many cores this process may run on, whatever share of their time it is given."""
    return (len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()) or 1


def allowed_cores() -> float | None:
    """How many cores' time a container may use; None where there is no limit, or none that is told.

    By the control groups of Linux, the least of those above this process.
    """
    return min((share for folder in control_groups("cpu") if (share := _share(folder))), default=None)


def _share(folder: Path) -> float | None:
    """Microseconds of each period, by version 2 and version 1 of control groups; None where nothing limits them."""
    with suppress(OSError, ValueError, ZeroDivisionError):
        quota, period = (folder / "cpu.max").read_text().split()
        return None if quota == "max" else int(quota) / int(period)
    with suppress(OSError, ValueError, ZeroDivisionError):
        quota, period = ((folder / f"cpu.cfs_{name}_us").read_text() for name in ("quota", "period"))
        return int(quota) / int(period) if int(quota) > 0 else None
    return None


def streams_and_threads(cores: int) -> tuple[int, int]:
    """How many batches to compute at once, and how many threads work together on each."""
    streams = min(cores, MOST_STREAMS)
    return streams, max(1, cores // streams)


def processor() -> str:
    """Its name: libraries choose their kernels by it."""
    return _told("model name") or platform.processor()


def has_vnni() -> bool:
    """Whether sums of products of 8 bits are added up in 32 bits; False where the system does not say."""
    return bool(_VNNI & processor_flags())


def processor_flags() -> set[str]:
    """What the processor says it can do; nothing where the system does not tell."""
    return set(_told("flags").split())


def _told(field: str) -> str:
    """A line of /proc/cpuinfo, of the first core; empty where there is none."""
    lines = _CPUINFO.read_text(encoding="utf-8", errors="replace").splitlines() if _CPUINFO.is_file() else []
    return next((line.partition(":")[2].strip() for line in lines if line.partition(":")[0].strip() == field), "")
