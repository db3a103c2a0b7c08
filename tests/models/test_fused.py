import numpy as np
import pytest
from tiny_set import QUIET

from tellapart.models import networks
from tellapart.models.backend import keras
from tellapart.models.fused import fused_batch_norms
from tellapart.models.training import Plan, compile_network

pytestmark = QUIET


@pytest.fixture(autouse=True)
def _on_tensorflow() -> None:
    if keras.backend.backend() != "tensorflow":
        pytest.skip("the fused operation is TensorFlow's")


def test_a_fused_step_learns_what_a_plain_one_learns() -> None:
    generator = np.random.default_rng(0)
    inputs = generator.uniform(0, 255, (8, 32, 32, 3)).astype(np.float32)
    targets = np.eye(3, dtype=np.float32)[np.arange(8) % 3]
    plain, fused = (networks.deeper(3, 32) for _ in range(2))
    fused.set_weights(plain.get_weights())
    before = plain.get_weights()
    for network in (plain, fused):
        # Plain gradient descent: Adam's first step is the sign of the gradient, however small that is.
        network.compile(optimizer=keras.optimizers.SGD(0.01), loss="categorical_crossentropy", jit_compile=False)
    plain_losses = [float(plain.train_on_batch(inputs, targets)) for _ in range(3)]
    with fused_batch_norms(fused) as n_fused:
        fused_losses = [float(fused.train_on_batch(inputs, targets)) for _ in range(3)]
    assert n_fused == 5
    assert fused_losses == pytest.approx(plain_losses, rel=1e-4)
    assert plain_losses[2] < plain_losses[0]
    for weight, other, first in zip(fused.get_weights(), plain.get_weights(), before, strict=True):
        assert weight == pytest.approx(other, abs=1e-4)
        assert np.abs(other - first).max() > 1e-4


def test_afterwards_the_layers_are_what_they_were() -> None:
    network = networks.deeper(3, 32)
    inputs = np.random.default_rng(1).uniform(0, 255, (4, 32, 32, 3)).astype(np.float32)
    answers, described = network.predict_on_batch(inputs), network.get_config()
    norms = [layer for layer in network.layers if isinstance(layer, keras.layers.BatchNormalization)]
    with fused_batch_norms(network):
        assert all("call" in vars(layer) for layer in norms)
        assert keras.ops.convert_to_numpy(network(inputs, training=False)) == pytest.approx(answers, abs=1e-6)
    assert not any("call" in vars(layer) for layer in norms)
    assert network.get_config() == described


def test_only_layers_that_learn_in_single_precision_are_fused() -> None:
    layers = keras.layers
    photo = keras.Input((8, 8, 3))
    x = layers.BatchNormalization(name="learns")(photo)
    x = layers.BatchNormalization(name="half", dtype="mixed_float16")(x)
    x = layers.BatchNormalization(name="unscaled", scale=False)(x)
    x = layers.BatchNormalization(name="frozen", trainable=False)(x)
    network = keras.Model(photo, layers.BatchNormalization(name="flat")(layers.Flatten()(x)))
    with fused_batch_norms(network) as n_fused:
        assert [layer.name for layer in network.layers if "call" in vars(layer)] == ["learns"]
    assert n_fused == 1


def test_a_network_without_batch_norms_learns_as_ever() -> None:
    network = networks.baseline(3, 32)
    compile_network(network, Plan(1))
    with fused_batch_norms(network) as n_fused:
        assert n_fused == 0
