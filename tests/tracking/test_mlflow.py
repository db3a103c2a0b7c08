"""What a run logged for MLflow, read back with MLflow's own client."""

from pathlib import Path
from typing import Any

import pytest

import tellapart as ta
from tellapart.errors import MissingExtraError, OfflineError
from tellapart.files import read_csv
from tellapart.tracking.mlflow import MlflowTracker
from tellapart.tracking.record import record_of
from tracked_run import run_with_both

pytestmark = [
    pytest.mark.slow,
    # MLflow's own to mend: it reads its database with an option that SQLAlchemy is to drop.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


@pytest.fixture(autouse=True)
def no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.delenv("MLFLOW_EXPERIMENT_NAME", raising=False)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> ta.Run:
    return run_with_both(tmp_path_factory.getbasetemp() / "tracked")


def client(folder: Path) -> Any:
    from mlflow.tracking import MlflowClient

    return MlflowClient(tracking_uri=f"sqlite:///{folder / 'tracking' / 'mlflow' / 'mlflow.db'}")


def logged(folder: Path) -> tuple[Any, dict[str, Any], Any]:
    """The reader, the children by recipe, and the run that holds them."""
    reader = client(folder)
    experiment = reader.get_experiment_by_name("tellapart")
    runs = {found.info.run_name: found for found in reader.search_runs([experiment.experiment_id])}
    return reader, runs, runs.pop(folder.name)


def test_one_run_with_a_child_for_each_recipe(run: ta.Run) -> None:
    reader, runs, parent = logged(run.folder)
    assert set(runs) == {"majority", "baseline"}
    assert all(child.data.tags["mlflow.parentRunId"] == parent.info.run_id for child in runs.values())
    assert {found.info.status for found in (parent, *runs.values())} == {"FINISHED"}
    assert parent.data.params["seed"] == "0"
    assert parent.data.tags["tellapart.chosen"] == run.best
    baseline = runs["baseline"]
    assert baseline.data.metrics["test/accuracy"] == run.recipe("baseline").results["test"]["accuracy"]
    assert baseline.data.params["image_size"] == "32"
    history = reader.get_metric_history(baseline.info.run_id, "loss/validation")
    rows = read_csv(run.folder / "recipes" / "baseline" / "history.csv")
    assert [(point.step, point.value) for point in history] == [
        (int(row["epoch"]), float(row["valid_loss"])) for row in rows
    ]


def test_figures_report_and_model_are_there(run: ta.Run, tmp_path: Path) -> None:
    reader, runs, parent = logged(run.folder)
    assert {file.path for file in reader.list_artifacts(parent.info.run_id)} == {
        "figures",
        "model",
        "report.html",
        "results.json",
    }
    model = reader.download_artifacts(parent.info.run_id, "model/model.onnx", str(tmp_path))
    assert Path(model).read_bytes() == (run.folder / "model.onnx").read_bytes()
    figures = {file.path for file in reader.list_artifacts(runs["baseline"].info.run_id, "figures")}
    assert {"figures/curves_baseline.png", "figures/confusion_baseline.png"} <= figures
    assert not (run.folder.parent / "mlruns").exists()  # where MLflow would put it without a place of its own


def test_a_run_that_goes_on_stays_in_its_place(run: ta.Run, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    records = [record_of(run.recipe(name).results, run.folder) for name in ("majority", "baseline")]
    first = MlflowTracker(folder)
    first.begin({"seed": 0})
    first.recipe(records[0])
    first.close(failed=True)
    assert logged(folder)[2].info.status == "FAILED"
    second = MlflowTracker(folder)
    second.begin({"seed": 0})
    for record in records:
        second.recipe(record)
    second.close(failed=False)
    _, runs, parent = logged(folder)
    assert sorted(runs) == ["baseline", "majority"]
    assert parent.info.status == "FINISHED"


@pytest.mark.parametrize("uri", ["https://host.example/x", "databricks", "postgresql://me:secret@db.example/x"])
def test_a_server_elsewhere_is_refused_offline(uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    MlflowTracker(tmp_path)
    monkeypatch.setenv("TELLAPART_OFFLINE", "1")
    with pytest.raises(OfflineError, match="MLFLOW_TRACKING_URI") as caught:
        MlflowTracker(tmp_path)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("uri", ["sqlite:////tmp/x.db", "http://127.0.0.1:5000", "http://localhost:5000", "file:///x"])
def test_a_place_on_this_machine_is_allowed_offline(uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    monkeypatch.setenv("TELLAPART_OFFLINE", "1")
    MlflowTracker(tmp_path)


def test_another_database_and_experiment(run: ta.Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from mlflow.tracking import MlflowClient

    uri = f"sqlite:///{tmp_path / 'team.db'}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "chairs")
    tracker = MlflowTracker(tmp_path / "run")
    assert tracker.begin({}) == uri
    tracker.recipe(record_of(run.recipe("majority").results, run.folder))
    tracker.close(failed=False)
    reader = MlflowClient(tracking_uri=uri)
    found = reader.search_runs([reader.get_experiment_by_name("chairs").experiment_id])
    assert sorted(each.info.run_name for each in found) == ["majority", "run"]
    assert not (tmp_path / "run" / "tracking" / "mlflow").exists()


def test_without_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tellapart.tracking.mlflow.find_spec", lambda _: None)
    with pytest.raises(MissingExtraError, match=r"tellapart\[mlflow\]"):
        MlflowTracker(tmp_path)
