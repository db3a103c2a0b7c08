"""A folder of shards: what is whole is kept, what is not is made again, and nothing else gets in."""

import json
from pathlib import Path

import pytest

from tellapart.errors import RunFolderError, ShardError
from tellapart.files import read_json
from tellapart.scale.folders import JOURNAL
from tellapart.scale.shards import MANIFEST, Shards
from tellapart.scale.tasks import Made, Task

JOB = {"kind": "test", "model": "m", "listing": "l"}
TASKS = [Task(f"part-{number:05}.parquet", {"number": number}) for number in range(3)]


def made(number: int) -> Made:
    return Made(b"content %d" % number, {"rows": 10, "errors": number})


def begun(folder: str | Path, *numbers: int) -> None:
    """A folder whose job was stopped after some shards."""
    with Shards(folder, JOB).opened() as shards:
        for number in numbers:
            shards.keep(TASKS[number], made(number))


def missing(folder: str | Path, tasks: list[Task] = TASKS) -> list[str]:
    with Shards(folder, JOB).opened() as shards:
        return [task.name for task in tasks if not shards.has(task)]


def test_a_job_goes_on_where_it_was(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    begun(folder, 0, 2)
    assert read_json(folder / MANIFEST)["finished"] is False
    assert missing(folder) == [TASKS[1].name]
    with Shards(folder, JOB).opened() as shards:
        for number, task in enumerate(TASKS):
            if not shards.has(task):
                shards.keep(task, made(number))
        with pytest.raises(ShardError, match="30 rows of 31 photos"):
            shards.finish(31)
        assert read_json(folder / MANIFEST)["finished"] is False
        manifest = shards.finish(30)
    assert manifest == read_json(folder / MANIFEST)
    assert (manifest["finished"], manifest["rows"], manifest["errors"]) == (True, 30, 3)
    assert [shard["file"] for shard in manifest["shards"]] == [task.name for task in TASKS]
    assert sorted(path.name for path in folder.iterdir()) == [MANIFEST, *(task.name for task in TASKS)]
    assert missing(folder) == []


def test_what_is_not_whole_is_made_again(tmp_path: Path) -> None:
    begun(tmp_path, 0, 1, 2)
    (tmp_path / TASKS[0].name).write_bytes(b"content X")
    (tmp_path / TASKS[1].name).unlink()
    assert missing(tmp_path) == [TASKS[0].name, TASKS[1].name]
    other = [TASKS[0], TASKS[1], Task(TASKS[2].name, {"number": "another"})]
    assert missing(tmp_path, other) == [task.name for task in TASKS]


def test_a_file_without_its_line_and_a_torn_line_do_not_count(tmp_path: Path) -> None:
    begun(tmp_path, 0, 1)
    journal = tmp_path / JOURNAL
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(lines[0] + lines[1][:20])
    assert missing(tmp_path) == [TASKS[1].name, TASKS[2].name]
    assert journal.read_bytes() == lines[0]
    begun(tmp_path, 1)
    assert missing(tmp_path) == [TASKS[2].name]
    journal.write_bytes(lines[0][:20])
    assert missing(tmp_path) == [task.name for task in TASKS]
    assert journal.read_bytes() == b""


@pytest.mark.parametrize("name", ["model", "listing", "kind"])
def test_another_job_is_refused(tmp_path: Path, name: str) -> None:
    begun(tmp_path, 0)
    with pytest.raises(RunFolderError, match=rf"begun with other arguments .{name} {JOB[name]}, not else"):
        Shards(tmp_path, {**JOB, name: "else"}).opened().__enter__()
    assert missing(tmp_path) == [TASKS[1].name, TASKS[2].name]


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("precious")
    with pytest.raises(RunFolderError, match="is a file"):
        Shards(tmp_path / "file", JOB).opened().__enter__()
    with pytest.raises(RunFolderError, match=r"holds file and no _manifest\.json"):
        Shards(tmp_path, JOB).opened().__enter__()
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    for content in ("{", "[]", json.dumps({"format": 1, "shards": [{"file": 1}]})):
        (tmp_path / MANIFEST).write_text(content)
        with pytest.raises(RunFolderError, match="is damaged"):
            Shards(tmp_path, JOB).opened().__enter__()


def test_one_process_at_a_time(tmp_path: Path) -> None:
    with Shards(tmp_path, JOB).opened(), pytest.raises(RunFolderError, match="is in use by process"):
        Shards(tmp_path, JOB).opened().__enter__()
