"""What is set around the program: clock, language, temporary files, permissions, network."""

import os
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from tellapart.doctor.finding import Finding, Scope
from tellapart.doctor.kept_files import fault_of_folder
from tellapart.version import MADE

_DAY: Final = 86_400.0  # seconds
_STATUS: Final = Path("/proc/self/status")


def check_clock(scope: Scope) -> Iterator[Finding]:
    """The clock is not before this version was made, and no file of the cache comes from the future."""
    now = time.time()
    made = datetime.fromisoformat(MADE).replace(tzinfo=UTC).timestamp()
    newest = max((path.stat().st_mtime for path in _top(scope.cache)), default=now)
    if now < made - _DAY:
        today = datetime.fromtimestamp(now, UTC).date()
        found = f"it is {today}, they say; this version was made on {MADE}: certificates fail, and ages are wrong"
        yield Finding("wrong", "clock", found, "sudo timedatectl set-ntp true")
    elif newest > now + _DAY:
        date = datetime.fromtimestamp(newest, UTC).date()
        found = f"a file of the cache is of {date}, in the future: is the clock set back?"
        yield Finding("warn", "clock", found, "sudo timedatectl set-ntp true")
    else:
        yield Finding("ok", "clock", f"{datetime.fromtimestamp(now, UTC):%Y-%m-%d %H:%M} UTC")


def _top(cache: Path) -> list[Path]:
    return [path for path in cache.glob("*") if path.exists()] if cache.is_dir() else []


def check_text(scope: Scope) -> Iterator[Finding]:  # noqa: ARG001  a check's shape
    """Names of files and classes in any script can be read and printed."""
    names, printed = sys.getfilesystemencoding(), sys.stdout.encoding or "ascii"
    if not _is_unicode(names):
        found = f"names of files are read as {names}: others than Latin ones are lost"
        yield Finding("wrong", "text", found, "export PYTHONUTF8=1")
    elif not _is_unicode(printed):
        found = f"{printed} is printed: a class that is not written in it ends the command"
        forced = "unset PYTHONIOENCODING" if os.environ.get("PYTHONIOENCODING") else "export PYTHONUTF8=1"
        yield Finding("wrong", "text", found, forced)
    else:
        yield Finding("ok", "text", f"{printed}, for names of files too")


def _is_unicode(encoding: str) -> bool:
    return encoding.lower().replace("-", "").replace("_", "").startswith("utf")


def check_temporary_files(scope: Scope) -> Iterator[Finding]:  # noqa: ARG001  a check's shape
    """Temporary files can be written where they are asked for."""
    for variable in ("TMPDIR", "TEMP", "TMP"):
        folder = os.environ.get(variable)
        fault = (fault_of_folder(Path(folder)) or _missing(Path(folder))) if folder else ""
        if fault:
            yield Finding("wrong", "temporary files", f"{variable} is {folder}, which {fault}", f"unset {variable}")
            return
    try:
        yield Finding("ok", "temporary files", tempfile.gettempdir())
    except OSError as problem:
        yield Finding("wrong", "temporary files", str(problem), "export TMPDIR=FOLDER, one that is yours")


def _missing(folder: Path) -> str:
    return "" if folder.is_dir() else "is not there"


def check_permissions(scope: Scope) -> Iterator[Finding]:  # noqa: ARG001  a check's shape
    """What is written can be read again by who wrote it, and not be changed by everybody."""
    mask = _umask()
    if mask is None:
        return
    if mask & 0o700:
        found = f"umask is {mask:04o}: files that a run makes cannot be read again by yourself"
        yield Finding("wrong", "umask", found, "umask 022")
    elif not mask & 0o002:
        found = f"umask is {mask:04o}: everybody on this machine can change what a run makes"
        yield Finding("warn", "umask", found, "umask 022")
    else:
        yield Finding("ok", "umask", f"{mask:04o}")


def _umask() -> int | None:
    """As the system tells it; asking Python means to change it, while other threads make files."""
    try:
        lines = _STATUS.read_text().splitlines()
        return next((int(line.split()[1], 8) for line in lines if line.startswith("Umask:")), None)
    except (OSError, ValueError, IndexError):
        return None


def check_network(scope: Scope) -> Iterator[Finding]:  # noqa: ARG001  a check's shape
    """How weights would be fetched; no network is tried."""
    from tellapart.weights.offline import VARIABLE, offline
    from tellapart.weights.store import MIRROR

    told = os.environ.get(VARIABLE)
    mirror = os.environ.get(MIRROR)
    if told not in {None, "", "0", "1"}:
        found = f"{VARIABLE} is '{told}', which forbids nothing: 1 does"
        yield Finding("wrong", "network", found, f"export {VARIABLE}=1")
    elif offline():
        yield Finding("ok", "network", f"forbidden by {VARIABLE}; weights come by tellapart weights add FILE")
    elif mirror and not mirror.startswith(("https://", "http://", "file://")):
        yield Finding("wrong", "network", f"{MIRROR} is '{mirror}', which is no address", f"unset {MIRROR}")
    else:
        way = f"from {mirror}" if mirror else "from where they were published"
        yield Finding("ok", "network", f"not tried; weights would be fetched {way}, and nothing else")
