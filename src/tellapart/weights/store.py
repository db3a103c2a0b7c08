"""The weight store: files found, fetched, added, checked; a wrong one is set aside and never used.

Every change of a file happens under its lock, and a file appears under its name
only whole and checked, so that runs beside each other cannot spoil anything.
"""

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal
from urllib.parse import quote

from tellapart.errors import StorageError, WeightsError
from tellapart.files import cache_folder, make_folder, whole_file
from tellapart.progress import Progress, Silent
from tellapart.weights.download import Patience, Wanted, download, forget_part, store_errors
from tellapart.weights.integrity import digest, fault, remember, seen_before
from tellapart.weights.offline import offline
from tellapart.weights.pins import Pin, find_pin, pins
from tellapart.weights.recognition import recognise

Where = Literal["built in", "store", "Keras cache", "-"]
MIRROR: Final = "TELLAPART_MIRROR"
SET_ASIDE: Final = "set-aside"
LOCKS: Final = ".locks"


@dataclass(frozen=True)
class Added:
    """A file that was added.

    Attributes:
        pin: What it is.
        path: Where it lies now.
        by: How it was recognised: "SHA-256", "MD5" or "layout".
    """

    pin: Pin
    path: Path
    by: str


@dataclass(frozen=True)
class Verdict:
    """What `verify` found out about one file.

    Attributes:
        backbone: Whose weights it should hold.
        path: Where it lies, or lay.
        ok: Whether it is the pinned one.
        said: "ok", "built in, ...", "not here", or what is wrong and what was done about it.
    """

    backbone: str
    path: Path
    ok: bool
    said: str


def weight_store() -> Path:
    """The folder of fetched weights: `TELLAPART_WEIGHTS`, else a folder in the cache."""
    return Path(os.environ.get("TELLAPART_WEIGHTS") or cache_folder() / "weights")


def keras_cache() -> Path:
    """The folder of Keras' own files; it is read and never written."""
    return Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras") / "models"


def whereabouts(pin: Pin) -> tuple[Where, Path | None]:
    """Where a file is, at a glance: its content is not looked at, only its size where it is surely known."""
    places: list[tuple[Where, Path]] = [("store", weight_store() / pin.file), ("Keras cache", keras_cache() / pin.file)]
    if pin.built_in:
        places = [("built in", _packaged(pin))]
    for where, path in places:
        if path.is_file() and (not pin.pinned_digest or pin.size in {None, path.stat().st_size}):
            return where, path
    return ("built in" if pin.built_in else "-"), None


def locate(pin: Pin, progress: Progress | None = None) -> Path | None:
    """A file that is here and is the pinned one: in the package, the store, or Keras' cache; else None.

    A wrong one in the store is named and set aside, one in Keras' cache is named and left where it is.

    Raises:
        WeightsError: The store's record is damaged.
    """
    progress = progress or Silent()
    if pin.built_in:
        return _packaged(pin) if _packaged(pin).is_file() else None
    stored = weight_store() / pin.file
    if stored.is_file():
        if not _fault_in_store(pin):
            return stored
        try:
            with _locked(stored, progress):
                kept = _keep_if_right(pin, progress)
            if kept:
                return kept
        except StorageError as problem:
            progress.note(f"{stored} is not used ({_fault_in_store(pin)}), and cannot be set aside. {problem}")
    cached = keras_cache() / pin.file
    if cached.is_file():
        found = fault(cached, pin, None)
        if not found:
            return cached
        progress.note(f"{cached} is damaged ({found}); it is left alone and not used.")
    return None


def fetch(pin: Pin, progress: Progress | None = None, patience: Patience | None = None) -> Path:
    """The file: as `locate` finds it, else fetched into the store.

    Two processes that want the same file fetch it once: the second waits for the first.

    Raises:
        WeightsError: It cannot be had; the message says what would help.
        StorageError: The store cannot be written.
    """
    progress = progress or Silent()
    found = locate(pin, progress)
    if found:
        return found
    if pin.built_in:
        raise WeightsError(f"{_packaged(pin)} is missing in this installation. Next: install Tellapart again")
    if offline():
        raise WeightsError(f"The weights of {pin.backbone} are not here, and TELLAPART_OFFLINE is 1. {how_to_get(pin)}")
    with _locked(weight_store() / pin.file, progress):
        return _keep_if_right(pin, progress) or _download(pin, progress, patience)


def how_to_get(pin: Pin) -> str:
    """What to type where a file cannot be fetched from here."""
    return (
        f"Next: fetch {pin.address} on another machine, then: tellapart weights add {pin.file}, or --weights FILE; "
        "or --backbone pocket, which is built in; or name a way out: HTTPS_PROXY, or a TELLAPART_MIRROR"
    )


def add(path: Path, progress: Progress | None = None) -> Added:
    """Copy a file that was brought here into the store, recognised by its digest, else by its layout.

    Raises:
        WeightsError: It is none of the files that are offered; the message says what it is instead.
        StorageError: The store cannot be written.
    """
    progress = progress or Silent()
    pin, by, sha256 = recognise(path)
    target = weight_store() / pin.file
    with _locked(target, progress):
        if target.is_file() and digest(target) != sha256:
            _set_aside(target, "another file was added in its place", progress)
        if not target.is_file():
            with store_errors(target), whole_file(target) as temporary:
                shutil.copyfile(path, temporary)
                if digest(temporary) != sha256:
                    raise WeightsError(f"{path} changed while it was copied. Next: the same command again")
        _remember(pin, sha256)
    return Added(pin, target, by)


