"""The arithmetic of the dense head, beside finite differences and Keras."""

from dataclasses import replace

import numpy as np
import pytest
from test_dense_training import PLAN, clouds, head_before, trained
from tiny_set import QUIET

from tellapart.models.backend import keras
from tellapart.models.dense import Adam, DenseHead, slopes
from tellapart.models.keras_file import keras_head

pytestmark = QUIET


def loss_of(head: DenseHead, inputs: np.ndarray, labels: np.ndarray, counting: np.ndarray, kept: np.ndarray) -> float:
    hidden, hidden_bias, weights, bias = (array.astype(np.float64) for array in head.arrays)
    logits = (np.maximum(inputs @ hidden + hidden_bias, 0) * kept) @ weights + bias
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return float(-(counting * np.log(shares[np.arange(len(labels)), labels])).mean())


def test_slopes_are_those_of_the_loss() -> None:
    inputs, labels = clouds(2, n=20)
    generator = np.random.default_rng(0)
    counting = generator.uniform(0.5, 2, len(labels)).astype(np.float32)
    head = head_before(units=7)
    kept = (generator.random((len(labels), 7)) > 0.4).astype(np.float32) / np.float32(0.6)
    _, found = slopes(head, inputs, labels, counting, kept)
    for place, slope in enumerate(found):
        flat = generator.choice(slope.size, min(20, slope.size), replace=False)
        for number in flat:
            moved = []
            for step in (1e-3, -1e-3):
                arrays = [array.astype(np.float64) for array in head.arrays]
                arrays[place].flat[number] += step
                moved.append(loss_of(DenseHead(tuple(arrays)), inputs, labels, counting, kept))
            assert slope.flat[number] == pytest.approx((moved[0] - moved[1]) / 2e-3, abs=2e-4)


def test_it_answers_as_the_network_of_keras() -> None:
    head, _ = trained(replace(PLAN, epochs=3))
    inputs, _ = clouds(4)
    answers = keras.ops.convert_to_numpy(keras_head(head, 0.5)(inputs))
    assert head.probabilities(inputs) == pytest.approx(answers, abs=1e-6)


def test_what_features_are_scaled_by_can_be_part_of_the_weights() -> None:
    head, scales = head_before(), np.linspace(0.1, 30, len(head_before().arrays[0])).astype(np.float32)
    inputs, _ = clouds(4)
    assert head.behind(scales).probabilities(inputs) == pytest.approx(head.probabilities(inputs * scales), abs=1e-5)


def test_adam_moves_as_far_as_its_rate_at_first() -> None:
    head = head_before()
    before = [array.copy() for array in head.arrays]
    Adam(head.arrays).step(head, [np.ones_like(array) for array in head.arrays], 0.01)
    for array, old in zip(head.arrays, before, strict=True):
        assert old - array == pytest.approx(0.01, abs=1e-5)
