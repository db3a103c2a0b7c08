"""Activation maps of a photo, block by block."""

import numpy as np
import pytest

from ladder_models import SIZE, photos, recipe
from tellapart.explain import activations as module
from tellapart.explain.activations import CHANNELS, strongest
from tellapart.explain.network import Network


def planted() -> np.ndarray:
    """Maps of 12 by 12 and 6 channels: flat, a square, the same square weaker, a corner, silent, a bright rim."""
    maps = np.zeros((12, 12, 6), dtype=np.float32)
    maps[..., 0] = 5.0
    maps[3:7, 3:7, 1] = 4.0
    maps[3:7, 3:7, 2] = 2.0
    maps[8:11, 8:11, 3] = 1.0
    maps[..., 4] = -1.0
    maps[[0, -1], :, 5] = 9.0
    return maps


def test_the_channels_that_vary_most_are_kept_each_unlike_the_others() -> None:
    found = module._of_block("block1", planted(), 2)
    assert found.numbers == (1, 3)
    assert found.shape == (12, 12, 6)
    assert found.silent == pytest.approx(1 / 6)
    assert found.maps[0, 4, 4] == 255
    assert found.maps[0, 0, 0] == 0


def test_alike_ones_follow_where_there_are_no_others() -> None:
    assert module._of_block("block1", planted(), 4).numbers == (1, 3, 2, 0)


def test_values_below_zero_keep_their_order() -> None:
    drawn = module._shown(np.array([[-2.0, 0.0], [2.0, -2.0]], dtype=np.float32))
    assert drawn.tolist() == [[0, 128], [255, 0]]
    assert not module._shown(np.full((3, 3), 0.0, dtype=np.float32)).any()
    assert module._shown(np.zeros((200, 100), dtype=np.float32)).shape == (96, 48)


def test_a_photo_is_seen_in_every_block_of_a_model_file() -> None:
    network = Network(recipe("baseline")[1])
    photo = photos(1, SIZE)[0]
    found = strongest(network, photo)
    assert [block.block for block in found] == list(network.blocks)
    for block in found:
        assert block.shape == network.shape_of(block.block)
        assert len(set(block.numbers)) == len(block.maps) == CHANNELS
        values = network.activations(photo[np.newaxis], block.block)[0]
        assert block.silent == (values.max(axis=(0, 1)) <= 0).mean()
        first = values[..., block.numbers[0]]
        assert np.unravel_index(block.maps[0].argmax(), first.shape) == np.unravel_index(first.argmax(), first.shape)
    assert strongest(Network(recipe("majority")[1]), photo) == []
