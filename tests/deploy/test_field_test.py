from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from remembering import labelled, remembering
from tiny_model import CLASSES

from tellapart.deploy.field_test import FieldTest, Picked, about_strangers
from tellapart.deploy.seen import Seen
from tellapart.evaluation.class_names import Matched, Unmatched
from tellapart.evaluation.drift_words import Drift
from tellapart.new_photos import evaluate
from tellapart.photos.listing import LeftOut


@pytest.fixture(scope="module")
def tested(tmp_path_factory: pytest.TempPathFactory) -> FieldTest:
    folder = labelled(tmp_path_factory.mktemp("field") / "photos", dict.fromkeys(CLASSES, 4))
    return evaluate(remembering().model, folder)


def test_without_anything_to_note_there_are_no_notes(tested: FieldTest) -> None:
    assert tested.notes == []
    assert tested.promise is not None
    assert tested.sentences[0] == tested.promise.sentence


def test_every_reservation_is_a_note(tested: FieldTest) -> None:
    photos = tested.picked.photos
    changed = replace(
        tested,
        picked=Picked(photos, tested.picked.groups, photos[:1], 2),
        seen=Seen(source="the model file", why="nobody knows"),
        matched=Matched(photos, photos[:2], (Unmatched("Stools", 2, ("stool", "sofa")),), ("椅子",)),
        excluded=(LeftOut("a.jpg", "the file is empty"),),
        drift=Drift(why="it is early"),
    )
    notes = changed.notes
    assert len(notes) == 6 + 1
    for told in (
        "1 photo left out: the model learned from them",
        "2 of the 12 photos are the model's own test photos",
        "knows no class 'Stools': its 2 photos are left out. Did you mean stool or sofa?",
        "No photo of 椅子",
        "a.jpg (the file is empty)",
        "Not known: nobody knows",
        "Not known: it is early",
    ):
        assert any(told in note for note in notes), told
    content = changed.as_json()["photos"]
    assert content["learned"] == [photos[0].path]
    assert content["unmatched"] == [{"name": "Stools", "photos": 2, "near": ["stool", "sofa"]}]
    assert content["excluded"] == [{"path": "a.jpg", "reason": "the file is empty"}]


def test_a_share_of_nothing_is_null(tested: FieldTest) -> None:
    nothing = replace(tested.classes[0].recall, value=np.nan, low=np.nan, high=np.nan)
    changed = replace(tested, classes=[replace(tested.classes[0], recall=nothing)])
    assert changed.as_json()["classes"][0]["recall"] == {"value": None, "low": None, "high": None}


def test_strangers_in_words() -> None:
    called = {"false_alarms": 3, "n_test": 10, "low": 0.1, "high": 0.6}
    assert about_strangers({"stranger": called, "others": None}) == [
        "3 of the 10 photos are called none of these (10 to 60 %)."
    ]
    assert "classes that the model does not know" in about_strangers({"stranger": None, "others": called})[0]


def test_labels_are_in_the_order_of_the_model(tested: FieldTest, tmp_path: Path) -> None:
    assert [CLASSES[number] for number in tested.labels] == [photo.label for photo in tested.picked.photos]
    assert not list(tmp_path.iterdir())
