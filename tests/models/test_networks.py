from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_set import QUIET

from tellapart.models import networks
from tellapart.models.backend import keras

pytestmark = QUIET


def built(name: str, size: int = 32) -> Any:
    keras.utils.set_random_seed(0)
    return {"baseline": networks.baseline, "deeper": networks.deeper}[name](3, size)


def photos(size: int, n: int = 4) -> np.ndarray:
    return np.random.default_rng(0).uniform(0, 255, (n, size, size, 3)).astype(np.float32)


def answer(network: Any, inputs: np.ndarray) -> np.ndarray:
    return np.asarray(keras.ops.convert_to_numpy(network.predict_on_batch(inputs)))


def count(network: Any, kind: type) -> int:
    return sum(isinstance(layer, kind) for layer in network.layers)


@pytest.mark.parametrize("size", [16, 32, 50])
@pytest.mark.parametrize("name", ["baseline", "deeper"])
def test_photos_become_probabilities(name: str, size: int) -> None:
    probabilities = answer(built(name, size), photos(size))
    assert probabilities.shape == (4, 3)
    assert probabilities.sum(axis=1) == pytest.approx(np.ones(4), abs=1e-5)
    assert probabilities.min() >= 0


@pytest.mark.parametrize("name", ["baseline", "deeper"])
def test_the_scaling_is_inside_and_keeps_outputs_tame(name: str) -> None:
    ends = np.stack([np.zeros((32, 32, 3)), np.full((32, 32, 3), 255)]).astype(np.float32)
    probabilities = answer(built(name), ends)
    assert probabilities.max() < 0.999
    assert np.abs(probabilities[0] - probabilities[1]).max() > 1e-4


def test_deeper_has_more_convolution_and_pooling_layers_than_baseline() -> None:
    for kind in (keras.layers.Conv2D, keras.layers.MaxPooling2D):
        assert count(built("deeper"), kind) > count(built("baseline"), kind) > 0
    assert count(built("baseline"), keras.layers.Dropout) == 0
    assert count(networks.deeper(3, 32, dropout=0.4), keras.layers.Dropout) > 0


def test_width_multiplies_the_channels() -> None:
    channels = [
        [
            layer.filters
            for layer in networks.deeper(3, 32, width=width).layers
            if isinstance(layer, keras.layers.Conv2D)
        ]
        for width in (1.0, 2.0)
    ]
    assert channels[1] == [2 * number for number in channels[0]]
    assert networks.deeper(3, 32, width=0.01).count_params() > 0


@pytest.mark.parametrize("name", ["baseline", "deeper"])
def test_a_saved_network_answers_alike(name: str, tmp_path: Path) -> None:
    network = built(name)
    network.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert answer(again, photos(32)).tobytes() == answer(network, photos(32)).tobytes()


def test_the_head_takes_pooled_features() -> None:
    keras.utils.set_random_seed(0)
    head = networks.head(7, 4, dropout=0.5)
    probabilities = answer(head, np.random.default_rng(0).normal(size=(5, 7)).astype(np.float32))
    assert probabilities.shape == (5, 4)
    assert probabilities.sum(axis=1) == pytest.approx(np.ones(5), abs=1e-5)
    assert count(head, keras.layers.Dense) == 2


def test_pooled_is_the_mean_of_each_channel() -> None:
    maps = keras.Input((4, 5, 3))
    inputs = np.random.default_rng(0).normal(size=(2, 4, 5, 3)).astype(np.float32)
    network = networks.pooled(keras.Model(maps, keras.layers.Activation("relu")(maps)))
    assert answer(network, inputs) == pytest.approx(np.maximum(inputs, 0).mean(axis=(1, 2)), abs=1e-6)


def test_means_of_lower_maps_stand_behind_those_of_the_last() -> None:
    photo = keras.Input((8, 8, 3))
    wide = keras.layers.Activation("relu")(photo)
    network = keras.Model(photo, keras.layers.MaxPooling2D()(wide))
    inputs = np.random.default_rng(0).normal(size=(2, 8, 8, 3)).astype(np.float32)
    found = answer(networks.pooled(network, lower=True), inputs)
    assert found[:, :3] == pytest.approx(answer(networks.pooled(network), inputs), abs=1e-6)
    assert found[:, 3:] == pytest.approx(np.maximum(inputs, 0).mean(axis=(1, 2)), abs=1e-6)
