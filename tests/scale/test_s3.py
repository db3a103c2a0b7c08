"""A bulk job into S3, as moto's server plays it: the same files as on a disk, also after a kill.

Needs what the development environment does not have: pip install s3fs "moto[server]".
"""

import os
import signal
import time
import uuid
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import bulk_job
import pytest
from bulk_job import N_SHARDS, contents, ended, started
from needed import needs_fsspec, needs_parquet

from tellapart.errors import StorageError
from tellapart.scale.folders import folder_of

needs_s3 = pytest.mark.skipif(
    not (find_spec("s3fs") and find_spec("moto")), reason='no S3 here: pip install s3fs "moto[server]"'
)
pytestmark = [needs_parquet, needs_fsspec, needs_s3, pytest.mark.slow, pytest.mark.filterwarnings("default")]


@pytest.fixture
def bucket() -> str:
    return f"answers-{uuid.uuid4()}"  # moto keeps what it has as long as the process


@pytest.fixture
def store(bucket: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """An S3 of its own, with a bucket."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    for name, value in {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    import s3fs

    s3fs.S3FileSystem.clear_instance_cache()
    filesystem = s3fs.S3FileSystem()
    filesystem.mkdir(bucket)
    yield filesystem
    s3fs.S3FileSystem.clear_instance_cache()
    server.stop()


def found(store: Any, folder: str) -> dict[str, bytes]:
    store.invalidate_cache()
    return {name.rpartition("/")[2]: store.cat_file(name) for name in store.find(folder)}


def test_the_same_files_as_on_a_disk_and_after_a_kill(store: Any, bucket: str, tmp_path: Path) -> None:
    place = bulk_job.material(tmp_path)
    status, told = ended(started(place, "out"))
    assert status == 2, told
    status, told = ended(started(place, f"s3://{bucket}/out"))
    assert status == 2, told
    assert f"300 rows in 100 files: s3://{bucket}/out" in told
    assert found(store, f"{bucket}/out") == contents(place / "out")
    job = started(place, f"s3://{bucket}/killed")
    while job.poll() is None and len(store.find(f"{bucket}/killed/", refresh=True)) < 40:
        time.sleep(0.01)
    job.send_signal(signal.SIGKILL)
    ended(job)
    there = {name: info["LastModified"] for name, info in store.find(f"{bucket}/killed", detail=True).items()}
    assert 40 <= len(there) < N_SHARDS
    time.sleep(1)
    status, told = ended(started(place, f"s3://{bucket}/killed"))
    assert status == 2, told
    assert found(store, f"{bucket}/killed") == contents(place / "out")
    after = store.find(f"{bucket}/killed", detail=True)
    again = [name for name, written in there.items() if "part-" in name and after[name]["LastModified"] != written]
    assert len(again) <= 22, "those whose lines were not yet written"
    status, told = ended(started(place, f"s3://{bucket}/killed", "--reject", "0.05"))
    assert status == 2
    assert "was begun with other arguments" in told


def test_photos_and_answers_at_addresses(store: Any, bucket: str, tmp_path: Path) -> None:
    from pyarrow import parquet

    place = bulk_job.material(tmp_path)
    store.put(str(place / "photos"), f"{bucket}/photos", recursive=True)
    job = ["predict", "model.onnx", f"s3://{bucket}/photos", "--out", f"s3://{bucket}/out", "--workers", "2"]
    status, told = ended(bulk_job.running(place, job))
    assert status == 2, told
    assert "3 of the photos could not be read" in told
    with store.open(f"{bucket}/out/part-00000.parquet") as file:
        paths = parquet.read_table(file)["path"].to_pylist()
    assert paths == [f"s3://{bucket}/photos/{number:03}.png" for number in range(bulk_job.N_PHOTOS)]


@pytest.mark.usefixtures("store")
def test_a_bucket_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="s3://nowhere/out cannot be used"):
        folder_of("s3://nowhere/out").write("a", b"content")
    place = bulk_job.material(tmp_path)
    status, told = ended(started(place, "s3://nowhere/out"))
    assert status == 2
    assert "s3://nowhere/out cannot be used" in told
    assert "Traceback" not in told
    assert os.environ["AWS_ENDPOINT_URL"].startswith("http://127.0.0.1")
