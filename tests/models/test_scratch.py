from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_set import QUIET, draw_set, task_on

from tellapart.models import networks, scratch
from tellapart.models.backend import keras
from tellapart.models.scratch import (
    augmented,
    fit_from_scratch,
    outputs_of,
    pixels_for,
    predict,
    trainable_parameters,
)
from tellapart.models.task import Options, Task
from tellapart.models.training import Plan, Watcher
from tellapart.photos.pixels import PixelSpec

pytestmark = QUIET


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw_set(tmp_path_factory.mktemp("photos") / "set")


@pytest.fixture
def task(photos: Path, tmp_path: Path) -> Task:
    return task_on(photos, tmp_path, Options())


def network() -> Any:
    keras.utils.set_random_seed(0)
    return networks.baseline(3, 32)


def test_a_network_learns_the_tiny_set(task: Task) -> None:
    fitted = fit_from_scratch(task, network(), Plan(epochs=6, batch_size=8), Watcher("tiny"))
    assert fitted.recipe == "tiny"
    assert fitted.history.rows[-1].loss < fitted.history.rows[0].loss
    assert (fitted.train.shape, fitted.valid.shape) == ((len(task.train), 3), (len(task.valid), 3))
    assert (fitted.train.argmax(axis=1) == task.labels(task.train)).mean() > 0.8
    assert fitted.trainable_parameters == fitted.network.count_params()
    assert fitted.seconds["features"] == 0
    assert fitted.seconds["train"] > 0
    assert fitted.hyperparameters["batch_size"] == 8


def test_the_numbers_kept_are_those_of_the_network(task: Task) -> None:
    fitted = fit_from_scratch(task, network(), Plan(epochs=1), Watcher("tiny"), strength=1.0)
    pixels = pixels_for(task, task.valid, fitted.spec)
    assert fitted.spec.size == 32
    assert fitted.valid == pytest.approx(predict(fitted.network, pixels), abs=1e-6)


def test_augmentation_varies_photos_and_is_fixed_by_its_generator(task: Task) -> None:
    pixels = pixels_for(task, task.train, PixelSpec(32))
    fetch, places = augmented(pixels, 1.0), np.array([0, 0, 3])
    first = fetch(places, np.random.default_rng(0))
    assert first.shape == (3, 32, 32, 3)
    assert first.dtype == np.float32
    assert first.min() >= 0
    assert first.max() <= 255
    assert first[0].tobytes() != first[1].tobytes()
    assert fetch(places, np.random.default_rng(0)).tobytes() == first.tobytes()
    assert fetch(places, np.random.default_rng(1)).tobytes() != first.tobytes()


def test_prediction_in_batches_is_prediction(monkeypatch: pytest.MonkeyPatch) -> None:
    inputs = np.random.default_rng(0).integers(0, 256, (7, 32, 32, 3), dtype=np.uint8)
    own = network()
    whole = predict(own, inputs)
    monkeypatch.setattr(scratch, "VALIDATION_BATCH", 3)
    assert predict(own, inputs) == pytest.approx(whole, abs=1e-6)
    assert whole.shape == (7, 3)


def test_a_network_of_two_outputs_gives_both(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scratch, "VALIDATION_BATCH", 3)
    inputs = np.random.default_rng(0).integers(0, 256, (7, 32, 32, 3), dtype=np.uint8)
    own = network()
    both = keras.Model(own.input, [own.output, own.layers[-1].input])
    shares, features = outputs_of(both, inputs)
    assert shares == pytest.approx(predict(own, inputs), abs=1e-6)
    assert features.shape == (7, 128)
    assert [output.shape for output in outputs_of(own, inputs)] == [(7, 3)]


def test_only_what_training_adjusts_is_counted() -> None:
    own = networks.deeper(3, 32)
    assert 0 < trainable_parameters(own) < own.count_params()  # moving statistics are not trained
    own.trainable = False
    assert trainable_parameters(own) == 0
