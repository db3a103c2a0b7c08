import logging
import warnings

import numpy as np
import onnx

from tellapart.models.quantisation import Pictures, quietly, scaling_nodes
from tiny_backbone import tiny_backbone


def test_the_nodes_before_the_first_weights_are_the_scaling() -> None:
    assert scaling_nodes(onnx.load_from_string(tiny_backbone()).graph) == ["scaling", "turn"]


def test_pictures_are_given_one_at_a_time() -> None:
    pictures = Pictures(np.ones((2, 4, 4, 3), dtype=np.uint8))
    first = pictures.get_next()
    assert first is not None
    assert first["photo"].shape == (1, 4, 4, 3)
    assert first["photo"].dtype == np.float32
    assert pictures.get_next() is not None
    assert pictures.get_next() is None


def test_advice_for_developers_is_kept_away() -> None:
    before = logging.root.manager.disable
    with quietly():
        assert not logging.getLogger("anything").isEnabledFor(logging.WARNING)
        warnings.warn("not an error here", stacklevel=1)
    assert logging.root.manager.disable == before
