"""The table of methods, and that each of them depends on what was learned."""

import numpy as np
import pytest
from planted_square import pictures, trained_model
from scipy.stats import spearmanr

from tellapart.errors import UnknownNameError
from tellapart.explain.methods import ALL, DEFAULT, METHODS, methods_named
from tellapart.explain.network import Network


def randomised(layers: int) -> Network:
    """The trained network with the weights of its last layers drawn anew, from the top down."""
    network = Network(trained_model("pooled"))
    constants = network._graph.constants
    kernels = [name for name, value in constants.items() if value.ndim >= 2 and value.size > 20]
    generator = np.random.default_rng(5)
    for name in kernels[len(kernels) - layers :]:
        value = constants[name]
        constants[name] = generator.permuted(value.ravel()).reshape(value.shape)
    return network


@pytest.mark.parametrize("name", list(METHODS))
def test_a_map_changes_when_the_weights_are_randomised_layer_by_layer(name: str) -> None:
    drawn, labels, _ = pictures(6, 11)
    run = METHODS[name].run
    before = [run(randomised(0), picture, int(label)) for picture, label in zip(drawn, labels, strict=True)]
    likeness = []
    for layers in (0, 1, 3, 5):
        network = randomised(layers)
        after = [run(network, picture, int(label)) for picture, label in zip(drawn, labels, strict=True)]
        ranks = [spearmanr(a.ravel(), b.ravel()).statistic for a, b in zip(before, after, strict=True) if b.std() > 0]
        likeness.append(float(np.mean(ranks)) if ranks else 0.0)
    assert likeness[0] == pytest.approx(1)
    assert likeness[-1] < 0.5
    assert min(likeness[1:]) < 0.5


def test_every_method_is_called_by_its_name() -> None:
    assert {"gradcam", "gradcam++", "hirescam", "occlusion", "integrated-gradients"} == set(METHODS)
    assert methods_named(ALL) == tuple(METHODS.values())
    assert methods_named(DEFAULT) == (METHODS[DEFAULT],)


def test_an_unknown_method_is_told_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="gradcam"):
        methods_named("gradcan")
