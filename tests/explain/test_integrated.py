import numpy as np
import pytest

from ladder_models import nested, photos, recipe
from tellapart.explain.integrated import AIM, PROMISE, attributions, baseline, change_of, integrated_gradients
from tellapart.explain.network import Network

RECIPES = ["baseline", "deeper", "augmented", "tuned", "small_vgg"]


def opened(name: str) -> Network:
    return Network(nested(name, 32)[1] if name == "small_vgg" else recipe(name)[1])


@pytest.mark.parametrize("name", RECIPES)
def test_attributions_sum_to_the_change_of_the_score(name: str) -> None:
    network = opened(name)
    for photo in photos(2, 32):
        for number in range(3):
            found = attributions(network, photo, number)
            ends = network.scores(np.stack([baseline(photo), photo.astype(np.float32)]))[:, number]
            change = float(ends[1] - ends[0])
            missed = abs(float(found.values.sum(dtype=np.float64)) - change)
            assert missed <= PROMISE * abs(change), (name, number)
            assert found.difference == pytest.approx(missed / abs(change), abs=1e-3)
            assert found.change == pytest.approx(change, abs=1e-5)


def test_a_fixed_count_of_nodes_would_not_do() -> None:
    """The refinement is what keeps the promise: without it some photo breaks it."""
    network, drawn = opened("baseline"), photos(8, 32)
    coarse = [attributions(network, photo, 0, most=1) for photo in drawn]
    fine = [attributions(network, photo, 0) for photo in drawn]
    assert max(found.difference for found in coarse) > PROMISE
    assert max(found.difference for found in fine) <= AIM
    assert max(found.gradients for found in fine) > coarse[0].gradients == 24


def test_of_a_linear_score_they_are_the_weights_times_the_photo() -> None:
    network = Network(recipe("majority")[1])
    photo = photos(1, 32)[0]
    assert np.allclose(integrated_gradients(network, photo, 0), 0)
    assert change_of(network, photo, 0) == pytest.approx(0, abs=1e-6)


def test_the_baseline_is_the_mean_colour() -> None:
    photo = photos(1, 32)[0]
    blank = baseline(photo)
    assert blank.shape == photo.shape
    assert np.ptp(blank, axis=(0, 1)).max() == 0
    assert np.allclose(blank[0, 0], photo.reshape(-1, 3).mean(axis=0))
