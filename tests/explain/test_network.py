"""A model file looked into: against Keras' own scores, maps and gradients, on every kind of network of the ladder."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from ladder_models import CLASSES, SIZE, nested, photos, recipe
from tellapart.deploy.runtime import Model
from tellapart.errors import ModelFileError, OptionError
from tellapart.explain.network import Network
from tellapart.models.backbones import find_backbone
from tellapart.models.backend import keras
from tellapart.models.forward import runtime_session

pytestmark = pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="TensorFlow's tape is the reference")
SCRATCH = ("baseline", "deeper", "augmented", "tuned")
BACKBONES = {"pocket": 32, "small_vgg": 32, "mobilenet_v2": 64}


def made(name: str) -> tuple[Any, Model]:
    return nested(name, BACKBONES[name]) if name in BACKBONES else recipe(name)


def centred_logits(network: Any, x: Any) -> Any:
    """Keras' scores: the last layer before its softmax, wherever it is nested."""
    import tensorflow as tf

    last = network.layers[-1]
    head = last.layers[-1] if hasattr(last, "layers") else last
    head.activation, kept = keras.activations.linear, head.activation
    try:
        told = network(x, training=False)
        logits = told[0] if isinstance(told, list | tuple) else told
    finally:
        head.activation = kept
    return logits - tf.reduce_mean(logits, axis=1, keepdims=True)


