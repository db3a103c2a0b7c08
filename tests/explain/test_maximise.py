"""Inputs that are optimised: that they rise, that they look like what was planted, and that they come out the same."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from ladder_models import recipe
from planted_square import pictures, planted_network
from tellapart.errors import OptionError
from tellapart.explain import maximise as module
from tellapart.explain.maximise import Ascent, affordable, maximise, noise
from tellapart.explain.network import Network
from tellapart.photos.pixels import PixelSpec

QUICK = Ascent(steps=24)


def test_a_class_gets_the_colour_that_decides_it_and_a_score_beyond_noise_and_photos() -> None:
    network = planted_network()
    made = maximise(network, "scores", [0, 1], QUICK)
    assert made.shape == (2, 48, 48, 3)
    assert made.dtype == np.uint8
    green, red = made.astype(float).mean(axis=(1, 2))
    assert green[1] > green[0] + 15
    assert red[0] > red[1] + 15
    scores = network.scores(np.concatenate([made, noise(48, QUICK), pictures(64, 9)[0]]))
    for number in (0, 1):
        beyond = scores[number, number]
        assert beyond > 3 * abs(scores[2, number])
        assert beyond > scores[3:, number].max()


def test_without_training_there_is_no_such_colour() -> None:
    network = Network(recipe("baseline")[1])
    made = maximise(network, "scores", [0, 1], QUICK).astype(float).mean(axis=(1, 2))
    assert not (made[0, 1] > made[0, 0] + 15 and made[1, 0] > made[1, 1] + 15)


def test_a_channel_rises_and_the_bar_moves_with_every_picture_and_step() -> None:
    network = planted_network()
    block = network.blocks[1]
    at_first = network.activations(noise(48, QUICK), block).mean(axis=(0, 1, 2))
    numbers = np.argsort(-at_first)[:2].tolist()
    moved: list[int] = []
    bar: Any = SimpleNamespace(advance=moved.append)
    made = maximise(network, block, numbers, QUICK, bar=bar)
    assert moved == [2] * 24
    after = network.activations(made, block).mean(axis=(1, 2))
    assert all(after[place, number] > 1.5 * at_first[number] for place, number in enumerate(numbers))
    with pytest.raises(OptionError, match="No block is called 'block9'"):
        maximise(network, "block9", [0], QUICK)


class Sleeper:
    """A network of two classes: the first is the red of the picture; the second sleeps until the picture is rough."""

    spec = PixelSpec(16)
    classes = ("red", "rough")

    def scores(self, x: np.ndarray) -> np.ndarray:
        return np.stack([x[..., 0].mean(axis=(1, 2)), np.maximum(x.std(axis=(1, 2, 3)) - 40, 0)], axis=1)

    def gradient(self, x: np.ndarray, seed: np.ndarray, *, of: str) -> np.ndarray:
        assert of == "scores"
        found = np.zeros(x.shape, np.float32)
        found[..., 0] = seed[:, :1, None] / x[0, ..., 0].size
        deviation = x - x.mean(axis=(1, 2, 3), keepdims=True)
        awake = self.scores(x)[:, 1] > 0
        return np.asarray(found + (seed[:, 1] * awake)[:, None, None, None] * deviation / x[0].size)


def test_what_sleeps_on_noise_is_woken_and_what_is_awake_is_left_alone() -> None:
    network: Any = Sleeper()
    made = maximise(network, "scores", [0, 1], QUICK)
    assert network.scores(noise(16, QUICK))[0, 1] == 0
    assert network.scores(made)[1, 1] > 5
    assert made[:1].tobytes() == maximise(network, "scores", [0], QUICK).tobytes()


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others() -> None:
    network = planted_network()
    one, same = (maximise(network, "scores", [1], QUICK) for _ in range(2))
    assert one.tobytes() == same.tobytes()
    assert one.tobytes() != maximise(network, "scores", [1], Ascent(steps=24, seed=1)).tobytes()
    assert noise(48).tobytes() == noise(48).tobytes() != noise(48, Ascent(seed=1)).tobytes()


def test_jitter_blur_and_decay_make_smoother_pictures() -> None:
    network = planted_network()

    def roughness(how: Ascent) -> float:
        made = maximise(network, "scores", [0], how)[0].astype(float)
        return float(np.abs(np.diff(made, axis=0)).mean() / made.std())

    assert roughness(QUICK) < 0.7 * roughness(Ascent(steps=24, jitter=0, zoom=0, decay=0, steepness=0))


def test_shifting_and_zooming_have_their_way_back() -> None:
    generator = np.random.default_rng(0)
    view = module._View.drawn(16, 24, Ascent(), generator)
    pictures, photos = generator.normal(size=(2, 3, 16, 16)), generator.normal(size=(2, 24, 24, 3))
    assert np.sum(view.of(pictures) * photos) == pytest.approx(np.sum(pictures * view.back(photos)), rel=1e-5)
    as_photos = np.moveaxis(pictures, 1, -1)
    np.testing.assert_allclose(module._View(16, 16).of(pictures), as_photos, atol=1e-6)
    np.testing.assert_allclose(
        module._View(16, 16, (3, -2)).of(pictures), np.roll(as_photos, (3, -2), (1, 2)), atol=1e-6
    )


def test_a_picture_is_no_finer_than_it_is_kept_and_as_large_as_the_network_asks() -> None:
    class Large(Sleeper):
        spec = PixelSpec(192)

    network: Any = Large()
    made = maximise(network, "scores", [0], Ascent(steps=1))
    assert made.shape == noise(192).shape == (1, 192, 192, 3)
    assert module._side(192) == module.LARGEST == 160


def test_the_way_back_to_the_waves_is_the_gradient() -> None:
    generator = np.random.default_rng(0)
    waves = module._Waves(16, 1.0)
    spectrum, moved = waves.noise(generator), waves.noise(generator)
    weights = generator.normal(size=(1, 3, 16, 16)).astype(np.float32)
    low, high = (np.sum(weights * waves.picture(spectrum + step * moved), dtype=float) for step in (-0.05, 0.05))
    back = waves.back(weights, waves.picture(spectrum))
    # Half a spectrum stands for the whole: the columns between the first and the last are there twice.
    twice = np.array([1, *[2] * 7, 1])
    assert (high - low) / 0.1 == pytest.approx(float(np.sum(twice * (back.conj() * moved).real)), rel=2e-2)


@pytest.mark.parametrize(
    ("cost", "wanted", "given"),
    [(1.3e8, 10, (24, 10)), (1.5e10, 10, (16, 7)), (1e12, 10, (16, 1)), (0, 0, (24, 0))],
)
def test_costly_networks_get_fewer_steps_then_fewer_pictures(cost: float, wanted: int, given: tuple[int, int]) -> None:
    network: Any = SimpleNamespace(multiply_adds=cost)
    assert affordable(network, wanted, 24) == given
