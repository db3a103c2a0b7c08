import json
from typing import Any

import onnx
import pytest
from drawn_model import CLASSES, changed, drawn_model, drawn_network, drawn_passport

from tellapart.deploy.onnx_messages import read_model
from tellapart.deploy.passport import StrangeFileError, VersionError, check_passport, read_passport
from tellapart.deploy.runtime import Model
from tellapart.deploy.seal import KEY
from tellapart.errors import ModelFileError


def told(*texts: str) -> Any:
    """A file that says these things of itself."""
    model = onnx.ModelProto()
    for text in texts:
        model.metadata_props.add(key=KEY, value=text)
    return read_model(model.SerializeToString())


def test_a_passport_is_read() -> None:
    passport = read_passport(read_model(drawn_model()))
    assert passport["classes"] == list(CLASSES)
    check_passport(passport, drawn_model())


@pytest.mark.parametrize("text", ["", "{", "[]", "7", "null", "{}", '{"format": 1}', "[" * 100_000])
def test_what_is_no_passport_is_told(text: str) -> None:
    with pytest.raises(VersionError):
        read_passport(told(text))


def test_none_and_two_are_told() -> None:
    with pytest.raises(StrangeFileError):
        read_passport(told())
    text = json.dumps(drawn_passport(drawn_network()))
    with pytest.raises(ValueError, match="two passports"):
        read_passport(told(text, text))


BAD: list[tuple[dict[str, Any], str]] = [
    ({"classes": []}, "not a list of different names"),
    ({"classes": "abc"}, "not a list of different names"),
    ({"classes": ["a", "b", "a"]}, "not a list of different names"),
    ({"classes": ["a", "b", ""]}, "not a list of different names"),
    ({"classes": ["a", "b", 3]}, "not a list of different names"),
    ({"temperature": float("nan")}, "temperature"),
    ({"temperature": float("inf")}, "temperature"),
    ({"temperature": 0}, "temperature"),
    ({"temperature": "warm"}, "temperature"),
    ({"temperature": True}, "temperature"),
    ({"scores": {"test": {"accuracy": "best"}}}, "scores are not numbers"),
    ({"scores": {"test": {"accuracy": float("nan")}}}, "scores are not numbers"),
    ({"scores": [[1, True]]}, "scores are not numbers"),
    ({"digest": "0" * 64}, "digest differs"),
    ({"digest": None}, "digest differs"),
]


@pytest.mark.parametrize(("fields", "why"), BAD)
def test_fields_that_are_wrong_are_told(fields: dict[str, Any], why: str) -> None:
    passport = drawn_passport(drawn_network())
    with pytest.raises(ValueError, match=why):
        check_passport({**passport, **fields}, drawn_model())
    if "digest" not in fields:
        with pytest.raises(ModelFileError, match=rf"m is damaged or was altered \(.*{why}.*\)\. Next: give"):
            Model(changed(drawn_model(), **fields), "m")


def test_an_early_version_has_no_digest_and_is_accepted() -> None:
    passport = drawn_passport(drawn_network())
    early = {name: value for name, value in passport.items() if name not in ("temperature", "scores")}
    for golden in early["golden"]:
        del golden["predicted"]
    model = onnx.load_from_string(drawn_network(heat=False))
    onnx.helper.set_model_props(model, {KEY: json.dumps(early)})
    assert Model(model.SerializeToString(), "m").classes == CLASSES


def test_classes_that_change_places_are_seen_even_with_a_new_digest() -> None:
    passport = drawn_passport(drawn_network())
    predicted = {golden["predicted"] for golden in passport["golden"]}
    for first in range(3):
        for second in range(first):
            classes = list(CLASSES)
            classes[first], classes[second] = classes[second], classes[first]
            if predicted & {classes[first], classes[second]}:
                with pytest.raises(ModelFileError, match="not in the order in which they were written"):
                    Model(changed(drawn_model(), classes=classes), "m")
