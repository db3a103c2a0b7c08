from pathlib import Path

import numpy as np
import pytest

from planted_run import build_run, square_photo
from tellapart.errors import RunFolderError
from tellapart.explain.ladder_steps import look, model_file, open_steps
from tellapart.explain.methods import METHODS, Method


def test_steps_are_opened_in_their_order(tmp_path: Path) -> None:
    run, results = build_run(tmp_path)
    steps = open_steps(run, results)
    assert [(step.recipe, step.title, step.looks) for step in steps] == [
        ("majority", "Always the commonest class", False),
        ("bottleneck", "Frozen backbone", True),
    ]


def test_model_files_are_found_where_folds_put_them(tmp_path: Path) -> None:
    run, results = build_run(tmp_path)
    final = run / "folds" / "final" / "recipes" / "majority"
    final.mkdir(parents=True)
    (run / "recipes" / "majority" / "model.onnx").rename(final / "model.onnx")
    (run / "recipes" / "bottleneck" / "model.onnx").unlink()
    assert model_file(run, "majority") == final / "model.onnx"
    assert model_file(run, "bottleneck") is None
    assert model_file(run, "bottleneck", chosen=True) == run / "model.onnx"
    assert [step.recipe for step in open_steps(run, results)] == ["majority", "bottleneck"]
    (run / "model.onnx").unlink()
    (final / "model.onnx").unlink()
    with pytest.raises(RunFolderError, match="holds no model file"):
        open_steps(run, results)


@pytest.mark.parametrize("place", ["top left", "top right", "bottom left", "bottom right"])
@pytest.mark.parametrize("method", METHODS.values(), ids=lambda method: method.name)
def test_a_look_lies_the_right_way_round_on_a_photo_of_any_shape(tmp_path: Path, place: str, method: Method) -> None:
    step = open_steps(*build_run(tmp_path))[1]
    photo = square_photo("red", 0, place, (96, 60))
    photo.save(tmp_path / "photo.png")
    found = look(step, method, tmp_path / "photo.png", 1, photo.size)
    assert found.heat is not None
    assert found.heat.shape == (60, 96)
    positive = np.maximum(found.heat, 0)
    quarters = {
        f"{row} {column}": float(positive[across][:, down].sum())
        for row, across in (("top", slice(30)), ("bottom", slice(30, None)))
        for column, down in (("left", slice(48)), ("right", slice(48, None)))
    }
    there = quarters.pop(place)
    assert there > 1.8 * max(quarters.values()), quarters
    assert found.told["predicted"] == "red"


def test_what_is_told_of_a_look(tmp_path: Path) -> None:
    floor, step = open_steps(*build_run(tmp_path))
    photo = square_photo("red", 0)
    photo.save(tmp_path / "photo.png")
    told = look(step, METHODS["integrated-gradients"], tmp_path / "photo.png", 0, photo.size).told
    assert told["probability_of_class"] == pytest.approx(1 - told["probability"], abs=1e-4)
    assert told["score"] < 0
    assert told["difference"] <= 0.02
    assert 0 < told["against"] < 1
    nothing = look(floor, METHODS["gradcam"], tmp_path / "photo.png", 0, photo.size)
    assert nothing.heat is None
    assert nothing.told["method"] is None
