import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tellapart.deploy.serving.inference_request import TensorsError, read_tensors


def request(**changes: Any) -> dict[str, Any]:
    tensor = {"name": "photo", "shape": [1, 2, 2, 3], "datatype": "FP32", "data": list(range(12)), **changes}
    return {"inputs": [tensor]}


def read(content: Any) -> tuple[dict[str, Any], np.ndarray]:
    return read_tensors(json.dumps(content).encode(), 2, 4)


def test_flat_and_nested_data_are_the_same() -> None:
    asked, flat = read({**request(), "id": "7", "outputs": [{"name": "probabilities"}]})
    nested = np.arange(12).reshape(1, 2, 2, 3).tolist()
    assert asked == {"id": "7", "outputs": ["probabilities"]}
    assert np.array_equal(flat, read(request(data=nested))[1])
    assert flat.shape == (1, 2, 2, 3)
    assert flat.dtype == np.float32
    assert read(request(datatype="UINT8"))[1].dtype == np.uint8


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ([], "no JSON object|not a JSON object"),
        ({}, "exactly one input"),
        ({"inputs": [1]}, "exactly one input"),
        ({"inputs": request()["inputs"] * 2}, "exactly one input"),
        (request(name="image"), "another name"),
        (request(datatype="INT64"), "datatype"),
        (request(datatype=["FP32"]), "datatype"),
        (request(shape=[1, 2, 2, 4]), "shape"),
        (request(shape=[True, 2, 2, 3]), "shape"),
        (request(shape=[9, 2, 2, 3]), "shape"),
        (request(shape="1223"), "shape"),
        (request(data=[1] * 11), "as many numbers"),
        (request(data="012345678901"), "numbers"),
        (request(data=[[1, 2], [3]]), "numbers"),
        (request(data=None), "numbers"),
        (request(data=[256] * 12), "0 to 255"),
        (request(data=[float("nan")] * 12), "0 to 255"),
        (request(data=[-1] * 12), "0 to 255"),
        (request(datatype="UINT8", data=[0.5] * 12), "whole numbers"),
        ({**request(), "id": 7}, "id"),
        ({**request(), "outputs": ["probabilities"]}, "outputs"),
        ({**request(), "outputs": 7}, "outputs"),
    ],
)
def test_what_is_wrong_is_named(content: Any, told: str) -> None:
    with pytest.raises(TensorsError, match=told):
        read(content)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"[" * 100_000, b"9" * 5000])
def test_what_is_no_json_is_refused(content: bytes) -> None:
    with pytest.raises(TensorsError, match="JSON"):
        read_tensors(content, 2, 4)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["name", "data", "shape"]), inner),
    max_leaves=12,
)


@given(st.fixed_dictionaries({"inputs": JSON}, optional={"id": JSON, "outputs": JSON}) | JSON)
def test_junk_is_refused(content: Any) -> None:
    with pytest.raises(TensorsError):
        read(content)


@given(JSON)
def test_junk_for_data_is_refused(data: Any) -> None:
    with pytest.raises(TensorsError):
        read(request(data=data))
