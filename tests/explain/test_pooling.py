"""The means that a network decides by, and evidence of maps of several sides added up."""

from typing import Any

import numpy as np
import pytest
from small_graphs import Layer, graph_of

from tellapart.explain.landmarks import find_features, find_logits
from tellapart.explain.model_graph import ModelGraph
from tellapart.explain.pooling import Branch, Pooling, find_pooling, spread, together

GENERATOR = np.random.default_rng(0)
FIRST = {"perm": [0, 3, 1, 2]}
HALVED = {"kernel_shape": [2, 2], "strides": [2, 2]}


def found(layers: list[Layer], width: int, **constants: Any) -> Pooling | None:
    """Of a network from photos (8, 8, 3): the layers given, and a linear head behind the last of them."""
    n = len(layers)
    ends: list[Layer] = [("MatMul", [str(n - 1), "head"], {}), ("Softmax", [str(n)], {})]
    head = GENERATOR.normal(size=(width, 2))
    graph = ModelGraph(graph_of([*layers, *ends], (8, 8, 3), {"head": head, **constants}))
    return find_pooling(graph, find_features(graph, find_logits(graph)))


def test_two_maps_whose_means_stand_one_behind_the_other() -> None:
    pooling = found(
        [
            ("Transpose", ["photo"], FIRST), ("Relu", ["0"], {}), ("MaxPool", ["1"], HALVED),
            ("GlobalAveragePool", ["2"], {}), ("Flatten", ["3"], {}),
            ("ReduceMean", ["photo"], {"axes": [1, 2], "keepdims": 0}), ("Concat", ["4", "5"], {"axis": 1}),
        ],
        6,
    )  # fmt: skip
    assert pooling is not None
    assert pooling.means == "6"
    last, lower = pooling.branches
    assert last == Branch("2", True, (4, 4), 0, 3)
    assert lower == Branch("photo", False, (8, 8), 3, 3)


def test_one_map_behind_a_hidden_layer() -> None:
    layers: list[Layer] = [
        ("Transpose", ["photo"], FIRST), ("ReduceMean", ["0"], {"axes": [2, 3], "keepdims": 1}), ("Flatten", ["1"], {}),
        ("MatMul", ["2", "hidden"], {}), ("Relu", ["3"], {}),
    ]  # fmt: skip
    pooling = found(layers, 5, hidden=GENERATOR.normal(size=(3, 5)))
    assert pooling is not None
    assert pooling.means == "2"
    (branch,) = pooling.branches
    assert (branch.maps, branch.channels_first, branch.sides) == ("0", True, (8, 8))


def test_maps_that_are_flattened_have_no_means() -> None:
    assert found([("Relu", ["photo"], {}), ("Flatten", ["0"], {})], 192) is None
    mixed: list[Layer] = [
        ("Flatten", ["photo"], {}), ("ReduceMean", ["photo"], {"axes": [1, 2], "keepdims": 0}),
        ("Concat", ["0", "1"], {"axis": 1}),
    ]  # fmt: skip
    assert found(mixed, 195) is None


def test_means_over_something_else_belong_to_no_maps() -> None:
    pooling = found([("ReduceMean", ["photo"], {"axes": [1, 3], "keepdims": 0})], 8)
    assert pooling is not None
    assert pooling.branches == ()


@pytest.mark.parametrize(("coarse", "fine"), [(7, 14), (10, 19), (1, 2), (3, 7), (4, 4)])
def test_cells_share_out_all_that_they_hold(coarse: int, fine: int) -> None:
    shares = spread(coarse, fine)
    assert shares.shape == (fine, coarse)
    assert shares.min() >= 0
    assert shares.sum(axis=0) == pytest.approx(np.ones(coarse), abs=1e-6)
    middle = (shares * (np.arange(fine)[:, np.newaxis] + 0.5) / fine).sum(axis=0)
    assert middle[coarse // 2] == pytest.approx((coarse // 2 + 0.5) / coarse, abs=0.5 / fine)


def test_the_finest_cells_hold_the_sum_of_all() -> None:
    coarse, fine = GENERATOR.normal(size=(3, 4)), GENERATOR.normal(size=(6, 8))
    found = together([coarse, fine])
    assert found.shape == (6, 8)
    assert found.sum() == pytest.approx(coarse.sum() + fine.sum(), abs=1e-5)
    assert together([fine, 0 * coarse]) == pytest.approx(fine, abs=1e-6)
    assert together([coarse]) == pytest.approx(coarse, abs=1e-6)
    assert np.ptp(together([np.ones((3, 4)), 0 * fine])) < 1e-6
