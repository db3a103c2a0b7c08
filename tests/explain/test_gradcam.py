"""The three maps of activations: where they lie, what they are made of, and that they depend on what was learned."""

from collections.abc import Callable

import numpy as np
import pytest
from planted_square import CLASSES, SIZE, pictures, share_inside, trained

from ladder_models import nested, photos, recipe
from tellapart.errors import OptionError
from tellapart.explain.gradcam import block_of, gradcam, gradcam_plus_plus, hirescam, one_class
from tellapart.explain.network import Network

Heat = Callable[[Network, np.ndarray, int], np.ndarray]
_PICTURES = 24
_ONE_CELL = 6  # pixels of the pooled network's last map


def mean_share(network: Network, method: Heat, margin: int) -> float:
    drawn, labels, boxes = pictures(_PICTURES, 7)
    heats = [method(network, picture, int(label)) for picture, label in zip(drawn, labels, strict=True)]
    return float(np.mean([share_inside(heat, box, margin) for heat, box in zip(heats, boxes, strict=True)]))


@pytest.mark.parametrize("method", [gradcam, gradcam_plus_plus, hirescam])
def test_the_planted_square_that_decides_has_most_of_the_map(method: Heat) -> None:
    assert mean_share(trained("pooled"), method, _ONE_CELL) >= 0.6


def test_a_map_of_noise_would_not_have_it() -> None:
    generator = np.random.default_rng(0)

    def noise(_: Network, photo: np.ndarray, __: int) -> np.ndarray:
        return generator.random(photo.shape[:2])

    assert mean_share(trained("pooled"), noise, _ONE_CELL) < 0.5


@pytest.mark.parametrize("method", [gradcam, gradcam_plus_plus, hirescam])
def test_a_map_has_the_photo_s_size_and_nothing_negative(method: Heat) -> None:
    for network in (Network(recipe("baseline")[1]), Network(nested("pocket", 32)[1])):
        heat = method(network, photos(1, 32)[0], 1)
        assert heat.shape == (32, 32)
        assert heat.dtype == np.float32
        assert heat.min() >= 0


def test_hirescam_of_a_pooled_network_equals_gradcam() -> None:
    network = trained("pooled")
    picture = pictures(1, 3)[0][0]
    np.testing.assert_allclose(hirescam(network, picture, 0), gradcam(network, picture, 0), rtol=1e-3, atol=1e-4)


def test_a_backbone_is_read_at_its_last_block_and_a_flattened_network_before_it() -> None:
    pooled, flattened = trained("pooled"), trained("flattened")
    assert block_of(pooled) == pooled.blocks[-1]
    rows, _, _ = flattened.shape_of(block_of(flattened))
    assert rows * 4 >= SIZE


def test_a_model_without_maps_is_told_what_to_do() -> None:
    with pytest.raises(OptionError, match="--method occlusion"):
        block_of(Network(recipe("majority")[1]))


def test_one_class_is_a_one_among_zeros() -> None:
    np.testing.assert_array_equal(one_class(trained("pooled"), 1, 2), [[0, 1], [0, 1]])


def test_the_planted_models_tell_their_classes() -> None:
    drawn, labels, _ = pictures(100, 5)
    for kind in ("pooled", "flattened"):
        assert (trained(kind).probabilities(drawn).argmax(axis=1) == labels).mean() > 0.9
        assert trained(kind).classes == CLASSES
