import json

import numpy as np
import pytest

from ladder_models import CLASSES, SIZE, nested, photos
from tellapart.deploy.int8 import (
    MOST,
    STEADY,
    Int8,
    Shown,
    cost,
    golden_places,
    int8_file,
    outputs_of,
    sample_of,
    unsteadiness,
)
from tellapart.deploy.runtime import PROBABILITIES, STRANGER, Model
from tellapart.deploy.seal import KEY
from tellapart.models.forward import Forward


def shown(n: int, seed: int) -> Shown:
    """Noise, each picture of the class that the model in float32 says of it."""
    pictures = photos(n, SIZE, seed)
    labels = outputs_of(nested("small_vgg", SIZE)[1].content, pictures)[PROBABILITIES].argmax(axis=1)
    return Shown(pictures, labels, np.arange(n))


@pytest.fixture(scope="module")
def made() -> Int8:
    return int8_file(nested("small_vgg", SIZE)[1], photos(12, SIZE), shown(40, 1), shown(30, 2))


def test_the_file_loads_and_says_what_it_is(made: Int8) -> None:
    model = Model(made.content, "model-int8.onnx")
    assert model.classes == CLASSES
    passport = model.passport
    assert passport["precision"] == "int8"
    assert passport["quantisation"] == made.told["how"]
    assert passport["scores"]["valid"]["n"] == 40
    assert passport["scores"]["valid"]["accuracy"] == made.told["valid"]["accuracy"]
    assert passport["scores"]["test"]["accuracy"] == made.told["test"]["accuracy"]
    assert passport["quantisation"]["test_scores_of"] == "int8"
    assert 1 <= len(passport["golden"]) <= 3


def test_the_strangers_threshold_is_found_anew_on_validation(made: Int8) -> None:
    outputs = outputs_of(made.content, shown(40, 1).pictures)
    assert np.sort(outputs[STRANGER])[38] == pytest.approx(1.0, abs=1e-5)  # the ceil(41 x 0.95)-th of 40


def test_accuracy_is_held_against_float_photo_by_photo(made: Int8) -> None:
    told = made.told["valid"]
    assert told["n"] == 40
    assert told["accuracy_float"] == 1.0
    assert told["difference"] == pytest.approx(told["accuracy"] - 1.0)
    assert told["low"] <= told["difference"] <= told["high"]
    assert made.accepted == (told["difference"] >= -MOST)
    assert "40 validation photos" in made.why


def test_what_costs_more_than_half_a_point_is_not_accepted() -> None:
    good = shown(40, 1)
    quantised = outputs_of(int8_file(nested("small_vgg", SIZE)[1], good.pictures, good, None).content, good.pictures)
    # As if the quantised network were right on one photo fewer: it is told another class for a photo it gets right.
    right = int(np.flatnonzero(quantised[PROBABILITIES].argmax(axis=1) == good.labels)[0])
    shares = quantised[PROBABILITIES].copy()
    shares[right] = np.roll(shares[right], 1)
    before = outputs_of(nested("small_vgg", SIZE)[1].content, good.pictures)[PROBABILITIES]
    assert cost(good, before, shares)["difference"] <= -1 / 40
    assert cost(good, before, before)["difference"] == 0


def test_a_model_without_test_photos_says_whose_scores_it_tells() -> None:
    made = int8_file(nested("small_vgg", SIZE)[1], photos(6, SIZE), shown(10, 1), None)
    passport = json.loads(Forward(made.content).metadata[KEY])
    assert passport["quantisation"]["test_scores_of"] == "float32"
    assert "test" not in made.told


def test_the_sample_is_balanced_and_drawn_by_the_seed() -> None:
    labels = np.array([0] * 50 + [1] * 5 + [2] * 30)
    sample = sample_of(labels, 0, 24)
    assert np.bincount(labels[sample]).tolist() == [8, 5, 8]
    assert sample.tolist() == sample_of(labels, 0, 24).tolist() == sorted(set(sample.tolist()))
    assert sample.tolist() != sample_of(labels, 1, 24).tolist()


def test_what_hangs_on_roundings_is_seen(made: Int8) -> None:
    pictures = shown(40, 1).pictures
    unsteady = unsteadiness(made.content, pictures)
    assert unsteady.shape == (40,)
    assert 0 < unsteady.max() < 0.1
    assert unsteadiness(nested("small_vgg", SIZE)[1].content, pictures).max() < 1e-5  # in float32 hardly anything does


def test_golden_photos_are_the_steadiest_of_different_classes() -> None:
    labels = np.array([0, 0, 1, 2, 2])
    small = STEADY / 10
    assert golden_places(labels, small * np.array([2, 1, 3, 5, 4])) == [1, 2, 4]
    assert golden_places(labels, np.array([small, 1, 1, 2 * small, 1])) == [0, 3]
    assert golden_places(np.zeros(5, int), small * np.array([5, 4, 3, 2, 1])) == [4, 3, 2]
    assert golden_places(labels, np.array([0.5, 0.4, 0.3, 0.2, 0.1])) == [4]
