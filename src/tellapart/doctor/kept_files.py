"""What is kept on disk: weights, the cache, the machine's record; found damaged, left behind, or not writable."""

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryFile
from typing import Final

from tellapart.doctor.finding import Finding, Scope
from tellapart.doctor.wholeness import fault_of
from tellapart.storage import megabytes
from tellapart.temporaries import left_behind, sweep

MEND: Final = "tellapart doctor --mend"
# Folders of the cache that hold nothing but what is computed again where it is missing.
_OURS: Final = ("features", "onnx", "pixels", "activations", "looks")
_RECORDS: Final = ("machine.json", "times.json")
_AT_A_GLANCE: Final = 256 << 20  # bytes of weights whose digests are taken without being asked for
_LARGE: Final = 20 << 30  # bytes of a cache


def check_weights(scope: Scope) -> Iterator[Finding]:
    """Weights that are here are those that are pinned."""
    from tellapart.weights.pins import pins
    from tellapart.weights.store import whereabouts

    here = [(pin, *whereabouts(pin)) for pin in pins().values()]
    found = [(pin, where, path) for pin, where, path in here if path is not None and not pin.built_in]
    total = sum(path.stat().st_size for _, _, path in found)
    read = scope.thorough or total <= _AT_A_GLANCE
    damaged = False
    for pin, where, path in found:
        fault = _fault_of_weights(scope, pin.backbone, path) if read else ""
        if not fault:
            continue
        damaged = True
        if where == "store":
            command, repair = f"tellapart weights verify {pin.backbone}", _setting_aside(pin.backbone)
            yield Finding("wrong", f"weights of {pin.backbone}", f"{path}: {fault}", command, repair)
        else:
            command = f"rm {path} && tellapart weights pull {pin.backbone}"
            yield Finding("warn", f"weights of {pin.backbone}", f"{path}: {fault}; it is not used", command)
    if not damaged:
        looked = "their digests are right" if read else "their sizes are right; digests with --thorough"
        names = ", ".join(pin.backbone for pin, _, _ in found) or "none fetched; pocket is built in"
        told = f"{names} ({megabytes(total)}; {looked})" if found else names
        yield Finding("ok", "weights", f"{told}; {scope.store}")


def _fault_of_weights(scope: Scope, backbone: str, path: Path) -> str:
    from tellapart.errors import WeightsError
    from tellapart.weights.integrity import fault, seen_before
    from tellapart.weights.pins import find_pin

    pin = find_pin(backbone)
    try:
        seen = seen_before(scope.store, pin) if path.parent == scope.store else None
    except WeightsError as problem:
        return str(problem)
    # Without a digest the layout would be read, by packages that not every installation has.
    return fault(path, pin, seen) if pin.pinned_digest or seen else ""


def _setting_aside(backbone: str) -> Callable[[], str]:
    def repair() -> str:
        from tellapart.weights.store import verify

        said = "; ".join(verdict.said for verdict in verify([backbone]) if not verdict.ok)
        return f"{said or 'nothing to do'}. Next: tellapart weights pull {backbone}"

    return repair


def check_cache(scope: Scope) -> Iterator[Finding]:
    """Every file of the cache is whole; what is damaged or was left behind by a run that was killed can go."""
    fault = fault_of_folder(scope.cache)
    if fault:
        yield Finding("wrong", "cache", f"{scope.cache} {fault}", "export TELLAPART_CACHE=FOLDER, one that is yours")
        return
    kept = list(_files(scope.cache))
    total = sum(size for _, size in kept)
    damaged = [(path, fault) for path, _ in kept if (fault := fault_of(path))]
    if damaged:
        first, why = damaged[0]
        told = f"{len(damaged)} of {len(kept)} files are damaged, such as {first} ({why})"
        yield Finding("wrong", "cache", told, MEND, _removing([path for path, _ in damaged]))
    elif total > _LARGE:
        command = f"rm -r {scope.cache}/activations {scope.cache}/pixels"
        yield Finding("warn", "cache", f"{scope.cache} holds {megabytes(total)}; all of it can be made again", command)
    else:
        yield Finding("ok", "cache", f"{len(kept)} files, {megabytes(total)}, all whole; {scope.cache}")


def check_leftovers(scope: Scope) -> Iterator[Finding]:
    """No temporary file of a run that was killed takes room."""
    left = left_behind(scope.cache)
    if left:
        size = sum(_size(path) for path in left)
        told = f"{len(left)} unfinished files of runs that were ended, {megabytes(size)}, in {scope.cache}"
        yield Finding("warn", "left behind", told, MEND, lambda: _removed(len(sweep(scope.cache))))


def check_records(scope: Scope) -> Iterator[Finding]:
    """What was measured of this machine can be read."""
    there = [scope.cache / name for name in _RECORDS if (scope.cache / name).is_file()]
    damaged = [path for path in there if fault_of(path)]
    if damaged:
        told = f"{', '.join(map(str, damaged))} cannot be read; measured anew where it is missing"
        yield Finding("warn", "machine's record", told, MEND, _removing(damaged))
    else:
        told = ", ".join(path.name for path in there) or "nothing was measured yet"
        yield Finding("ok", "machine's record", told)


def fault_of_folder(folder: Path) -> str:
    """Why a folder, which may not exist yet, cannot be written to; "" where it can."""
    place = folder.absolute()
    while not place.exists() and place != place.parent:
        place = place.parent
    if not place.is_dir():
        return f"cannot be a folder: {place} is a file"
    try:
        with TemporaryFile(dir=place) as file:
            file.write(b"0")
    except OSError as problem:
        return f"cannot be written: {(problem.strerror or str(problem)).lower()} ({place})"
    return ""


def _files(cache: Path) -> Iterator[tuple[Path, int]]:
    """Files of the cache that are ours and finished, and their sizes; links are not followed."""
    for folder in _OURS:
        for place, _, names in os.walk(cache / folder):
            for name in sorted(names):
                path = Path(place) / name
                if not name.startswith(".") and path.is_file() and not path.is_symlink():
                    yield path, _size(path)


def _removing(paths: Sequence[Path]) -> Callable[[], str]:
    def repair() -> str:
        removed = 0
        for path in paths:
            with suppress(FileNotFoundError):
                if path.is_dir() and not path.is_symlink():
                    shutil.rmtree(path)
                else:
                    path.unlink()
                removed += 1
        return _removed(removed)

    return repair


def _removed(n: int) -> str:
    return f"removed {n} files, which are made again where they are needed"


def _size(path: Path) -> int:
    with suppress(OSError):
        return path.lstat().st_size
    return 0
