"""Logging for MLflow, with its own client: to MLFLOW_TRACKING_URI, else to a database in the run folder."""

import os
import time
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from tellapart.errors import MissingExtraError, OfflineError
from tellapart.files import make_folder, read_json, write_json
from tellapart.tracking.record import CURVES, TRAINING, VALIDATION, Epoch, Record, figures_of
from tellapart.weights.offline import is_here, offline

_NEEDED: Final = ("mlflow", "sqlalchemy", "alembic")
_LONGEST: Final = 500  # characters of a setting; older servers take no more
_AT_ONCE: Final = 1000  # figures that a server takes in one call
# The library's own switches, where the user has not set them. It would tell its makers how it is used, and wait
# minutes for a server that is gone, while the training waits for it.
_SWITCHES: Final = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
}


class MlflowTracker:
    """One run for the whole ladder, with a child for each recipe, in the experiment `tellapart`.

    `MLFLOW_TRACKING_URI` and `MLFLOW_EXPERIMENT_NAME` are heeded. The ids stand in
    `RUN/tracking/mlflow.json`, so that a run which is resumed goes on in the same place.
    """

    name = "mlflow"

    def __init__(self, run: Path) -> None:
        if any(find_spec(module) is None for module in _NEEDED):
            raise MissingExtraError("MLflow", "mlflow")
        self._run = run
        self._folder = run.absolute() / "tracking" / "mlflow"
        self._uri = os.environ.get("MLFLOW_TRACKING_URI", "")
        if self._uri and offline() and not _is_local(self._uri):
            raise OfflineError(
                f"MLFLOW_TRACKING_URI is {_without_password(self._uri)}, and the network is forbidden. "
                "Next: unset MLFLOW_TRACKING_URI to log into the run folder, or leave --offline out"
            )
        self._client: Any = None
        self._ids: dict[str, Any] = {}

    def begin(self, settings: Mapping[str, Any]) -> str:
        """Open the experiment and the run of the whole ladder, or go on with it."""
        for name, value in _SWITCHES.items():
            os.environ.setdefault(name, value)
        from mlflow.entities import Param
        from mlflow.tracking import MlflowClient

        uri = self._uri or f"sqlite:///{make_folder(self._folder) / 'mlflow.db'}"
        self._client = MlflowClient(tracking_uri=uri)
        state = self._state()
        before = read_json(state) if state.is_file() else {}
        if before.get("uri") == _without_password(uri):
            self._ids = before
            self._client.set_terminated(self._ids["run"], "RUNNING")
        else:
            run = self._client.create_run(self._experiment(), run_name=self._run.resolve().name)
            self._ids = {"uri": _without_password(uri), "run": run.info.run_id, "recipes": {}}
            self._ids["experiment"] = run.info.experiment_id
            params = [Param(name, str(value)[:_LONGEST]) for name, value in settings.items()]
            self._client.log_batch(run.info.run_id, params=params)
            self._keep()
        return _without_password(uri) if self._uri else f"mlflow ui --backend-store-uri {uri}"

    def recipe(self, record: Record) -> None:
        """Log a recipe as a child of the run; one that is logged already stays as it is."""
        from mlflow.entities import Metric, Param

        if record.recipe in self._ids["recipes"]:
            return
        tags = {"mlflow.parentRunId": self._ids["run"]}
        child = self._client.create_run(self._ids["experiment"], run_name=record.recipe, tags=tags).info.run_id
        now = round(time.time() * 1000)
        curves = [
            Metric(name, value, now, epoch.number) for epoch in record.epochs for name, value in _values(epoch).items()
        ]
        scores = [Metric(name, value, now, 0) for name, value in record.scores.items()]
        metrics = curves + scores
        params = [Param(name, str(value)[:_LONGEST]) for name, value in record.settings.items()]
        for start in range(0, len(metrics), _AT_ONCE):
            self._client.log_batch(child, metrics=metrics[start : start + _AT_ONCE])
        self._client.log_batch(child, params=params)
        self._client.set_terminated(child)
        self._ids["recipes"][record.recipe] = child
        self._keep()

    def finish(self, run: Path, results: Mapping[str, Any]) -> None:
        """Log the figures, the scores of the chosen recipe, the report and the model file."""
        parent = self._ids["run"]
        best = next(entry for entry in results["recipes"] if entry["name"] == results["best"]["recipe"])
        for name in ("accuracy", "macro_f1", "log_loss"):
            self._client.log_metric(parent, f"test/{name}", best["test"][name])
        self._client.set_tag(parent, "tellapart.chosen", best["name"])
        for recipe, figures in figures_of(run, self._ids["recipes"]).items():
            for file in figures.values():
                self._client.log_artifact(self._ids["recipes"].get(recipe, parent), str(file), "figures")
        for name, place in (("report.html", None), ("results.json", None), ("model.onnx", "model")):
            self._client.log_artifact(parent, str(run / name), place)

    def close(self, *, failed: bool) -> None:
        """Mark the run as finished or failed."""
        self._client.set_terminated(self._ids["run"], "FAILED" if failed else "FINISHED")

    def _experiment(self) -> str:
        name = os.environ.get("MLFLOW_EXPERIMENT_NAME", "tellapart")
        found = self._client.get_experiment_by_name(name)
        if found is not None:
            return str(found.experiment_id)
        # Without a place of its own a local database would put the files into the working directory.
        place = None if self._uri else make_folder(self._folder / "artifacts").as_uri()
        return str(self._client.create_experiment(name, artifact_location=place))

    def _state(self) -> Path:
        return self._folder.with_name("mlflow.json")

    def _keep(self) -> None:
        write_json(self._state(), self._ids)


def _values(epoch: Epoch) -> dict[str, float]:
    told = {f"{name}/{TRAINING}": epoch.training[name] for name in CURVES}
    told |= {f"{name}/{VALIDATION}": epoch.validation[name] for name in CURVES}
    return told | ({} if epoch.learning_rate is None else {"learning rate": epoch.learning_rate})


def _is_local(uri: str) -> bool:
    """Whether a tracking URI names a file or a server of this machine."""
    parts = urlsplit(uri)
    if uri.startswith("databricks") or parts.scheme.startswith("databricks"):
        return False
    return parts.scheme.split("+")[0] in {"", "file", "sqlite"} or is_here(parts.hostname)


def _without_password(uri: str) -> str:
    parts = urlsplit(uri)
    return uri.replace(f"{parts.netloc.rpartition('@')[0]}@", "") if "@" in parts.netloc else uri
