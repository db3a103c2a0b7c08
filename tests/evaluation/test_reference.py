import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from looked_at import like, looked_at
from tellapart.evaluation.reference import LEVELS, Reference, effective, looks, quantiles, reference_of, short
from tellapart.photos.split import HeldOutPhotos, Split

TRAIN = [*like(np.linspace(0.1, 0.9, 81)), looked_at(90, "table", format="PNG", tables="", coarseness=0.0)]
VALID = like([0.5, 0.6], start=200)
TEST = like([0.5], start=300)
SHARES = np.array([[0.9, 0.1], [0.3, 0.7]])


def told(strangers: np.ndarray | None = None, groups: dict[str, str] | None = None) -> dict[str, Any]:
    split = Split(tuple(TRAIN), tuple(VALID), HeldOutPhotos(tuple(TEST)), groups or {})
    return json.loads(json.dumps(reference_of(split, SHARES, strangers), allow_nan=False))  # type: ignore[no-any-return]


def test_it_comes_back_from_a_passport() -> None:
    reference = Reference.from_passport({"reference": told(np.array([0.5, 1.25]))})
    assert reference is not None
    assert reference.n == {"train": 82, "valid": 2}
    assert reference.effective == {"train": 82, "valid": 2}
    assert reference.classes == {"chair": 81, "table": 1}
    assert reference.formats == {"JPEG": 81, "PNG": 1}
    brightness = reference.quantiles["brightness"]
    assert (brightness[0], brightness[20], brightness[-1]) == pytest.approx((0.1, 0.5, 0.9))
    assert reference.quantiles["confidence"].tolist()[0] == 0.7
    assert reference.quantiles["stranger"].tolist()[-1] == 1.25
    assert reference.learned == {short(item.content) for item in (*TRAIN, *VALID)}
    assert reference.tested == {short(item.content) for item in TEST}


def test_a_file_of_an_early_version_has_none() -> None:
    assert Reference.from_passport({}) is None
    assert "stranger" not in told()["quantiles"]


@pytest.mark.parametrize("wrong", [[], [1.0] * 40, [[1.0] * 41], [float("inf")] * 41, ["x"] * 41])
def test_wrong_quantiles_are_refused(wrong: list[Any]) -> None:
    content = {**told(), "quantiles": {"brightness": wrong}}
    with pytest.raises((ValueError, TypeError)):
        Reference.from_passport({"reference": content})


def test_copies_count_as_one() -> None:
    assert effective(np.array([0, 1, 2, 3])) == 4
    assert effective(np.array([0, 0, 0, 0])) == 1
    assert effective(np.array([0, 0, 1])) == pytest.approx(9 / 5)
    assert effective(np.array([], dtype=int)) == 0
    groups = {photo.path: "burst" for photo in TRAIN}
    assert told(groups=groups)["train"] == {"n": 82, "effective": 1.0}


def test_quantiles_are_values_that_occur() -> None:
    assert set(quantiles(np.array([10.0, 10.0, 20.0, 20.0]))) == {10.0, 20.0}
    assert quantiles(np.array([0.123456789]))[0] == 0.123457
    assert len(quantiles(np.arange(5.0))) == len(LEVELS)


def test_looks() -> None:
    wide = looked_at(1, width=800, height=400, brightness=0.25)
    found = looks([wide, looked_at(2, tables=""), replace(wide, look=None)])
    assert found["brightness"].tolist() == [0.25, 0.5]
    assert found["side"].tolist() == [400, 300]
    assert found["shape"].tolist() == pytest.approx([2.0, 4 / 3])
    assert found["coarseness"].tolist() == [10.0], "of JPEG files alone"
    assert not len(looks([])["side"])
