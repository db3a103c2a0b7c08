"""Trainings side by side: the same answers on every engine, nothing done twice, nothing lost in a kill."""

import signal
import sys
from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from bulk_job import kill_worker, wait_for
from needed import needs_ray
from ray_cluster import cluster
from worked import Here

import folds_job
from as_user import Notes, run
from folds_job import N_FOLDS, climb_all, finished, predictions, set_up, started
from tellapart import training_tasks
from tellapart.errors import MissingExtraError, OptionError, StorageError, TrainingError
from tellapart.files import read_json, write_json
from tellapart.reproduction import arguments_of
from tellapart.run import Run
from tellapart.scale.local import LocalEngine
from tellapart.scale.tasks import Function, Outcome, Task
from tellapart.training_tasks import Trainings, trainings_on

CHEAP = "majority,linear"
ALL = "majority,baseline,linear"
N_TRAININGS = 3 * N_FOLDS + 1


@pytest.fixture(autouse=True)
def all_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine without processes leaves this one its cores."""
    monkeypatch.setattr(training_tasks, "keep_to_one_core", lambda: None)


def test_trainings_give_what_one_after_the_other_gives(tmp_path: Path) -> None:
    plain = climb_all(*set_up(tmp_path, "plain"), CHEAP, None)
    engine, notes = Here(), Notes()
    results = climb_all(*set_up(tmp_path, "tasks", notes), CHEAP, Trainings(engine))
    assert predictions(tmp_path / "tasks") == predictions(tmp_path / "plain")
    names = [f"{name} in round {number}" for name in ("linear", "majority") for number in (1, 2, 3)]
    assert engine.ran == [*names, f"{results['best']['recipe']}, handed over"]
    assert [one["test"] for one in results["recipes"]] == [one["test"] for one in plain["recipes"]]
    assert results["procedure"] == plain["procedure"]
    assert results["environment"]["cores"] == 1
    assert [line for line in notes.lines if line.startswith("Round 2: linear: test accuracy")]
    assert not list((tmp_path / "tasks-cache" / "trainings").iterdir())
    files = {path.relative_to(tmp_path / "plain").as_posix() for path in (tmp_path / "plain").rglob("*")}
    assert {path.relative_to(tmp_path / "tasks").as_posix() for path in (tmp_path / "tasks").rglob("*")} == files


def test_a_failed_training_is_told_and_the_others_are_kept(tmp_path: Path) -> None:
    engine = Here("linear in round 2")
    with pytest.raises(TrainingError, match=r"linear in round 2: its worker ended\. What else was trained is kept"):
        climb_all(*set_up(tmp_path, "run"), CHEAP, Trainings(engine))
    assert len(engine.ran) == 2 * N_FOLDS
    again = Here()
    climb_all(*set_up(tmp_path, "run"), CHEAP, Trainings(again))
    assert again.ran[0] == "linear in round 2"
    assert len(again.ran) == 2
    nothing = Here()
    climb_all(*set_up(tmp_path, "run"), CHEAP, Trainings(nothing))
    assert not nothing.ran


def test_where_many_fail_the_rest_is_not_tried(tmp_path: Path) -> None:
    engine = Here(*(f"linear in round {number}" for number in (1, 2, 3)))
    with pytest.raises(TrainingError, match="linear in round 3: its worker ended"):
        climb_all(*set_up(tmp_path, "run"), CHEAP, Trainings(engine))
    assert len(engine.ran) == 3


def test_networks_ask_for_a_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Here(*(f"{name} in round {number}" for name in ("baseline", "linear") for number in (1, 2, 3)))
    monkeypatch.setattr(training_tasks, "_FAILURES", 10)
    climb, folds = set_up(tmp_path, "run")
    with pytest.raises(TrainingError):
        climb_all(climb, folds, "baseline,linear", Trainings(engine))
    assert {task.inputs["recipe"]["name"]: task.gpu for task in engine.tasks} == {"baseline": True, "linear": False}


def test_what_is_sent_is_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    climb_all(*set_up(tmp_path, "plain"), CHEAP, None)
    climb, folds = set_up(tmp_path, "sent")

    class Away(Here):
        """Its workers have neither photos nor cache of the process that asks."""

        def run(self, function: Function, tasks: Iterable[Task], shared: bytes = b"") -> Iterator[tuple[Task, Outcome]]:
            for one in (climb.photos.root, climb.cache):
                one.rename(one.with_suffix(".away"))
            yield from super().run(function, tasks, shared)
            for one in (climb.photos.root, climb.cache):
                one.with_suffix(".away").rename(one)

    monkeypatch.setenv("TELLAPART_CACHE", str(tmp_path / "node"))
    climb_all(climb, folds, CHEAP, Trainings(Away(), sends=True))
    assert predictions(tmp_path / "sent") == predictions(tmp_path / "plain")
    assert len(list((tmp_path / "node" / "parcels").glob("*/plan.json"))) == 1, (
        "the rounds', and that of what is handed over"
    )


@pytest.mark.slow
def test_what_fine_tuning_keeps_is_computed_beforehand(tmp_path: Path) -> None:
    climb, folds = set_up(tmp_path, "run")
    found: list[list[Path]] = []

    def kept() -> list[Path]:
        return sorted((climb.cache / "activations").glob("*.npy"))

    class Looking(Here):
        def run(self, function: Function, tasks: Iterable[Task], shared: bytes = b"") -> Iterator[tuple[Task, Outcome]]:
            found.append(kept())
            return super().run(function, tasks, shared)

    climb_all(climb, folds, "finetuned", Trainings(Looking()))
    assert len(found[0]) == 1
    assert kept() == found[0]


def test_a_cache_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Path) -> Path:
        raise StorageError("read-only")

    monkeypatch.setattr(training_tasks, "make_folder", refuse)
    climb_all(*set_up(tmp_path, "run"), "majority,linear", Trainings(Here()))
    assert not (tmp_path / "run-cache" / "trainings").exists()


@pytest.mark.parametrize(
    ("on", "workers", "folds", "told"),
    [
        (None, 2, 3, "Next: --on local --workers 2"),
        ("spark", None, 3, "Accepted: local, ray, ray://HOST:PORT"),
        ("local", 0, 3, "Accepted: 1 or more"),
    ],
)
def test_what_is_refused(on: str | None, workers: int | None, folds: int | None, told: str) -> None:
    with pytest.raises(OptionError, match=told):
        trainings_on(on, workers, folds)


def test_without_asking_nothing_is_shared_out(monkeypatch: pytest.MonkeyPatch) -> None:
    assert trainings_on(None, None, 5) is None
    trainings = trainings_on("local", 1, 5)
    assert trainings
    assert isinstance(trainings.engine, LocalEngine)
    assert not trainings.sends
    if not find_spec("ray"):
        with pytest.raises(MissingExtraError):
            trainings_on("ray", None, 5)
    else:
        monkeypatch.setattr("tellapart.scale.on_ray.RayEngine", lambda address, workers, _: (address, workers))
        sending = trainings_on("ray://head:10001", 2, 5)
        assert sending == Trainings(("ray://head:10001", 2), sends=True)  # type: ignore[arg-type]


@pytest.mark.slow
def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    set_up(tmp_path, "run")
    words = ("--recipes", CHEAP, "--backbone", "pocket", "--image-size", "32", "--folds", "3", "--offline")
    status, _, err = run(
        capsys, "fit", tmp_path / "photos", "--out", tmp_path / "run", *words, "--on", "local", "--workers", "2"
    )
    assert status == 0, err
    assert "Round 3: linear: test accuracy" in err
    results = read_json(tmp_path / "run" / "results.json")
    assert results["environment"]["cores"] == 1
    assert results["settings"]["on"] == "local"
    results["settings"]["on"] = "ray://gone:10001"
    write_json(tmp_path / "run" / "results.json", results)
    assert arguments_of(Run(tmp_path / "run"))["on"] == "local"
    assert (tmp_path / "run" / "report.html").is_file()
    neither = ("--recipes", CHEAP, "--on", "local")  # no folds to share out, and no search
    status, _, err = run(capsys, "fit", tmp_path / "photos", "--out", tmp_path / "other", *neither)
    assert status == 2
    assert len(err.splitlines()) == 1
    assert not (tmp_path / "other").exists()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A place, and in `plain` a run whose trainings were made one after the other, on one core."""
    place = tmp_path_factory.mktemp("trainings")
    finished(started(place, "plain", ALL, **folds_job.ONE_CORE))
    return place


