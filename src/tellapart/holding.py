"""A folder held by one process at a time: the system's own lock, which ends with its process, and who holds it."""

import os
import socket
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from tellapart.errors import RunFolderError
from tellapart.files import make_folder, read_json, storage_errors, write_json
from tellapart.temporaries import sweep

LOCK: Final = ".lock"
HOLDER: Final = ".holder.json"
OURS: Final = frozenset({LOCK, HOLDER})


class Hold:
    """The right to write into a folder.

    As a context it is taken at once where the folder holds a run, and given back at the end.

    Args:
        folder: Which.
        mark: The file that tells that there is something to hold; without it the folder is left as it is.
    """

    def __init__(self, folder: Path, mark: str = "run.json") -> None:
        self._folder = folder
        self._mark = mark
        self._lock: Any = None

    def take(self) -> None:
        """Take the folder, which is created where missing; what a dead process held and left there is cleared away.

        Raises:
            RunFolderError: Another process holds it; the message says which.
            StorageError: Nothing can be written there.
        """
        from filelock import FileLock, Timeout

        if self._lock is not None:
            return
        with storage_errors(self._folder):
            lock = FileLock(make_folder(self._folder) / LOCK)
            try:
                lock.acquire(timeout=0)
            except Timeout:
                raise RunFolderError(_told(self._folder)) from None
            except NotImplementedError:
                pass  # a file system without locks: who holds it is written down, and nobody is kept out
        self._lock = lock
        sweep(self._folder)
        try:
            write_json(self._folder / HOLDER, _me())
        except BaseException:
            self.release()
            raise

    def release(self) -> None:
        """Give the folder back."""
        if self._lock is None:
            return
        # While it is still held: filelock takes no lock of a file that was removed meanwhile. Windows removes it.
        for name in (HOLDER, LOCK):
            with suppress(OSError):  # the folder may be gone, and why that is has been told
                (self._folder / name).unlink()
        self._lock.release()
        self._lock = None

    def __enter__(self) -> Self:
        """Take it where there is something to hold."""
        if (self._folder / self._mark).is_file():
            self.take()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give it back."""
        self.release()


def _me() -> dict[str, Any]:
    since = datetime.now(UTC).isoformat(timespec="seconds")
    return {"process": os.getpid(), "host": socket.gethostname(), "since": since}


def _told(folder: Path) -> str:
    try:
        held = read_json(folder / HOLDER)
        by = f"process {int(held['process'])} on {held['host']}, since {held['since']}"
    except (OSError, ValueError, KeyError, TypeError):  # it is being written
        by = "another process"
    return f"{folder} is in use by {by}. Next: wait until it has ended, or stop it, or use another folder"
