from tellapart.photos.suspects import LabelCheck, Suspect


def test_probable_ones_keep_their_order_and_json_says_class() -> None:
    suspects = tuple(Suspect(f"{n}.jpg", "bed", "sofa", 0.9 - n / 10, n != 1) for n in range(3))
    check = LabelCheck(suspects, 40)
    assert [suspect.path for suspect in check.probable] == ["0.jpg", "2.jpg"]
    assert suspects[1].as_json() == {
        "path": "1.jpg",
        "class": "bed",
        "proposed": "sofa",
        "suspicion": 0.8,
        "probable": False,
    }


def test_without_a_check_there_is_nothing() -> None:
    assert LabelCheck().probable == ()
    assert LabelCheck().photos == 0
