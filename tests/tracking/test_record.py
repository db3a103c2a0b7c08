"""What is logged of a recipe."""

from pathlib import Path

import pytest

from plain_run import plain_run
from tellapart.files import write_csv
from tellapart.run import Run
from tellapart.tracking.record import Epoch, figures_of, flat, record_of


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return plain_run(tmp_path / "run", range(20), {"bottleneck": [1, 2]})


def test_a_record_of_a_recipe(run: Run) -> None:
    record = record_of(run.recipe("bottleneck").results, run.folder)
    assert record.recipe == "bottleneck"
    assert record.scores["test/accuracy"] == 0.9
    assert record.scores["seconds"] == 12.0
    assert record.settings == {
        "step": "1", "backbone": "pocket", "image_size": 32, "rate": 0.1, "layers": "8, 16",
    }  # fmt: skip
    assert record.epochs == [Epoch(1, {"loss": 0.9, "accuracy": 0.5}, {"loss": 0.8, "accuracy": 0.6}, 0.01)]


def test_a_history_without_learning_rate_is_an_early_one(run: Run) -> None:
    columns = ["epoch", "loss", "accuracy", "valid_loss", "valid_accuracy", "seconds"]
    write_csv(run.folder / "recipes" / "bottleneck" / "history.csv", columns, [[1, 0.5, 0.6, 0.7, 0.8, 1.0]])
    (epoch,) = record_of(run.recipe("bottleneck").results, run.folder).epochs
    assert epoch.learning_rate is None
    assert epoch.validation["accuracy"] == 0.8


def test_settings_lie_flat() -> None:
    assert flat({"a": 1, "b": {"c": "x", "d": None}, "e": [1, 2], "f": True, "g": Path("h")}) == {
        "a": 1, "b/c": "x", "e": "1, 2", "f": True, "g": "h",
    }  # fmt: skip


def test_figures_belong_to_the_recipe_with_the_longest_name(tmp_path: Path) -> None:
    folder = tmp_path / "figures"
    folder.mkdir()
    for name in ("curves_a", "curves_b_a", "ladder"):
        (folder / f"{name}.png").write_bytes(b"")
    found = figures_of(tmp_path, ["a", "b_a"])
    assert {recipe: list(figures) for recipe, figures in found.items()} == {
        "a": ["curves"], "b_a": ["curves"], "": ["ladder"],
    }  # fmt: skip
