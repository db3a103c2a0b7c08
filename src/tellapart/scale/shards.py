"""A folder of shards: what it is of, which of them are there and whole, and its manifest.

While a job runs each finished shard is a line of `_shards.jsonl`, which only grows; when all are there they stand in
`_manifest.json`. A shard is taken as done where its line is there and the file has the digest that the line tells, so
that one which was not written whole, or was damaged since, is made again.
"""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any, Final

from tellapart.errors import RunFolderError, ShardError
from tellapart.files import read_json, storage_errors, write_bytes, write_json
from tellapart.holding import OURS, Hold
from tellapart.scale.tasks import Made, Task
from tellapart.temporaries import is_temporary
from tellapart.weights.integrity import digest

MANIFEST: Final = "_manifest.json"  # pyarrow, pandas, Spark and others take no file for data whose name begins so
JOURNAL: Final = "_shards.jsonl"
FORMAT: Final = 1


@dataclass(frozen=True)
class Shard:
    """A file of rows that is written whole.

    Attributes:
        file: Its name.
        inputs: The fingerprint of the task that it was made by.
        rows: How many photos.
        errors: How many of them could not be read.
        sha256: Of the file.
    """

    file: str
    inputs: str
    rows: int
    errors: int
    sha256: str


class Shards:
    """A folder that one job fills; held by one process at a time.

    Args:
        folder: New, empty, or begun by the same job.
        job: What the job is of: kind, model, listing and settings, as JSON.
    """

    def __init__(self, folder: Path, job: Mapping[str, Any]) -> None:
        self.folder = folder
        self._job = dict(job)
        self._known: dict[str, Shard] = {}
        self._made: dict[str, Shard] = {}
        self._journal: IO[bytes] | None = None

    @contextmanager
    def opened(self) -> Iterator["Shards"]:
        """Hold the folder, and go on where an earlier process was stopped.

        Raises:
            RunFolderError: It holds something else, or results of another model, listing or setting, or another
                process works on it.
            StorageError: Nothing can be written there.
        """
        self._check_place()
        hold = Hold(self.folder, MANIFEST)
        hold.take()
        try:
            self._go_on()
            with storage_errors(self.folder / JOURNAL), (self.folder / JOURNAL).open("ab") as journal:
                self._journal = journal
                yield self
        finally:
            self._journal = None
            hold.release()

    def has(self, task: Task) -> bool:
        """Whether the shard of a task is there, made of the same inputs, and whole."""
        shard = self._known.get(task.name)
        if shard is None or shard.inputs != task.fingerprint or not self._is_whole(shard):
            return False
        self._made[task.name] = shard
        return True

    def keep(self, task: Task, made: Made) -> None:
        """Write the shard of a task whole, then tell that it is there."""
        sha256 = hashlib.sha256(made.content).hexdigest()
        shard = Shard(task.name, task.fingerprint, made.facts["rows"], made.facts["errors"], sha256)
        write_bytes(self.folder / task.name, made.content)
        self._tell(shard)
        self._made[task.name] = shard

    def finish(self, n_photos: int) -> Mapping[str, Any]:
        """Write the manifest of all shards, and give it.

        Raises:
            ShardError: There are not as many rows as photos.
        """
        n_rows = sum(shard.rows for shard in self._made.values())
        if n_rows != n_photos:
            raise ShardError(f"{n_rows} rows of {n_photos} photos. Next: the same command again")
        shards = [self._made[name] for name in sorted(self._made, key=lambda name: (len(name), name))]
        manifest = {
            **self._head(finished=True),
            "rows": n_rows,
            "errors": sum(shard.errors for shard in shards),
            "shards": [asdict(shard) for shard in shards],
        }
        write_json(self.folder / MANIFEST, manifest)
        if self._journal is not None:
            self._journal.close()
        (self.folder / JOURNAL).unlink(missing_ok=True)
        return manifest

    def _head(self, *, finished: bool) -> dict[str, Any]:
        return {"format": FORMAT, "finished": finished, **self._job}

    def _check_place(self) -> None:
        """Refuse a folder of something else, before anything is written there."""
        if self.folder.exists() and not self.folder.is_dir():
            raise RunFolderError(f"{self.folder} is a file. Accepted: a folder for Parquet files. Next: another --out")
        if not self.folder.is_dir() or (self.folder / MANIFEST).is_file():
            return
        others = sorted(path.name for path in self.folder.iterdir() if not is_temporary(path.name))
        if set(others) - OURS:
            raise RunFolderError(
                f"{self.folder} holds {others[0]} and no {MANIFEST}. Accepted: a new or empty folder, or one that the "
                "same command began. Next: another --out"
            )

    def _go_on(self) -> None:
        path = self.folder / MANIFEST
        if not path.is_file():
            write_json(path, self._head(finished=False))
            return
        try:
            begun = read_json(path)
            told = [Shard(**shard) for shard in begun.get("shards", ())] + self._from_journal()
        except (OSError, ValueError, TypeError, AttributeError) as problem:
            raise RunFolderError(f"{path} is damaged ({problem}). Next: another --out") from problem
        self._check_same(begun)
        self._known = {shard.file: shard for shard in told}

    def _check_same(self, begun: Mapping[str, Any]) -> None:
        wanted = self._head(finished=False)
        differing = [name for name in wanted if name != "finished" and begun.get(name) != wanted[name]]
        if differing:
            told = ", ".join(f"{name} {_brief(begun.get(name))}, not {_brief(wanted[name])}" for name in differing)
            raise RunFolderError(
                f"{self.folder} was begun with other arguments ({told}). Accepted: the same ones. Next: another --out"
            )

    def _from_journal(self) -> list[Shard]:
        """What the journal tells; a last line that was not written whole is cut off."""
        path = self.folder / JOURNAL
        if not path.is_file():
            return []
        whole, _, torn = path.read_bytes().rpartition(b"\n")
        if torn:
            with path.open("r+b") as file:
                file.truncate(len(whole) + 1 if whole else 0)
        return [Shard(**json.loads(line)) for line in whole.splitlines()]

    def _tell(self, shard: Shard) -> None:
        if self._journal is None:
            raise ValueError("the folder is not open")
        with storage_errors(self.folder / JOURNAL):
            self._journal.write(json.dumps(asdict(shard)).encode() + b"\n")
            self._journal.flush()
            os.fsync(self._journal.fileno())

    def _is_whole(self, shard: Shard) -> bool:
        try:
            return digest(self.folder / shard.file) == shard.sha256
        except OSError:
            return False


def _brief(value: Any) -> str:
    return str(value)[:12]
