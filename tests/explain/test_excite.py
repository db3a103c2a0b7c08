"""The photos that excite classes and channels most."""

import numpy as np
import pytest

from ladder_models import SIZE, photos, recipe
from tellapart.explain.excite import most_exciting, responses, standing_out
from tellapart.explain.network import Network


def test_responses_are_scores_and_mean_activations_of_every_photo() -> None:
    network = Network(recipe("baseline")[1])
    seen = photos(5, SIZE)
    found = responses(network, (seen[:3], seen[3:]), network.blocks[-2:])
    np.testing.assert_allclose(found["scores"], network.scores(seen), atol=1e-5)
    for block in network.blocks[-2:]:
        truth = network.activations(seen, block).mean(axis=(1, 2))
        np.testing.assert_allclose(found[block], truth, atol=1e-5)
    assert set(found) == {"scores", *network.blocks[-2:]}
    assert responses(network, (), network.blocks) == {}


def test_the_strongest_photos_come_first_and_of_copies_one() -> None:
    values = np.array([1.0, 4.0, 4.0, 3.0, 9.0, 8.0])
    groups = ["", "", "", "", "a", "a"]
    assert most_exciting(values, groups, 4) == [4, 1, 2, 3]
    assert most_exciting(values, groups, 9) == [4, 1, 2, 3, 0]


def test_a_channel_stands_out_by_its_strongest_photos_not_by_being_on() -> None:
    values = np.zeros((12, 5))
    values[:, 0] = 50.0  # always on
    values[:3, 1] = [3, 3, 3]
    values[:3, 2] = [2, 2, 2]  # the photos of channel 1 once more
    values[6:9, 3] = [1, 1, 1]
    assert standing_out(values, [""] * 12, 3, 3) == [1, 3]
    assert standing_out(values, [""] * 12, 1, 3) == [1]


@pytest.mark.parametrize("block", ["block9", ""])
def test_a_block_that_is_not_there_is_refused(block: str) -> None:
    from tellapart.errors import OptionError

    with pytest.raises(OptionError, match="No block is called"):
        responses(Network(recipe("baseline")[1]), (photos(1, SIZE),), [block])