def done(run: Path) -> list[Path]:
    """The trainings that are done."""
    return sorted((run / "folds").glob("*/recipes/*/recipe.json"))


@pytest.mark.slow
def test_the_local_pool_gives_the_same_and_a_killed_run_goes_on(whole: Path) -> None:
    job = started(whole, "local", ALL, "local", "2")
    wait_for(lambda: len(done(whole / "local")) > 1, job)
    job.send_signal(signal.SIGKILL)
    job.communicate()
    there = {path: path.stat().st_mtime_ns for path in done(whole / "local")}
    assert 1 < len(there) < 3 * N_FOLDS
    finished(started(whole, "local", ALL, "local", "2"))
    assert {path: path.stat().st_mtime_ns for path in there} == there
    assert predictions(whole / "local") == predictions(whole / "plain")


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="processes are found in /proc")
def test_a_worker_that_is_killed_loses_nothing(whole: Path) -> None:
    job = started(whole, "hurt", ALL, "local", "2")
    wait_for(lambda: done(whole / "hurt"), job)
    assert kill_worker(job.pid, "spawn_main")
    finished(job)
    assert predictions(whole / "hurt") == predictions(whole / "plain")


@pytest.mark.slow
@needs_ray
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="processes are found in /proc")
def test_ray_gives_the_same_and_a_worker_that_is_killed_loses_nothing(whole: Path) -> None:
    job = started(whole, "by_ray", ALL, "ray", "2")
    wait_for(lambda: done(whole / "by_ray"), job)
    assert kill_worker(job.pid, "ray::_worked", "ray::IDLE")
    finished(job)
    assert predictions(whole / "by_ray") == predictions(whole / "plain")


@pytest.mark.slow
@needs_ray
def test_a_cluster_that_sees_no_disk_of_ours(whole: Path, tmp_path: Path) -> None:
    with cluster(tmp_path / "node") as (address, inside):
        finished(started(whole, "far", ALL, address, "2", **inside))
    assert predictions(whole / "far") == predictions(whole / "plain")
    assert list((tmp_path / "node" / "parcels").glob("*/plan.json"))
    assert not (whole / "far-cache" / "trainings").exists()
