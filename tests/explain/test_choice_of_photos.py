"""Which photos the report explains."""

from tellapart.explain.choice_of_photos import Answered, answered, spread_of, typical_and_wrong

PHOTOS = [
    *(Answered(f"bed/{n}.jpg", "bed", "bed", 0.5 + n / 20) for n in range(9)),
    Answered("chair/0.jpg", "chair", "bed", 0.9),
    Answered("chair/1.jpg", "chair", "bed", 0.6),
    Answered("chair/2.jpg", "chair", "chair", 0.7),
]


def test_one_typical_photo_of_each_class_and_then_the_most_confident_mistakes() -> None:
    shown = typical_and_wrong(PHOTOS, ["bed", "chair", "sofa"])
    assert [photo.path for photo in shown] == ["bed/4.jpg", "chair/2.jpg", "chair/0.jpg", "chair/1.jpg"]


def test_a_sample_is_spread_over_the_class_and_holds_no_mistake() -> None:
    paths = [photo.path for photo in spread_of(PHOTOS, "bed", 3)]
    assert paths == ["bed/0.jpg", "bed/4.jpg", "bed/8.jpg"]
    assert [photo.path for photo in spread_of(PHOTOS, "chair", 3)] == ["chair/2.jpg"]


def test_rows_that_are_not_whole_are_left_out() -> None:
    rows = [{"path": "b", "class": "x", "predicted": "x", "x": "0.5"}, {"path": "a", "class": "x", "predicted": "y"}]
    assert answered(rows) == [Answered("b", "x", "x", 0.5)]