def tape(network: Any, x: np.ndarray, seed: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Scores and gradient by TensorFlow."""
    import tensorflow as tf

    photo = tf.constant(x.astype(np.float32))
    with tf.GradientTape() as kept:
        kept.watch(photo)
        scores = centred_logits(network, photo)
        total = tf.reduce_sum(scores * seed)
    return np.asarray(scores.numpy()), np.asarray(kept.gradient(total, photo).numpy())


def close(told: np.ndarray, truth: np.ndarray, share: float = 2e-3) -> None:
    assert told.shape == truth.shape
    assert np.abs(truth).max() > 0
    np.testing.assert_allclose(told, truth, atol=share * float(np.abs(truth).max()), rtol=share)


@pytest.mark.parametrize("name", [*SCRATCH, *BACKBONES])
def test_scores_and_gradients_are_those_of_keras(name: str) -> None:
    network, model = made(name)
    own = Network(model)
    x = photos(3, own.spec.size)
    seed = np.random.default_rng(1).normal(size=(3, 3)).astype(np.float32)
    scores, gradient = tape(network, x, seed)
    close(own.scores(x), scores)
    close(own.gradient(x, seed), gradient)


@pytest.mark.parametrize("name", ["majority", "deeper", "pocket"])
def test_scores_are_the_logarithms_of_the_probabilities_before_calibration(name: str) -> None:
    own = Network(made(name)[1])
    x = photos(4, own.spec.size)
    temperature = 1.0 if name == "majority" else 1.5
    logs = np.log(own.probabilities(x)) * temperature
    np.testing.assert_allclose(own.scores(x), logs - logs.mean(axis=1, keepdims=True), atol=2e-4)


HALVED = {"baseline": (32, 16, 8), "deeper": (32, 16, 8, 4, 2), "pocket": (16, 8, 4, 2), "small_vgg": (32, 16, 8)}


@pytest.mark.parametrize("name", [*SCRATCH, *BACKBONES])
def test_blocks_are_the_last_maps_of_each_size(name: str) -> None:
    own = Network(made(name)[1])
    sides = [own.shape_of(block)[0] for block in own.blocks]
    expected = {**dict.fromkeys(SCRATCH, HALVED["deeper"]), **HALVED, "mobilenet_v2": (32, 16, 8, 4, 2)}
    assert tuple(sides) == expected[name]
    x = photos(2, own.spec.size)
    for block in own.blocks:
        maps = own.activations(x, block)
        assert maps.shape == (2, *own.shape_of(block))
        assert np.ptp(maps) > 0


LAST = {"baseline": "activation_2", "pocket": "last", "small_vgg": "block3_conv2", "mobilenet_v2": "out_relu"}


@pytest.mark.parametrize("name", list(LAST))
def test_the_last_block_is_the_layer_that_people_would_name(name: str) -> None:
    network, model = made(name)
    own = Network(model)
    x = photos(2, own.spec.size)
    close(own.activations(x, own.blocks[-1]), last_maps(name, network, x.astype(np.float32)))


def last_maps(name: str, network: Any, x: np.ndarray) -> np.ndarray:
    """The activation maps of the last block, by Keras."""
    if name == "baseline":
        layers = [layer for layer in network.layers if isinstance(layer, keras.layers.Activation)]
        return np.asarray(keras.ops.convert_to_numpy(keras.Model(network.input, layers[-1].output)(x)))
    backbone = next(layer for layer in network.layers if hasattr(layer, "layers"))
    row = find_backbone("vgg16" if name == "small_vgg" else name)
    part = keras.Model(backbone.input, backbone.get_layer(LAST[name]).output)
    return np.asarray(keras.ops.convert_to_numpy(part(row.preprocess(keras.ops.convert_to_tensor(x)))))


def test_gradients_chain_through_a_block() -> None:
    """What a block adds to a score, followed on to the photo, is the gradient of the score."""
    own = Network(made("pocket")[1])
    x, seed = photos(2, own.spec.size), np.eye(3, dtype=np.float32)[:2]
    within = own.gradient(x, seed, at="block2")
    assert within.shape == (2, *own.shape_of("block2"))
    close(own.gradient(x, within, of="block2"), own.gradient(x, seed))


def test_each_photo_is_by_itself_and_any_number_of_them_is_taken() -> None:
    own = Network(made("baseline")[1])
    x, seed = photos(37, SIZE), np.random.default_rng(0).normal(size=(37, 3))
    together = own.gradient(x, seed)
    np.testing.assert_allclose(together[20:21], own.gradient(x[20:21], seed[20:21]), atol=1e-7)
    assert own.scores(x).shape == (37, 3)
    assert own.scores(x[:0]).shape == (0, 3)
    np.testing.assert_array_equal(own.scores(x), own.scores(x.astype(np.float32)))


def test_features_are_what_the_last_layer_weighs() -> None:
    network, model = made("baseline")
    own = Network(model)
    x = photos(3, SIZE)
    kernel, bias = network.layers[-1].get_weights()
    logits = own.features(x) @ kernel + bias
    close(own.scores(x), logits - logits.mean(axis=1, keepdims=True))


def test_means_of_the_last_maps_become_features_by_the_head_alone() -> None:
    model = made("pocket")[1]
    opened, x = Network(model), photos(3, model.spec.size)
    means = opened.activations(x, opened.blocks[-1]).mean(axis=(1, 2))
    found = opened.features_of_pooled(means)
    assert found is not None
    np.testing.assert_allclose(found, opened.features(x), rtol=1e-4, atol=1e-5)
    assert opened.features_of_pooled(means[:, :-1]) is None
    assert Network(made("baseline")[1]).features_of_pooled(means) is None


def test_means_of_maps_of_two_sides_become_features_by_the_head_alone() -> None:
    plain, model = Network(made("pocket")[1]), nested("pocket", 32, lower=True)[1]
    opened, x = Network(model), photos(3, 32)
    assert [branch.channels for branch in opened.branches] == [320, 96]
    assert not plain.branches
    assert plain.evidence(x, np.ones((3, 3))) == []
    last, lower = (opened.activations(x, block).mean(axis=(1, 2)) for block in opened.blocks[:-3:-1])
    both = np.concatenate([last, lower], axis=1)
    found = opened.features_of_pooled(both)
    assert found is not None
    np.testing.assert_allclose(found, opened.features(x), rtol=1e-4, atol=1e-5)
    assert opened.features_of_pooled(last) is None
    own = plain.features_of_pooled(both)  # those of the last maps come first
    assert own is not None
    np.testing.assert_allclose(own, plain.features(x), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["pocket", "mobilenet_v2"])
def test_blocks_are_the_same_where_a_head_reads_maps_of_two_sides(name: str) -> None:
    plain, double = (Network(nested(name, 64, lower=lower)[1]) for lower in (False, True))
    x = photos(2, 64)
    assert double.blocks == plain.blocks
    for block in plain.blocks:
        np.testing.assert_allclose(double.activations(x, block), plain.activations(x, block), atol=1e-5)


def test_a_photo_that_is_asked_for_several_things_is_seen_once(monkeypatch: pytest.MonkeyPatch) -> None:
    opened = Network(made("baseline")[1])
    one, other = photos(2, opened.spec.size)[:, np.newaxis]
    truth = opened.scores(np.concatenate([one, other]))
    runs: list[int] = []
    session = opened._forward

    def run(*told: Any) -> Any:
        runs.append(1)
        return session.run(*told)

    counted = SimpleNamespace(run=run, get_outputs=session.get_outputs)
    monkeypatch.setattr(opened, "_forward", counted)
    np.testing.assert_allclose(opened.scores(one)[0], truth[0], rtol=1e-4, atol=1e-5)
    opened.probabilities(one)
    opened.activations(one, opened.blocks[0])
    assert len(runs) == 1
    np.testing.assert_allclose(opened.scores(other)[0], truth[1], rtol=1e-4, atol=1e-5)
    assert len(runs) == 2


def test_first_filters_read_red_green_and_blue() -> None:
    """VGG16 reads blue first and other networks scaled colours; the filters are told as for the photo."""
    for name in ("baseline", "small_vgg"):
        network, model = made(name)
        own = Network(model)
        layers = [*network.layers, *(inner for layer in network.layers for inner in getattr(layer, "layers", []))]
        kernel = next(layer for layer in layers if isinstance(layer, keras.layers.Conv2D)).get_weights()[0]
        kernel = kernel[:, :, ::-1] if name == "small_vgg" else kernel / 127.5
        assert own.first_filters is not None
        close(own.first_filters, kernel.transpose(3, 0, 1, 2))


def test_the_floor_has_no_blocks_and_no_filters() -> None:
    own = Network(made("majority")[1])
    assert own.blocks == ()
    assert own.first_filters is None
    assert not own.gradient(photos(2, SIZE), np.ones((2, 3))).any()


def test_what_does_not_fit_is_told() -> None:
    own = Network(made("baseline")[1])
    x = photos(2, SIZE)
    with pytest.raises(OptionError, match="block1, block2, block3"):
        own.activations(x, "block9")
    with pytest.raises(OptionError, match="none, as this model has no convolutions"):
        Network(made("majority")[1]).activations(x, "block1")
    with pytest.raises(OptionError, match=r"\(2, 3\), the shape of scores"):
        own.gradient(x, np.ones((2, 4)))
    with pytest.raises(OptionError, match="32, 32, 3"):
        own.scores(photos(1, 16))


def test_a_file_is_checked_when_it_is_opened(tmp_path: Path) -> None:
    content = made("baseline")[1].content
    (tmp_path / "model.onnx").write_bytes(content)
    own = Network.open(tmp_path)
    assert (own.classes, own.spec.size, own.recipe, own.backbone) == (CLASSES, SIZE, "baseline", None)
    (tmp_path / "model.onnx").write_bytes(content[:-1000])
    with pytest.raises(ModelFileError):
        Network.open(tmp_path)


def test_sessions_are_kept_but_not_all_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[bytes] = []

    def counted(model: bytes, *, optimised: bool = True, threads: int = 0) -> Any:
        opened.append(model)
        return runtime_session(model, optimised=optimised, threads=threads)

    monkeypatch.setattr("tellapart.explain.network.runtime_session", counted)
    own = Network(made("deeper")[1])
    x, seed = photos(1, SIZE), np.ones((1, 3))
    opened.clear()
    for _ in range(2):
        own.gradient(x, seed)
        own.scores(x)
        own.activations(x, "block2")
    assert len(opened) == 2
    for block in own.blocks:
        own.gradient(x, seed, at=block)
    own.gradient(x, seed, at=own.blocks[-1])
    assert len(opened) == 2 + len(own.blocks)


def test_of_many_photos_each_is_computed_as_if_alone() -> None:
    """They are shared out among threads, and come back in their order."""
    own = Network(made("deeper")[1])
    x = photos(7, SIZE)
    seed = np.tile(np.array([[1.0, 0.0, 0.0]]), (7, 1))
    assert np.allclose(own.scores(x), np.concatenate([own.scores(x[n : n + 1]) for n in range(7)]), atol=1e-5)
    alone = np.concatenate([own.gradient(x[n : n + 1], seed[:1]) for n in range(7)])
    assert np.allclose(own.gradient(x, seed), alone, atol=1e-6)


def test_scores_and_activations_come_at_once() -> None:
    network = Network(recipe("deeper")[1])
    x = photos(40, SIZE)
    blocks = [network.blocks[-1], network.blocks[1]]
    scores, maps = network.scores_and_activations(x, blocks)
    np.testing.assert_allclose(scores, network.scores(x), atol=1e-5)
    for block, values in zip(blocks, maps, strict=True):
        np.testing.assert_allclose(values, network.activations(x, block), atol=1e-5)
    assert network.scores_and_activations(x, [])[1] == []
    with pytest.raises(OptionError, match="No block is called 'nothing'"):
        network.scores_and_activations(x, ["nothing"])
