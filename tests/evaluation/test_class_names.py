import unicodedata

import pytest

from photo_maker import photo
from tellapart.evaluation.class_names import Unmatched, match_classes, near_names

CLASSES = ("armchair", "café table", "dining chair", "sofa")


@pytest.mark.parametrize(
    ("label", "near"),
    [
        ("Sofa", ("sofa",)),
        ("sofas", ("sofa",)),
        ("Dining_Chairs", ("dining chair",)),
        ("dining-chair ", ("dining chair",)),
        ("arm chair", ("armchair",)),
        ("armchiar", ("armchair",)),
        ("soup", ()),
        ("!!", ()),
    ],
)
def test_near_names(label: str, near: tuple[str, ...]) -> None:
    assert near_names(label, CLASSES) == near


def test_a_class_without_photos_is_named_first() -> None:
    assert near_names("chair_a", ("chair a1", "chair a2"), {"chair a2"})[0] == "chair a2"


def test_what_matches_and_what_does_not() -> None:
    decomposed = unicodedata.normalize("NFD", "café table")
    photos = [photo(0, "sofa"), photo(1, decomposed), photo(2, "Sofas"), photo(3, "Sofas"), photo(4, "soup")]
    matched = match_classes(photos, CLASSES)
    assert [item.label for item in matched.photos] == ["sofa", "café table"], "however its accent is encoded"
    assert matched.photos[1].content == photos[1].content
    assert matched.unmatched == (Unmatched("Sofas", 2, ("sofa",)), Unmatched("soup", 1, ()))
    assert [item.label for item in matched.others] == ["Sofas", "Sofas", "soup"]
    assert matched.missing == ("armchair", "dining chair")
