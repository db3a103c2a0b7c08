import numpy as np
import pytest

from ladder_models import as_file, nested, photos, recipe
from tellapart.errors import OptionError
from tellapart.explain.gradcam import block_of, gradcam, gradcam_plus_plus, hirescam, one_class
from tellapart.explain.network import Network
from tellapart.explain.placing import enlarged
from tellapart.explain.pooling import together
from tellapart.files import cache_folder
from tellapart.models import pocket
from tellapart.models.backbone_file import backbone_onnx
from tellapart.models.backbones import find_backbone
from tellapart.models.head_file import with_head
from tellapart.models.linear import LinearHead


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


@pytest.fixture(scope="module")
def double() -> Network:
    return Network(nested("pocket", 48, lower=True)[1])


def test_evidence_of_maps_of_two_sides_is_added_up_in_the_finer_cells(double: Network) -> None:
    photo = photos(1, 48)[0]
    (last, lower) = double.evidence(photo[np.newaxis], one_class(double, 1))
    assert last[0].shape == last[1].shape == (1, 3, 3, 320)
    assert lower[0].shape == lower[1].shape == (1, 6, 6, 96)
    for method in (hirescam, gradcam):  # of maps that are pooled, both are the same
        coarse, fine = ((maps * gradient).sum(axis=3)[0] for maps, gradient in (last, lower))
        expected = enlarged(np.maximum(together([coarse, fine]), 0), 48)
        assert method(double, photo, 1) == pytest.approx(expected, rel=1e-3, abs=1e-5 * float(expected.max()))
        without = enlarged(np.maximum(together([coarse, 0 * fine]), 0), 48)
        assert np.abs(expected - without).max() > 0.1 * expected.max()
    assert gradcam_plus_plus(double, photo, 1).shape == (48, 48)
    block = double.blocks[-1]
    assert not np.allclose(hirescam(double, photo, 1, block=block), hirescam(double, photo, 1), rtol=0.05)


def test_the_evidence_of_a_linear_head_is_the_score_but_for_what_it_says_of_any_photo() -> None:
    generator = np.random.default_rng(0)
    content = backbone_onnx(find_backbone("pocket"), 64, pocket.FILE, cache_folder())
    weights = generator.normal(0, 0.1, (416, 3)).astype(np.float32)
    head = LinearHead(weights, np.array([1, -2, 3], np.float32), 1.0, {})
    network = Network(as_file(with_head(content, head), "linear", 64))
    x = photos(3, 64)
    for number in range(3):
        read = network.evidence(x, one_class(network, number, len(x)))
        told = sum((maps * gradient).sum(axis=(1, 2, 3)) for maps, gradient in read)
        bias = head.bias - head.bias.mean()
        assert told + bias[number] == pytest.approx(network.scores(x)[:, number], abs=1e-3)
        sums = [together([(maps[0] * gradient[0]).sum(axis=2) for maps, gradient in read]).sum()]
        assert sums == pytest.approx(told[:1], abs=1e-3)
        assert np.ptp(told) > 0.01


def test_a_network_without_maps_is_told_what_else_there_is() -> None:
    with pytest.raises(OptionError, match="Next: --method occlusion"):
        gradcam(Network(recipe("majority")[1]), photos(1, 32)[0], 0)
