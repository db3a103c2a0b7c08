"""The folder that a bulk job fills: on a disk, or at an address that fsspec writes, such as s3://bucket/answers."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, Final, Protocol

from tellapart.errors import OptionError, RunFolderError, SourceError, StorageError, TellapartError
from tellapart.files import make_folder, storage_errors, write_bytes
from tellapart.holding import OURS, Hold
from tellapart.scale.sources import filesystem_of, is_address
from tellapart.scale.tasks import told_of
from tellapart.temporaries import is_temporary
from tellapart.weights.integrity import digest

JOURNAL: Final = "_shards.jsonl"  # on a disk: grows by a line a shard
PARTS: Final = "_shards"  # at an address, where nothing can grow: a folder of parts of it
_LINES: Final = 20  # of a part; so many shards at most are made again after a kill


class Folder(Protocol):
    """Where shards are written; files appear in it whole."""

    def strangers(self, mark: str) -> list[str]:
        """Names of what is there, where the file `mark` is not."""
        ...

    def take(self, mark: str) -> None:
        """Begin to write."""
        ...

    def release(self) -> None:
        """End it, however it went."""
        ...

    def read(self, name: str) -> bytes:
        """The content of a file; FileNotFoundError where there is none."""
        ...

    def write(self, name: str, content: bytes) -> None:
        """Write a file whole."""
        ...

    def digest(self, name: str) -> str:
        """SHA-256 of a file; OSError where there is none."""
        ...

    def told(self) -> list[bytes]:
        """The lines of the journal that were written whole."""
        ...

    def tell(self, line: bytes) -> None:
        """Add a line to the journal."""
        ...

    def forget(self) -> None:
        """Remove the journal."""
        ...


def folder_of(out: str | os.PathLike[str]) -> Folder:
    """The folder that `--out` names.

    Raises:
        MissingExtraError: It is an address, and fsspec or what it needs for it is not installed.
        OptionError: fsspec does not know such addresses, or lacks what it needs for them.
    """
    place = os.fspath(out)
    if not is_address(place):
        return DiskFolder(Path(place))
    try:
        filesystem, path = filesystem_of(place)
    except SourceError as problem:
        raise OptionError(str(problem)) from problem
    kinds = filesystem.protocol if isinstance(filesystem.protocol, tuple | list) else (filesystem.protocol,)
    return DiskFolder(Path(path)) if "file" in kinds else AddressFolder(place, filesystem, path)


class DiskFolder:
    """A folder on a disk, held by one process at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._hold: Hold | None = None
        self._journal: IO[bytes] | None = None

    def __str__(self) -> str:
        """As it is told."""
        return str(self._path)

    def strangers(self, mark: str) -> list[str]:
        """As `Folder` says.

        Raises:
            RunFolderError: It is a file.
        """
        if self._path.exists() and not self._path.is_dir():
            raise RunFolderError(f"{self} is a file. Accepted: a folder for Parquet files. Next: another --out")
        if not self._path.is_dir() or (self._path / mark).is_file():
            return []
        return sorted({path.name for path in self._path.iterdir() if not is_temporary(path.name)} - OURS)

    def take(self, mark: str) -> None:
        """Hold it.

        Raises:
            RunFolderError: Another process does.
            StorageError: Nothing can be written there.
        """
        self._hold = Hold(make_folder(self._path), mark)
        self._hold.take()

    def release(self) -> None:
        """As `Folder` says."""
        self._close()
        if self._hold is not None:
            self._hold.release()

    def read(self, name: str) -> bytes:
        """As `Folder` says."""
        return (self._path / name).read_bytes()

    def write(self, name: str, content: bytes) -> None:
        """As `Folder` says."""
        write_bytes(self._path / name, content)

    def digest(self, name: str) -> str:
        """As `Folder` says."""
        return digest(self._path / name)

    def told(self) -> list[bytes]:
        """As `Folder` says; a last line that was not written whole is cut off."""
        path = self._path / JOURNAL
        if not path.is_file():
            return []
        whole, _, torn = path.read_bytes().rpartition(b"\n")
        if torn:
            with path.open("r+b") as file:
                file.truncate(len(whole) + 1 if whole else 0)
        return whole.splitlines()

    def tell(self, line: bytes) -> None:
        """As `Folder` says; the line is on the disk then."""
        with storage_errors(self._path / JOURNAL):
            if self._journal is None:
                self._journal = (self._path / JOURNAL).open("ab")
            self._journal.write(line + b"\n")
            self._journal.flush()
            os.fsync(self._journal.fileno())

    def forget(self) -> None:
        """As `Folder` says."""
        self._close()
        (self._path / JOURNAL).unlink(missing_ok=True)

    def _close(self) -> None:
        if self._journal is not None:
            self._journal.close()
            self._journal = None


