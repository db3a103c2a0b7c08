"""Bulk jobs: each photo in one row, whatever is killed, and the same bytes on every engine."""

import signal
from pathlib import Path

import bulk_job
import pytest
from bulk_job import N_PHOTOS, N_SHARDS, SHARD, contents, ended, shards_of, started, wait_for
from needed import needs_parquet, needs_ray
from worked import Here

from photo_maker import noise, save
from served_model import served_content
from tellapart.errors import OptionError, RunFolderError, ShardError, SourceError
from tellapart.files import read_json
from tellapart.scale import bulk
from tellapart.scale.bulk import How, Network, embed_in_bulk, predict_in_bulk
from tellapart.scale.long_listing import Listing
from tellapart.scale.shards import MANIFEST

pytestmark = needs_parquet


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> Here:
    engine = Here()
    monkeypatch.setattr(bulk, "open_engine", lambda on, workers: engine)  # noqa: ARG005
    return engine


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A model file and ten photos."""
    (tmp_path / "model.onnx").write_bytes(served_content())
    for number in range(10):
        save(noise(number), tmp_path / "photos" / f"{number}.png")
    return tmp_path


def predicted(place: Path, size: int = 3, reject: float | None = None) -> object:
    listing = Listing([place / "photos"])
    return predict_in_bulk(place / "model.onnx", listing, place / "out", reject=reject, how=How(shard_size=size))


def test_a_failed_shard_is_told_and_the_others_are_kept(place: Path, here: Here) -> None:
    here.failing = ("part-00001.parquet",)
    with pytest.raises(ShardError, match=r"Not made: part-00001.parquet: its worker ended. The others are kept"):
        predicted(place)
    assert len(shards_of(place / "out")) == 3
    here.failing, here.ran = (), []
    predicted(place)
    assert here.ran == ["part-00001.parquet"]
    assert read_json(place / "out" / MANIFEST)["rows"] == 10
    here.ran = []
    predicted(place)
    assert here.ran == []


def test_where_all_fail_the_rest_is_not_tried(place: Path, here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "_FAILURES", 4)
    here.failing = tuple(f"part-{number:05}.parquet" for number in range(10))
    with pytest.raises(ShardError, match=r"part-00002.parquet: its worker ended and 1 more"):
        predicted(place, size=1)
    assert len(here.ran) == 4


@pytest.mark.usefixtures("here")
def test_other_arguments_are_refused(place: Path) -> None:
    predicted(place)
    with pytest.raises(RunFolderError, match="shard_size 3, not 4"):
        predicted(place, size=4)
    with pytest.raises(RunFolderError, match=r"threshold 0.0, not"):
        predicted(place, reject=0.05)
    before = contents(place / "out")
    (place / "model.onnx").write_bytes(served_content("letterbox"))
    with pytest.raises(RunFolderError, match=r"begun with other arguments \(model"):
        predicted(place)
    (place / "model.onnx").write_bytes(served_content())
    save(noise(11), place / "photos" / "11.png")
    with pytest.raises(RunFolderError, match=r"listing .*, photos 10, not 11"):
        predicted(place)
    assert contents(place / "out") == before


def test_photos_that_come_meanwhile_are_told(place: Path, here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    read = Listing.read

    def and_one_more(self: Listing) -> object:
        listed = read(self)
        save(noise(11), place / "photos" / "11.png")
        return listed

    monkeypatch.setattr(Listing, "read", and_one_more)
    with pytest.raises(ShardError, match="came or went"):
        predicted(place)
    assert here.ran
    assert read_json(place / "out" / MANIFEST)["finished"] is False


@pytest.mark.parametrize("names", ["photos", "addresses"])
def test_workers_that_were_started_elsewhere(
    place: Path, here: Here, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory, names: str
) -> None:
    monkeypatch.chdir(place)
    given = [names] if names == "photos" else [f"file://{place}/photos"]
    here.folder = tmp_path_factory.mktemp("elsewhere")
    predict_in_bulk("model.onnx", Listing(given), place / "out", how=How(shard_size=3))
    assert read_json(place / "out" / MANIFEST)["errors"] == 0


@pytest.mark.usefixtures("here")
def test_a_worker_without_that_folder_makes_no_rows(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)
    monkeypatch.setattr("os.getcwd", lambda: str(place / "nowhere"))
    with pytest.raises(SourceError, match=rf"names start at {place}/nowhere, and .* has no such folder"):
        predict_in_bulk("model.onnx", Listing(["photos"]), place / "out")
    assert not shards_of(place / "out")


def test_photos_that_a_worker_alone_does_not_find_make_no_rows(place: Path, here: Here) -> None:
    (place / "names.txt").write_text(f"{place}/photos/0.png\n{place}/nowhere.png\n")
    listing = Listing([f"@{place}/names.txt"])
    here.unshared = place / "photos"
    with pytest.raises(ShardError, match="photos that are here were not found by its worker"):
        predict_in_bulk(place / "model.onnx", listing, place / "out")
    here.unshared = None
    predict_in_bulk(place / "model.onnx", listing, place / "out")
    assert read_json(place / "out" / MANIFEST)["errors"] == 1, "one is nowhere"


def test_what_is_out_of_range() -> None:
    with pytest.raises(OptionError, match="Accepted: 1 to 1000000"):
        How(shard_size=0).engine()


@pytest.mark.usefixtures("here")
def test_features(place: Path) -> None:
    from pyarrow import parquet

    manifest = embed_in_bulk(Network("pocket", image_size=32), Listing([place / "photos"]), place / "features")
    assert (manifest["kind"], manifest["backbone"], manifest["length"]) == ("features", "pocket", 320)
    table = parquet.read_table(place / "features")  # the manifest is no hindrance
    assert table.column_names == ["path", "features", "error"]
    assert table.num_rows == 10


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The place of a job, and in `out` what it leaves when nothing disturbs it."""
    place = bulk_job.material(tmp_path_factory.mktemp("bulk"))
    status, told = ended(started(place, "out"))
    assert status == 2, told
    assert "3 of the photos could not be read" in told
    assert "Traceback" not in told
    return place


