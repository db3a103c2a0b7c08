import json

import numpy as np
import onnx
import pytest
from drawn_model import drawn_model, drawn_network, drawn_passport, pictures

from tellapart.deploy.runtime import Model
from tellapart.deploy.seal import DIGEST, KEY, digest_of, sealed, without_output
from tellapart.errors import ModelFileError
from tellapart.models.forward import Forward


@pytest.fixture(scope="module")
def network() -> bytes:
    return drawn_network()


def test_a_passport_is_put_in_as_onnx_would(network: bytes) -> None:
    content = sealed(network, {"b": "ä", "a": 1})
    model = onnx.load_from_string(content)
    onnx.checker.check_model(model)
    (entry,) = model.metadata_props
    assert entry.key == KEY
    told = json.loads(entry.value)
    assert told == {"a": 1, "b": "ä", DIGEST: digest_of(network, {"a": 1, "b": "ä"})}
    plain = onnx.load_from_string(network)
    onnx.helper.set_model_props(plain, {KEY: entry.value})
    assert content == plain.SerializeToString(deterministic=True)


def test_sealing_again_replaces_the_passport_and_no_other_entry(network: bytes) -> None:
    model = onnx.load_from_string(network)
    onnx.helper.set_model_props(model, {"other": "stays"})
    content = sealed(sealed(model.SerializeToString(), {"a": 1}), {"a": 2, DIGEST: "old"})
    told = {entry.key: entry.value for entry in onnx.load_from_string(content).metadata_props}
    assert set(told) == {"other", KEY}
    assert json.loads(told[KEY])["a"] == 2
    assert json.loads(told[KEY])[DIGEST] == digest_of(content, {"a": 2})
    assert sealed(network, {"a": 1}) == sealed(network, {"a": 1})


def test_the_digest_tells_every_byte_and_every_field(network: bytes) -> None:
    passport = drawn_passport(network)
    content = sealed(network, passport)
    assert Model(content, "m").passport[DIGEST] == digest_of(content, passport)
    swapped = {**passport, "classes": passport["classes"][::-1]}
    other = bytearray(content)
    other[len(content) // 3] ^= 1
    assert len({digest_of(*pair) for pair in ((content, passport), (content, swapped), (bytes(other), passport))}) == 3
    told = json.dumps({**swapped, DIGEST: digest_of(content, passport)})
    model = onnx.load_from_string(network)
    onnx.helper.set_model_props(model, {KEY: told})
    with pytest.raises(ModelFileError, match="its digest differs"):
        Model(model.SerializeToString(), "m")


def test_an_output_less_is_all_that_changes(network: bytes) -> None:
    less = without_output(network, "heat")
    model = onnx.load_from_string(less)
    onnx.checker.check_model(model)
    assert [end.name for end in model.graph.output] == ["probabilities"]
    assert [node.name for node in model.graph.node] == [node.name for node in onnx.load_from_string(network).graph.node]
    photos = pictures(3).astype(np.float32)
    assert (Forward(less)(photos) == Forward(drawn_network(heat=False))(photos)).all()
    assert without_output(network, "none of them") is network
    assert [end.name for end in Forward(without_output(network, "probabilities")).outputs] == ["heat"]


@pytest.mark.parametrize("content", [b"\x3a", b"\x3a\x05\x00", b"\xff" * 20, b"\x0b\x00", b"\x3a\x02\xff\xff"])
def test_what_is_no_message_is_told(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"cut off|damaged|no network"):
        without_output(content, "heat")


def test_two_graphs_are_told(network: bytes) -> None:
    with pytest.raises(ValueError, match="or two"):
        without_output(drawn_model() + network, "heat")
