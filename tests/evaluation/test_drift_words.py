import json

import numpy as np

from looked_at import like, looked_at
from tellapart.evaluation.drift_words import MEASURES, Drift, drift_of
from tellapart.evaluation.reference import Reference, looks, reference_of
from tellapart.photos.scan import Photo
from tellapart.photos.split import HeldOutPhotos, Split

GENERATOR = np.random.default_rng(0)
TRAIN = like(GENERATOR.normal(0.55, 0.05, 200))
VALID = like(GENERATOR.normal(0.55, 0.05, 50), start=300)


def reference() -> Reference:
    split = Split(tuple(TRAIN), tuple(VALID), HeldOutPhotos(()), {})
    shares = np.column_stack([np.linspace(0.6, 0.99, 50), np.linspace(0.4, 0.01, 50)])
    found = Reference.from_passport({"reference": reference_of(split, shares, np.linspace(0.4, 1.1, 50))})
    assert found is not None
    return found


def drift(photos: list[Photo], sure: float = 0.8, strange: float = 0.75) -> Drift:
    n = len(photos)
    shares = np.column_stack([np.linspace(sure - 0.19, sure + 0.19, n), np.linspace(1.19 - sure, 0.81 - sure, n)])
    strangers = np.linspace(strange - 0.3, strange + 0.3, n)
    return drift_of(reference(), photos, np.arange(n), probabilities=shares, strangers=strangers)


def test_alike_photos_are_called_alike() -> None:
    told = drift(like(GENERATOR.normal(0.55, 0.05, 60), start=500))
    assert told.sentences == (
        "These photos do not differ from those that the model was made with by more than chance and a trifle.",
    )
    assert {row["verdict"] for row in told.as_json()["measures"]} == {"alike"}
    json.dumps(told.as_json(), allow_nan=False)


def test_darker_photos_are_called_darker() -> None:
    told = drift(like(GENERATOR.normal(0.3, 0.05, 60), start=500))
    (sentence,) = told.sentences
    assert sentence.startswith("The photos are darker: median brightness 0.")
    assert "of the training photos 0.5" in sentence
    assert "lies below in" in sentence
    (row,) = [row for row in told.as_json()["measures"] if row["drifts"]]
    assert (row["name"], row["verdict"]) == ("brightness", "darker")


def test_strangeness_and_confidence_are_held_against_validation() -> None:
    told = drift(like(GENERATOR.normal(0.55, 0.05, 60), start=500), sure=0.6, strange=1.4)
    assert len(told.sentences) == 2
    assert all("of the validation photos" in sentence for sentence in told.sentences)
    assert "less like what the model knows" in told.sentences[0]
    assert "harder for the model" in told.sentences[1]


def test_another_spread_is_told() -> None:
    told = drift(like([0.2] * 30 + [0.9] * 30, start=500))
    assert any("spread otherwise in brightness" in sentence for sentence in told.sentences)


def test_other_mixes_are_told() -> None:
    values = GENERATOR.normal(0.55, 0.05, 60)
    photos = [
        looked_at(number, "table" if number % 2 else "chair", format="PNG", tables="", brightness=float(value))
        for number, value in enumerate(values)
    ]
    told = drift(photos)
    assert any("classes are mixed otherwise: chair 50 %, table 50 % here, chair 100 %" in s for s in told.sentences)
    assert any("file formats are mixed otherwise: PNG 100 % here, JPEG 100 %" in s for s in told.sentences)


def test_few_photos_and_no_reference() -> None:
    assert "3 photos are too few" in drift(like([0.1, 0.2, 0.3], start=500)).sentences[0]
    without = drift_of(None, TRAIN, np.arange(200), probabilities=np.ones((200, 1)), strangers=None)
    assert without.sentences == ()
    assert "early version" in without.why


def test_every_measure_has_its_words() -> None:
    assert set(MEASURES) == {*looks([]), "confidence", "stranger"}