class AddressFolder:
    """A folder at an address; nobody is kept out of it.

    An object store writes an object whole or not at all. Where an address does not (sftp://), a shard that was not
    written whole has no line in the journal, and is made again.

    Args:
        address: As it is told.
        filesystem: fsspec's.
        path: The folder there.
    """

    def __init__(self, address: str, filesystem: Any, path: str) -> None:
        self._address = address
        self._filesystem = filesystem
        self._path = path.rstrip("/")
        self._lines: list[bytes] = []
        self._n_parts = 0

    def __str__(self) -> str:
        """As it is told."""
        return self._address

    def strangers(self, mark: str) -> list[str]:
        """As `Folder` says."""
        with self._reached():
            if self._filesystem.exists(self._at(mark)):
                return []
            names = self._names(self._path)
        return sorted(names)

    def take(self, mark: str) -> None:
        """Nothing: an address knows no locks."""

    def release(self) -> None:
        """Write what the journal has not yet; where that fails those shards are made again."""
        with suppress(StorageError):
            self._write_lines()

    def read(self, name: str) -> bytes:
        """As `Folder` says."""
        with self._reached():
            content: bytes = self._filesystem.cat_file(self._at(name))
        return content

    def write(self, name: str, content: bytes) -> None:
        """As `Folder` says."""
        self._put(self._path, name, content)

    def digest(self, name: str) -> str:
        """As `Folder` says."""
        return hashlib.sha256(self.read(name)).hexdigest()

    def told(self) -> list[bytes]:
        """As `Folder` says."""
        with self._reached():
            parts = sorted(self._names(self._at(PARTS)))
            contents = [self._filesystem.cat_file(f"{self._at(PARTS)}/{name}") for name in parts]
        self._n_parts = 1 + max((int(name.partition(".")[0]) for name in parts), default=-1)
        return [line for content in contents for line in content.splitlines(keepends=True) if line.endswith(b"\n")]

    def tell(self, line: bytes) -> None:
        """As `Folder` says; it is written with those after it."""
        self._lines.append(line)
        if len(self._lines) >= _LINES:
            self._write_lines()

    def forget(self) -> None:
        """As `Folder` says."""
        self._lines.clear()
        with self._reached():
            if self._names(self._at(PARTS)):
                self._filesystem.rm(self._at(PARTS), recursive=True)

    def _write_lines(self) -> None:
        if not self._lines:
            return
        self._put(self._at(PARTS), f"{self._n_parts:08}.jsonl", b"".join(line + b"\n" for line in self._lines))
        self._n_parts += 1
        self._lines.clear()

    def _put(self, folder: str, name: str, content: bytes) -> None:
        try:
            with self._reached():
                self._filesystem.pipe_file(f"{folder}/{name}", content)
        except FileNotFoundError:  # where folders are things of their own; a bucket is not made
            try:
                with self._reached():
                    self._filesystem.mkdir(folder, create_parents=False)
                    self._filesystem.pipe_file(f"{folder}/{name}", content)
            except FileNotFoundError as problem:
                raise self._unusable(problem) from problem

    def _names(self, path: str) -> list[str]:
        self._filesystem.invalidate_cache()
        try:
            found = self._filesystem.ls(path, detail=False)
        except FileNotFoundError:
            return []
        # An object store may list the folder itself, as an empty object.
        names = (one.rstrip("/").rpartition("/")[2] for one in found if one.strip("/") != path.strip("/"))
        return [name for name in names if name]

    def _at(self, name: str) -> str:
        return f"{self._path}/{name}"

    @contextmanager
    def _reached(self) -> Iterator[None]:
        """File systems of other packages fail in ways of their own: each as one line."""
        try:
            yield
        except (FileNotFoundError, TellapartError):
            raise
        except Exception as problem:
            raise self._unusable(problem) from problem

    def _unusable(self, problem: Exception) -> StorageError:
        return StorageError(
            f"{self} cannot be used ({told_of(problem)}). Next: check the address, and that you may read and write "
            "there; then the same command"
        )
