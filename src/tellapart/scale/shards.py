"""A folder of shards: what it is of, which of them are there and whole, and its manifest.

While a job runs each finished shard is a line of a journal, which only grows; when all are there they stand in
`_manifest.json`. A shard is taken as done where its line is there and the file has the digest that the line tells, so
that one which was not written whole, or was damaged since, is made again.
"""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any, Final

from tellapart.errors import RunFolderError, ShardError
from tellapart.files import json_bytes
from tellapart.scale.folders import folder_of
from tellapart.scale.tasks import Made, Task

MANIFEST: Final = "_manifest.json"  # pyarrow, pandas, Spark and others take no file for data whose name begins so
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
    """A folder that one job fills; held by one process at a time where it is on a disk.

    Args:
        out: New, empty, or begun by the same job: a path, or an address that fsspec writes.
        job: What the job is of: kind, model, listing and settings, as JSON.
    """

    def __init__(self, out: str | os.PathLike[str], job: Mapping[str, Any]) -> None:
        self._folder = folder_of(out)
        self._job = dict(job)
        self._known: dict[str, Shard] = {}
        self._made: dict[str, Shard] = {}

    @contextmanager
    def opened(self) -> Iterator["Shards"]:
        """Hold the folder, and go on where an earlier process was stopped.

        Raises:
            RunFolderError: It holds something else, or results of another model, listing or setting, or another
                process works on it.
            StorageError: Nothing can be written there.
        """
        strangers = self._folder.strangers(MANIFEST)  # before anything is written there
        if strangers:
            raise RunFolderError(
                f"{self._folder} holds {strangers[0]} and no {MANIFEST}. Accepted: a new or empty folder, or one that "
                "the same command began. Next: another --out"
            )
        self._folder.take(MANIFEST)
        try:
            self._go_on()
            yield self
        finally:
            self._folder.release()

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
        self._folder.write(task.name, made.content)
        self._folder.tell(json.dumps(asdict(shard)).encode())
        self._made[task.name] = shard

    def finish(self, n_photos: int | None = None) -> Mapping[str, Any]:
        """Write the manifest of all shards, and give it.

        Args:
            n_photos: How many rows there must be; None where nobody knows.

        Raises:
            ShardError: There are not as many rows as photos.
        """
        n_rows = sum(shard.rows for shard in self._made.values())
        if n_photos is not None and n_rows != n_photos:
            raise ShardError(f"{n_rows} rows of {n_photos} photos. Next: the same command again")
        shards = [self._made[name] for name in sorted(self._made, key=lambda name: (len(name), name))]
        manifest = {
            **self._head(finished=True),
            "rows": n_rows,
            "errors": sum(shard.errors for shard in shards),
            "shards": [asdict(shard) for shard in shards],
        }
        self._folder.write(MANIFEST, json_bytes(manifest))
        self._folder.forget()
        return manifest

    def _head(self, *, finished: bool) -> dict[str, Any]:
        return {"format": FORMAT, "finished": finished, **self._job}

    def _go_on(self) -> None:
        try:
            content = self._folder.read(MANIFEST)
        except FileNotFoundError:
            self._folder.write(MANIFEST, json_bytes(self._head(finished=False)))
            return
        except OSError as problem:
            raise self._damaged(problem) from problem
        try:
            begun = json.loads(content)
            told = [Shard(**shard) for shard in [*begun.get("shards", ()), *map(json.loads, self._folder.told())]]
        except (ValueError, TypeError, AttributeError) as problem:
            raise self._damaged(problem) from problem
        self._check_same(begun)
        self._known = {shard.file: shard for shard in told}

    def _damaged(self, problem: Exception) -> RunFolderError:
        return RunFolderError(f"{MANIFEST} in {self._folder} is damaged ({problem}). Next: another --out")

    def _check_same(self, begun: Mapping[str, Any]) -> None:
        wanted = self._head(finished=False)
        differing = [name for name in wanted if name != "finished" and begun.get(name) != wanted[name]]
        if differing:
            told = ", ".join(f"{name} {_brief(begun.get(name))}, not {_brief(wanted[name])}" for name in differing)
            raise RunFolderError(
                f"{self._folder} was begun with other arguments ({told}). Accepted: the same ones. Next: another --out"
            )

    def _is_whole(self, shard: Shard) -> bool:
        try:
            return self._folder.digest(shard.file) == shard.sha256
        except OSError:
            return False


def _brief(value: Any) -> str:
    return str(value)[:12]
