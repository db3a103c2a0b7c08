import numpy as np
import pytest

from ladder_models import nested, photos, recipe
from tellapart.errors import OptionError
from tellapart.explain.gradcam import block_of, gradcam, gradcam_plus_plus, hirescam, one_class
from tellapart.explain.network import Network
from tellapart.explain.placing import enlarged


@pytest.fixture(scope="module")
def network() -> Network:
    return Network(recipe("deeper")[1])


@pytest.fixture(scope="module")
def pooled() -> Network:
    return Network(nested("pocket", 48)[1])


def test_maps_are_what_the_papers_say(network: Network) -> None:
    photo, number, block = photos(1, 32)[0], 2, "block2"
    maps = network.activations(photo[np.newaxis], block)[0].astype(np.float64)
    slope = network.gradient(photo[np.newaxis], one_class(network, number), at=block)[0].astype(np.float64)
    rows, columns, channels = maps.shape
    weights = [slope[:, :, k].sum() / (rows * columns) for k in range(channels)]
    plain = sum(weights[k] * maps[:, :, k] for k in range(channels))
    sharp = sum(slope[:, :, k] * maps[:, :, k] for k in range(channels))
    plus = np.zeros((rows, columns))
    for k in range(channels):
        one = slope[:, :, k]
        below = 2 * one**2 + maps[:, :, k].sum() * one**3
        alpha = np.where(below == 0, 0, one**2 / np.where(below == 0, 1, below))
        plus += (alpha * np.maximum(one, 0)).sum() * maps[:, :, k]
    for method, cells in ((gradcam, plain), (hirescam, sharp), (gradcam_plus_plus, plus)):
        expected = enlarged(np.maximum(cells, 0), 32)
        told = method(network, photo, number, block=block)
        assert np.allclose(told, expected, rtol=1e-3, atol=1e-3 * expected.max()), method.__name__


def test_where_maps_are_pooled_hirescam_is_gradcam(pooled: Network) -> None:
    photo = photos(1, 48)[0]
    maps = {block: [method(pooled, photo, 1, block=block) for method in (gradcam, hirescam)] for block in pooled.blocks}
    last, first = maps[pooled.blocks[-1]], maps[pooled.blocks[0]]
    assert np.allclose(last[0], last[1], rtol=1e-3, atol=1e-7)
    assert not np.allclose(first[0], first[1], rtol=0.05, atol=1e-9)


def test_the_block_is_the_last_one_of_a_backbone_and_a_finer_one_from_scratch(
    network: Network, pooled: Network
) -> None:
    assert block_of(network) == "block3"
    assert network.shape_of("block3")[:2] == (8, 8)
    model = nested("pocket", 48)[1]
    model.passport["backbone"] = "small"
    assert block_of(Network(model)) == pooled.blocks[-1]


def test_a_network_without_maps_is_told_what_else_there_is() -> None:
    with pytest.raises(OptionError, match="Next: --method occlusion"):
        gradcam(Network(recipe("majority")[1]), photos(1, 32)[0], 0)
