from pathlib import Path

import numpy as np
import onnx
import pytest
from tiny_set import draw_set, task_on

from tellapart.models.forward import Forward
from tellapart.models.majority import fit_majority, write_majority
from tellapart.models.task import Options, Written

SHARES = np.array([0.5, 0.3, 0.2])


@pytest.mark.parametrize("size", [8, 33])
def test_any_photo_gets_the_shares(size: int) -> None:
    content = write_majority(SHARES, size)
    onnx.checker.check_model(onnx.load_from_string(content), full_check=True)
    photos = np.random.default_rng(0).uniform(0, 255, (4, size, size, 3)).astype(np.float32)
    told = Forward(content).named_outputs(photos)
    assert list(told) == ["probabilities"]
    assert told["probabilities"] == pytest.approx(np.tile(SHARES, (4, 1)), abs=1e-6)


def test_the_recipe_learns_the_shares_of_its_training_photos(tmp_path: Path) -> None:
    task = task_on(draw_set(tmp_path / "photos"), tmp_path, Options())
    fitted = fit_majority(task, 16)
    shares = np.bincount(task.labels(task.train)) / len(task.train)
    photos = np.zeros((2, 16, 16, 3), np.float32)
    assert isinstance(fitted.network, Written)
    assert fitted.answer(photos) == pytest.approx(np.tile(shares, (2, 1)))
    assert Forward(fitted.as_onnx())(photos) == pytest.approx(fitted.answer(photos), abs=1e-6)
    assert (fitted.parameters, fitted.trainable_parameters) == (12, 0)
    assert (fitted.train.shape, fitted.valid.shape) == ((len(task.train), 3), (len(task.valid), 3))
