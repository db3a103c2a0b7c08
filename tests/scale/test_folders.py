"""A job's folder at an address: whole files, gone on with after a kill, and nothing else gets in."""

import hashlib
import json
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from needed import needs_fsspec
from test_shards import JOB, TASKS, begun, made, missing

from tellapart.errors import OptionError, RunFolderError, StorageError
from tellapart.scale import folders
from tellapart.scale.folders import PARTS, AddressFolder, DiskFolder, folder_of
from tellapart.scale.shards import MANIFEST, Shards

pytestmark = needs_fsspec


@pytest.fixture
def address() -> str:
    return f"memory://{uuid.uuid4()}/out"


def contents(address: str) -> dict[str, bytes]:
    """All files at an address."""
    from fsspec.core import url_to_fs

    filesystem, path = url_to_fs(address)
    return {name.removeprefix(path + "/"): filesystem.cat_file(name) for name in sorted(filesystem.find(path))}


def finished(out: str | Path) -> None:
    with Shards(out, JOB).opened() as shards:
        for number, task in enumerate(TASKS):
            if not shards.has(task):
                shards.keep(task, made(number))
        shards.finish(30)


def test_the_same_files_as_on_a_disk(tmp_path: Path, address: str) -> None:
    finished(address)
    finished(tmp_path)
    assert contents(address) == {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert sorted(contents(address)) == [MANIFEST, *(task.name for task in TASKS)]
    assert missing(address) == []


def test_a_job_goes_on_where_it_was(address: str) -> None:
    begun(address, 0, 2)
    assert json.loads(contents(address)[MANIFEST])["finished"] is False
    assert missing(address) == [TASKS[1].name]
    begun(address, 1)
    assert sorted(name for name in contents(address) if name.startswith(PARTS)) == [
        f"{PARTS}/00000000.jsonl",
        f"{PARTS}/00000001.jsonl",
    ]
    assert missing(address) == []


def test_what_is_killed_makes_its_last_shards_again(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folders, "_LINES", 2)
    monkeypatch.setattr(AddressFolder, "release", lambda _: None)  # as where there was no time to
    begun(address, 0, 1, 2)
    assert missing(address) == [TASKS[2].name]
    finished(address)
    assert sorted(contents(address)) == [MANIFEST, *(task.name for task in TASKS)]


def test_what_is_not_whole_is_made_again(address: str) -> None:
    from fsspec.core import url_to_fs

    filesystem, path = url_to_fs(address)
    begun(address, 0, 1, 2)
    filesystem.pipe_file(f"{path}/{TASKS[0].name}", b"content X")
    filesystem.rm(f"{path}/{TASKS[1].name}")
    part = f"{path}/{PARTS}/00000000.jsonl"
    filesystem.pipe_file(part, filesystem.cat_file(part)[:-10])
    assert missing(address) == [task.name for task in TASKS]


def test_another_job_and_another_folder_are_refused(address: str) -> None:
    begun(address, 0)
    with pytest.raises(RunFolderError, match=rf"{address} was begun with other arguments \(model m, not else\)"):
        Shards(address, {**JOB, "model": "else"}).opened().__enter__()
    other = f"memory://{uuid.uuid4()}"
    from fsspec.core import url_to_fs

    filesystem, path = url_to_fs(other)
    filesystem.pipe_file(f"{path}/precious", b"content")
    with pytest.raises(RunFolderError, match=r"holds precious and no _manifest\.json"):
        Shards(other, JOB).opened().__enter__()
    assert list(contents(other)) == ["precious"]


def test_what_an_address_says_is_one_line(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = folder_of(address)
    assert isinstance(folder, AddressFolder)

    def refused(*_: Any, **__: Any) -> None:
        raise ValueError("Access\nDenied")  # as packages for an address have errors of their own

    tries: list[Callable[[], object]] = [
        lambda: folder.write("a", b"content"),
        lambda: folder.read("a"),
        lambda: folder.strangers(MANIFEST),
        folder.told,
    ]
    for name in ("pipe_file", "cat_file", "exists", "ls"):
        monkeypatch.setattr(type(folder._filesystem), name, refused)
    for one in tries:
        with pytest.raises(StorageError, match=r"cannot be used \(ValueError: Access Denied\)\. Next: check the addr"):
            one()
    with pytest.raises(OptionError, match="Accepted: a scheme of fsspec"):
        folder_of("nosuchscheme://bucket/out")


def test_an_address_of_a_disk_is_a_disk(tmp_path: Path) -> None:
    folder = folder_of(f"file://{tmp_path}/out")
    assert isinstance(folder, DiskFolder)
    assert str(folder) == str(tmp_path / "out")
    folder.take(MANIFEST)
    folder.write(MANIFEST, b"content")
    assert folder.digest(MANIFEST) == hashlib.sha256(b"content").hexdigest()
    with pytest.raises(RunFolderError, match="is in use by process"):
        Shards(tmp_path / "out", JOB).opened().__enter__()
    folder.release()