@pytest.mark.slow
def test_each_photo_is_in_one_row(whole: Path) -> None:
    from pyarrow import parquet

    assert len(shards_of(whole / "out")) == N_SHARDS
    rows = parquet.read_table(whole / "out").to_pylist()
    assert [row["path"] for row in rows] == [f"photos/{number:03}.png" for number in range(N_PHOTOS)]
    assert [number for number, row in enumerate(rows) if row["error"]] == [50, 150, 250]
    assert read_json(whole / "out" / MANIFEST)["errors"] == 3


@pytest.mark.slow
def test_a_job_that_is_killed_goes_on(whole: Path) -> None:
    folder = whole / "killed"
    job = started(whole, "killed")
    wait_for(lambda: len(shards_of(folder)) > 5, job)
    job.send_signal(signal.SIGKILL)
    ended(job)
    there = {path.name: path.stat().st_mtime_ns for path in shards_of(folder)}
    assert 5 < len(there) < N_SHARDS
    status, told = ended(started(whole, "killed"))
    assert status == 2, told
    assert contents(folder) == contents(whole / "out")
    again = [name for name, written in there.items() if (folder / name).stat().st_mtime_ns != written]
    assert len(again) <= 1, "only one whose line was not yet written"


@pytest.mark.slow
def test_ctrl_c_keeps_what_is_done(whole: Path) -> None:
    folder = whole / "stopped"
    job = started(whole, "stopped", "--shard-size", "1")  # so that it is not over before the signal
    wait_for(lambda: len(shards_of(folder)) > 5, job)
    job.send_signal(signal.SIGINT)
    status, told = ended(job)
    assert status == 130, told
    assert "Next: the same command again" in told
    assert 5 < len(shards_of(folder)) < N_PHOTOS
    assert not list(folder.glob(".*")), "the folder is free again"


@pytest.mark.slow
def test_a_worker_that_is_killed_loses_nothing(whole: Path) -> None:
    job = started(whole, "hurt")
    wait_for(lambda: shards_of(whole / "hurt"), job)
    assert bulk_job.kill_worker(job.pid, "spawn_main")
    status, told = ended(job)
    assert status == 2, told
    assert contents(whole / "hurt") == contents(whole / "out")


@pytest.mark.slow
@needs_ray
def test_ray_gives_the_same_bytes_and_loses_nothing(whole: Path) -> None:
    job = started(whole, "by_ray", "--on", "ray")
    wait_for(lambda: shards_of(whole / "by_ray"), job)
    killed = bulk_job.kill_worker(job.pid, "ray::_worked", "ray::IDLE")
    status, told = ended(job)
    assert status == 2, told
    assert killed
    assert contents(whole / "by_ray") == contents(whole / "out")
    assert SHARD * len(shards_of(whole / "by_ray")) == N_PHOTOS
