from tellapart.explain.choice_of_photos import Answered, answered, spread_of, typical_and_wrong


def photo(path: str, label: str, predicted: str, confidence: float) -> Answered:
    return Answered(path, label, predicted, confidence)


def test_rows_of_predictions_are_read_and_sorted() -> None:
    rows = [
        {"path": "b.jpg", "class": "x", "predicted": "y", "x": "0.3", "y": "0.7"},
        {"path": "a.jpg", "class": "x", "predicted": "x", "x": "0.9", "y": "0.1"},
        {"path": "c.jpg", "class": "x", "predicted": ""},
    ]
    assert answered(rows) == [photo("a.jpg", "x", "x", 0.9), photo("b.jpg", "x", "y", 0.7)]


def test_the_typical_photo_is_of_median_confidence_and_mistakes_are_the_surest() -> None:
    photos = [photo(f"{n}", "x", "x", n / 10) for n in range(5)] + [
        photo("m", "y", "x", 0.9),
        photo("n", "x", "y", 0.95),
    ]
    chosen = typical_and_wrong(photos, ["x", "y"])
    assert [one.path for one in chosen] == ["2", "n", "m"]


def test_there_are_at_most_six_classes_and_four_mistakes() -> None:
    names = [f"c{n}" for n in range(9)]
    photos = [photo(f"r{name}", name, name, 0.5) for name in names] + [
        photo(f"w{n}", "c0", "c1", 0.5) for n in range(9)
    ]
    chosen = typical_and_wrong(photos, names)
    assert [one.path for one in chosen] == [*(f"rc{n}" for n in range(6)), *(f"w{n}" for n in range(4))]


def test_a_sample_is_spread_over_all_paths() -> None:
    photos = [photo(f"{n:02}", "x", "x", 0.5) for n in range(40)] + [photo("wrong", "x", "y", 0.9)]
    assert [one.path for one in spread_of(photos, "x", 4)] == ["00", "13", "26", "39"]
    assert len(spread_of(photos, "x", 50)) == 40
    assert spread_of(photos, "y", 3) == []
