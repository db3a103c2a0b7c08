"""The steps of a run, opened, and what one of them looks at."""

from pathlib import Path

import pytest

from explained_run import explained_run
from photo_maker import noise
from tellapart.errors import RunFolderError
from tellapart.explain.ladder_steps import look, model_file, open_steps
from tellapart.explain.methods import METHODS


def test_every_recipe_with_a_file_is_opened_in_order(tmp_path: Path) -> None:
    run, results = explained_run(tmp_path)
    assert [step.recipe for step in open_steps(run, results)] == ["majority", "baseline"]
    (run / "recipes" / "baseline" / "model.onnx").unlink()
    assert model_file(run, "baseline") is None
    assert model_file(run, "baseline", chosen=True) == run / "model.onnx"
    assert [step.recipe for step in open_steps(run, results)] == ["majority", "baseline"]


def test_a_run_without_model_files_is_told(tmp_path: Path) -> None:
    run, results = explained_run(tmp_path)
    for file in run.rglob("model.onnx"):
        file.unlink()
    with pytest.raises(RunFolderError, match="no model file"):
        open_steps(run, results)


def test_the_floor_looks_at_nothing_and_a_network_at_a_place(tmp_path: Path) -> None:
    majority, baseline = open_steps(*explained_run(tmp_path))
    photo = noise(3, (60, 40))
    nothing = look(majority, METHODS["hirescam"], photo, 0, photo.size)
    assert nothing.heat is None
    assert "same of every photo" in nothing.told["why"]
    found = look(baseline, METHODS["integrated-gradients"], photo, 0, photo.size)
    assert found.heat is not None
    assert found.heat.shape == (40, 60)
    assert found.told["difference"] <= 0.02 * abs(found.told["change"]) + 1e-6
    assert 0 <= found.told["against"] <= 1