def verify(names: Sequence[str], progress: Progress | None = None) -> list[Verdict]:
    """Check every file of these backbones (of all, where none is named) that is in the store or Keras' cache.

    Wrong ones in the store are set aside. Backbones that are named and not here get a verdict too.

    Raises:
        UnknownNameError: No backbone of that name.
        WeightsError: The store's record is damaged.
    """
    progress = progress or Silent()
    verdicts: list[Verdict] = []
    for pin in [find_pin(name) for name in dict.fromkeys(names)] or pins().values():
        found = [_judge(pin, path, progress) for path in _places(pin) if path.is_file()]
        if names and not found:
            found = [Verdict(pin.backbone, _places(pin)[0], ok=False, said="not here")]
        verdicts += found
    return verdicts


def _places(pin: Pin) -> list[Path]:
    return [_packaged(pin)] if pin.built_in else [weight_store() / pin.file, keras_cache() / pin.file]


def _judge(pin: Pin, path: Path, progress: Progress) -> Verdict:
    if pin.built_in and not pin.sha256:
        return Verdict(pin.backbone, path, ok=True, said="built in, no digest is pinned")
    if path.parent != weight_store():
        found = fault(path, pin, None)
        return Verdict(pin.backbone, path, not found, f"{found}; left where it is" if found else "ok")
    found = _fault_in_store(pin)
    if not found:
        return Verdict(pin.backbone, path, ok=True, said="ok")
    with _locked(path, progress):
        if _keep_if_right(pin, Silent()):
            return Verdict(pin.backbone, path, ok=True, said="ok")
    return Verdict(pin.backbone, path, ok=False, said=f"{found}; set aside in {path.parent / SET_ASIDE}")


def _packaged(pin: Pin) -> Path:
    return Path(__file__).parent.parent / "models" / pin.file


def _fault_in_store(pin: Pin) -> str:
    """What is wrong with a file of the store; one that is right is remembered."""
    store = weight_store()
    path = store / pin.file
    seen = seen_before(store, pin)
    found = fault(path, pin, seen)
    if not found and not pin.sha256 and (seen is None or seen.md5 != pin.md5):
        with suppress(StorageError):  # a store that is shared read-only can still be used
            _remember(pin, digest(path))
    return found


def _remember(pin: Pin, sha256: str) -> None:
    if pin.sha256:
        return
    store = weight_store()
    with _locked(store / "store.json", Silent()):
        remember(store, pin, sha256)


def _keep_if_right(pin: Pin, progress: Progress) -> Path | None:
    """The file of the store if it is right, else it is set aside; the caller holds its lock."""
    path = weight_store() / pin.file
    if not path.is_file():
        return None
    found = _fault_in_store(pin)
    if not found:
        return path
    _set_aside(path, found, progress)
    return None


def _download(pin: Pin, progress: Progress, patience: Patience | None) -> Path:
    """Fetch a file, check it, give it its name; the caller holds its lock."""
    target = weight_store() / pin.file
    part = target.with_name(f"{target.name}.part")
    address = _address(pin)
    try:
        download(Wanted(pin.backbone, address, pin.size, pin.most_bytes), part, progress, patience)
    except WeightsError as problem:
        raise WeightsError(
            f"The weights of {pin.backbone} cannot be fetched ({problem}). {how_to_get(pin)}"
        ) from problem
    found = fault(part, pin, seen_before(weight_store(), pin))
    forget_part(part)
    if found:
        aside = _set_aside(part, found, progress, name=target.name)
        trusted = "" if pin.pinned_digest else f", and tellapart weights add {aside} takes it all the same"
        raise WeightsError(
            f"What came from {address} is not {pin.file} ({found}); it is set aside as {aside}{trusted}. "
            f"{how_to_get(pin)}"
        )
    if not pin.sha256:
        _remember(pin, digest(part))
    with store_errors(target):
        part.replace(target)
    return target


def _address(pin: Pin) -> str:
    """Where a file is fetched: at its own address, or by its name from `TELLAPART_MIRROR`."""
    mirror = os.environ.get(MIRROR)
    return f"{mirror.rstrip('/')}/{quote(pin.file)}" if mirror else pin.address


def _set_aside(path: Path, why: str, progress: Progress, name: str = "") -> Path:
    """Move a wrong file out of the way under a free name; the caller holds its lock."""
    with store_errors(path):
        folder = make_folder(weight_store() / SET_ASIDE)
        aside, number = folder / (name or path.name), 1
        while aside.exists():
            number += 1
            aside = folder / f"{name or path.name}.{number}"
        path.replace(aside)
    progress.note(f"{path} is not used ({why}); it is set aside as {aside}.")
    return aside


@contextmanager
def _locked(path: Path, progress: Progress) -> Iterator[None]:
    """Hold the lock of a file; where another process holds it, say so and wait."""
    from filelock import FileLock, Timeout

    with store_errors(path.parent):
        lock = FileLock(make_folder(path.parent / LOCKS) / f"{path.name}.lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            progress.note(f"Another run is busy with {path.name}; waiting for it.")
            lock.acquire()
    try:
        yield
    finally:
        lock.release()
