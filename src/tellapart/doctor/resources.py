"""What there is to work with: cores and threads, memory, room on disk."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import gettempdir
from typing import Final

from tellapart.doctor.finding import Finding, Scope
from tellapart.doctor.kept_files import fault_of_folder
from tellapart.machine import allowed_cores, seen_cores
from tellapart.memory import available_bytes
from tellapart.storage import free_bytes, free_names

_THREADS: Final = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "TF_NUM_INTRAOP_THREADS",
    "TF_NUM_INTEROP_THREADS",
)
_GIGABYTE: Final = 1e9
_BUSY: Final = 2.0  # processes that wait for each core


def check_threads(scope: Scope) -> Iterator[Finding]:  # noqa: ARG001  a check's shape
    """No library is told to use more threads than there are cores, and a container's share is known."""
    cores, fine = seen_cores(), True
    for variable in _THREADS:
        told = os.environ.get(variable, "").strip()
        if told and not _is_count(told, cores):
            fine = False
            found = f"{variable} is {told[:20]}, and this process may use {cores} cores: threads wait for each other"
            yield Finding("warn", "threads", found, f"unset {variable}")
    share = allowed_cores()
    if share is not None and share < cores:
        fine = False
        found = f"{cores} cores are seen, and {share:.3g} of them may be used: threads wait for each other"
        few = max(1, int(share))
        yield Finding(
            "warn", "cores", found, f"taskset -c 0-{few - 1} tellapart ..." if few > 1 else "taskset -c 0 ..."
        )
    if fine:
        yield Finding("ok", "cores", f"{cores} of {os.cpu_count()} may be used")


def _is_count(text: str, most: int) -> bool:
    # OMP_NUM_THREADS may name a number for each level, and 0 leaves it to TensorFlow.
    return all(part.strip().isdecimal() and int(part) <= most for part in text.split(","))


def check_load(scope: Scope) -> Iterator[Finding]:  # noqa: ARG001  a check's shape
    """The machine is not so busy with something else that a run would crawl."""
    if not hasattr(os, "getloadavg"):
        return
    waiting, cores = os.getloadavg()[0], os.cpu_count() or 1
    if waiting > _BUSY * cores:
        found = f"{waiting:.1f} processes want {cores} cores: a run takes {waiting / cores:.1f} times as long"
        yield Finding("warn", "load", found, "top, and end what is not needed")


def check_memory(scope: Scope) -> Iterator[Finding]:  # noqa: ARG001  a check's shape
    """There is memory for a run; what a container may use counts."""
    free = available_bytes()
    if free is None:
        yield Finding("ok", "memory", "this system does not tell how much is free")
    elif free < 0.5 * _GIGABYTE:
        found = f"{free / _GIGABYTE:.2f} GB are free; a prediction needs 0.5"
        yield Finding("wrong", "memory", found, "end other programs, or raise the container's limit")
    elif free < 3 * _GIGABYTE:
        found = f"{free / _GIGABYTE:.1f} GB are free; predictions work, training takes up to 3"
        yield Finding("warn", "memory", found, "tellapart fit PHOTOS --out RUN --recipes linear --backbone pocket")
    else:
        yield Finding("ok", "memory", f"{free / _GIGABYTE:.1f} GB are free")


def check_disk(scope: Scope) -> Iterator[Finding]:
    """There is room where files are written: the cache, the weights, temporary files, the current folder."""
    tight, rooms = False, list[int]()
    for name, folder, way_out in _places(scope):
        room = free_bytes(folder)
        if room is None:
            continue  # this system does not tell
        rooms.append(room)
        if free_names(folder) == 0:
            tight = True
            yield Finding("wrong", f"room for {name}", f"{folder}: no further file can be made (no inode)", way_out)
        elif room < 0.2 * _GIGABYTE:
            tight = True
            yield Finding("wrong", f"room for {name}", f"{room / 1e6:.0f} MB in {folder}; a run takes 0.2 GB", way_out)
        elif room < 2 * _GIGABYTE:
            tight = True
            found = f"{room / _GIGABYTE:.1f} GB in {folder}; kept activations take up to 2"
            yield Finding("warn", f"room for {name}", found, way_out)
    if not tight:
        found = f"{min(rooms) / _GIGABYTE:.1f} GB at least" if rooms else "this system does not tell how much is free"
        yield Finding("ok", "room on disk", found)


def _places(scope: Scope) -> list[tuple[str, Path, str]]:
    places = [
        ("the cache", scope.cache, "export TELLAPART_CACHE=FOLDER, on a disk with room"),
        ("weights", scope.store, "export TELLAPART_WEIGHTS=FOLDER, on a disk with room"),
        ("results", Path.cwd(), "cd FOLDER, on a disk with room"),
    ]
    with suppress(OSError):  # told by the check of temporary files
        places.append(("temporary files", Path(gettempdir()), "export TMPDIR=FOLDER, on a disk with room"))
    return places


def check_current_folder(scope: Scope) -> Iterator[Finding]:  # noqa: ARG001  a check's shape
    """Results can be written into the current folder."""
    fault = fault_of_folder(Path.cwd())
    if fault:
        yield Finding("warn", "current folder", f"{Path.cwd()} {fault}", "cd ~, or --out with a folder that is yours")
