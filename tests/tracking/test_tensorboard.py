"""What a run logged for TensorBoard, read back with TensorBoard's own reader."""

import json
from importlib import util
from pathlib import Path
from typing import Any

import pytest

import tellapart as ta
from ladder_set import draw_shapes
from tellapart.errors import MissingExtraError
from tellapart.files import read_csv
from tellapart.reproduction import arguments_of
from tellapart.tracking.record import record_of
from tellapart.tracking.tensorboard import TensorBoardTracker
from tracked_run import run_with_both

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> ta.Run:
    return run_with_both(tmp_path_factory.getbasetemp() / "tracked")


def read(run: Path) -> Any:
    from tensorboard.backend.event_processing.event_multiplexer import EventMultiplexer

    board = EventMultiplexer().AddRunsFromDirectory(str(run / "tracking" / "tensorboard"))
    board.Reload()
    return board


@pytest.fixture(scope="module")
def board(run: ta.Run) -> Any:
    return read(run.folder)


def test_the_two_lines_of_a_recipe_share_a_chart(run: ta.Run, board: Any) -> None:
    assert set(board.Runs()) == {"training", "validation", "majority", "baseline", "whole-run"}
    rows = read_csv(run.folder / "recipes" / "baseline" / "history.csv")
    for side, column in (("training", "loss"), ("validation", "valid_loss")):
        logged = board.Scalars(side, "baseline/loss")
        assert [event.step for event in logged] == [1, 2]
        assert [event.value for event in logged] == pytest.approx([float(row[column]) for row in rows], rel=1e-6)
    assert board.Scalars("training", "baseline/learning rate")[0].value == pytest.approx(
        float(rows[0]["learning_rate"])
    )


def test_scores_and_settings(run: ta.Run, board: Any) -> None:
    from tensorboard.plugins.hparams import metadata

    test = run.recipe("baseline").results["test"]
    (logged,) = board.Scalars("baseline", "test/accuracy")
    assert logged.value == pytest.approx(test["accuracy"])
    content = board.SummaryMetadata("baseline", metadata.SESSION_START_INFO_TAG).plugin_data.content
    settings = metadata.parse_session_start_info_plugin_data(content).hparams
    assert settings["recipe"].string_value == "baseline"
    assert settings["image_size"].number_value == 32


def test_figures_are_there_to_the_byte(run: ta.Run, board: Any) -> None:
    for name, tag, file in (
        ("baseline", "figures/curves", "curves_baseline"),
        ("baseline", "figures/confusion", "confusion_baseline"),
        ("whole-run", "figures/ladder", "ladder"),
    ):
        (image,) = board.GetAccumulator(name).Images(tag)
        assert image.encoded_image_string == (run.folder / "figures" / f"{file}.png").read_bytes()
        assert image.width > 500


def test_the_network_is_drawn_by_tensorboard_itself(board: Any) -> None:
    from tensorboard.plugins.graph.keras_util import keras_model_to_graph_def

    (event,) = board.Tensors("baseline", "keras")
    graph = keras_model_to_graph_def(json.loads(event.tensor_proto.string_val[0]))
    assert any("conv2d" in node.name for node in graph.node)


def test_a_run_that_goes_on_is_logged_once(run: ta.Run, tmp_path: Path) -> None:
    tracker = TensorBoardTracker(tmp_path)
    for _ in range(2):
        tracker.begin({})
        tracker.recipe(record_of(run.recipe("baseline").results, run.folder))
        tracker.close(failed=True)
    assert len(read(tmp_path).Scalars("training", "baseline/loss")) == 2


def test_a_run_made_again_is_not_tracked(run: ta.Run) -> None:
    assert run.results["settings"]["track"] == "tensorboard,mlflow"
    assert "track" not in arguments_of(run)


def test_without_the_extra_nothing_is_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    there = util.find_spec
    monkeypatch.setattr(
        "tellapart.tracking.tensorboard.find_spec", lambda name: None if name == "tensorboard" else there(name)
    )
    photos = draw_shapes(tmp_path / "photos", per_class=5)
    with pytest.raises(MissingExtraError, match=r"tellapart\[tensorboard\]"):
        ta.fit(photos, tmp_path / "run", track="tensorboard")
    assert not (tmp_path / "run").exists()
