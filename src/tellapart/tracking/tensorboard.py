"""Logging for TensorBoard, with its package's own writer: no TensorFlow is needed to write or to look."""

import shutil
import struct
import threading
import time
import zipfile
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from tellapart.errors import MissingExtraError
from tellapart.tracking.record import CURVES, TRAINING, VALIDATION, Record, figures_of

_WHOLE: Final = "whole-run"
_GRAPH_PLUGIN: Final = "graph_keras_model"


class TensorBoardTracker:
    """Event files in `RUN/tracking/tensorboard`.

    Its "runs" are `training` and `validation`, so that the two lines of a recipe
    share one chart (`deeper/loss`), and one for each recipe, with settings, scores
    and figures.
    """

    name = "tensorboard"

    def __init__(self, run: Path) -> None:
        if find_spec("tensorboard") is None:
            raise MissingExtraError("TensorBoard", "tensorboard")
        self._folder = run / "tracking" / "tensorboard"
        self._writers: dict[str, Any] = {}
        self._loud = threading.excepthook

    def begin(self, settings: Mapping[str, Any]) -> str:  # noqa: ARG002  each recipe's are logged with its scores
        """Empty the folder: a run that goes on tells all its recipes again."""
        shutil.rmtree(self._folder, ignore_errors=True)
        # Its writers have threads; one that meets a full disk prints a traceback, and passes the error on as well.
        threading.excepthook = self._quiet
        return f"tensorboard --logdir {self._folder}"

    def recipe(self, record: Record) -> None:
        """Log curves, settings and scores."""
        from tensorboard.plugins.hparams.summary_v2 import hparams_pb

        for epoch in record.epochs:
            for run, values in ((TRAINING, epoch.training), (VALIDATION, epoch.validation)):
                for name in CURVES:
                    self._scalar(run, f"{record.recipe}/{name}", values[name], epoch.number)
            if epoch.learning_rate is not None:
                self._scalar(TRAINING, f"{record.recipe}/learning rate", epoch.learning_rate, epoch.number)
        settings = {"recipe": record.recipe, **record.settings}
        self._add(record.recipe, hparams_pb(settings, trial_id=record.recipe), 0)
        for name, value in record.scores.items():
            self._scalar(record.recipe, name, value, 0)
        self._flush()

    def finish(self, run: Path, results: Mapping[str, Any]) -> None:
        """Log all figures, and the network of each recipe as a graph."""
        names = [entry["name"] for entry in results["recipes"]]
        for recipe, figures in figures_of(run, names).items():
            for name, file in figures.items():
                self._picture(recipe or _WHOLE, f"figures/{name}", file.read_bytes())
        for recipe in names:
            network = run / "recipes" / recipe / "model.keras"
            if network.is_file():
                self._graph(recipe, network)
        self._flush()

    def close(self, *, failed: bool) -> None:  # noqa: ARG002  an event file has no state
        """Close the event files."""
        writers, self._writers = self._writers, {}
        try:
            for writer in writers.values():
                writer.close()
        finally:
            threading.excepthook = self._loud

    def _quiet(self, told: threading.ExceptHookArgs) -> None:
        if type(told.thread).__module__ != "tensorboard.summary.writer.event_file_writer":
            self._loud(told)

    def _scalar(self, run: str, tag: str, value: float, step: int) -> None:
        from tensorboard.compat.proto.summary_pb2 import Summary

        self._add(run, Summary(value=[Summary.Value(tag=tag, simple_value=value)]), step)

    def _picture(self, run: str, tag: str, content: bytes) -> None:
        from tensorboard.compat.proto.summary_pb2 import Summary

        # The header of a PNG file holds its width and height at this place.
        width, height = struct.unpack(">II", content[16:24])
        image = Summary.Image(width=width, height=height, colorspace=3, encoded_image_string=content)
        self._add(run, Summary(value=[Summary.Value(tag=tag, image=image)]), 0)

    def _graph(self, run: str, network: Path) -> None:
        """Log a Keras network as Keras' own callback does: its description, which TensorBoard draws."""
        from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
        from tensorboard.compat.proto.tensor_pb2 import TensorProto
        from tensorboard.compat.proto.types_pb2 import DT_STRING

        with zipfile.ZipFile(network) as archive:
            described = archive.read("config.json")
        plugin = SummaryMetadata(plugin_data=SummaryMetadata.PluginData(plugin_name=_GRAPH_PLUGIN, content=b"1"))
        tensor = TensorProto(dtype=DT_STRING, string_val=[described])
        self._add(run, Summary(value=[Summary.Value(tag="keras", metadata=plugin, tensor=tensor)]), 0)

    def _add(self, run: str, summary: Any, step: int) -> None:
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.summary.writer.event_file_writer import EventFileWriter

        if run not in self._writers:
            self._writers[run] = EventFileWriter(str(self._folder / run))
        self._writers[run].add_event(Event(wall_time=time.time(), step=step, summary=summary))

    def _flush(self) -> None:
        for writer in self._writers.values():
            writer.flush()
