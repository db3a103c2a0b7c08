from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from asgi_client import Client, serving
from served_model import CLASSES, SIZE, served_model
from tellapart.deploy.server import ServerSettings

INFER = "/v2/models/shop/infer"


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with serving(served_model(), ServerSettings(name="shop", workers=1, queue=8)) as started:
        yield started


def tensor(pixels: np.ndarray, datatype: str = "FP32") -> dict[str, Any]:
    return {"name": "photo", "shape": list(pixels.shape), "datatype": datatype, "data": pixels.ravel().tolist()}


def test_the_addresses_of_the_protocol(client: Client) -> None:
    assert client.get("/v2").json()["name"] == "tellapart"
    assert client.get("/v2/health/live").json() == {"live": True}
    assert client.get("/v2/health/ready").json() == {"ready": True}
    assert client.get("/v2/models/shop/ready").json() == {"name": "shop", "ready": True}
    told = client.get("/v2/models/shop").json()
    assert told["inputs"] == [{"name": "photo", "datatype": "FP32", "shape": [-1, SIZE, SIZE, 3]}]
    assert [output["name"] for output in told["outputs"]] == ["probabilities", "stranger", "heat"]
    for path in ("/v2/models/other", "/v2/models/other/ready"):
        assert client.get(path).status_code == 404
    assert client.post("/v2/models/other/infer", json={}).status_code == 404


@pytest.mark.parametrize("datatype", ["FP32", "UINT8"])
def test_tensors_get_the_answers_of_python(client: Client, datatype: str) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (3, SIZE, SIZE, 3), dtype=np.uint8)
    answer = client.post(INFER, json={"id": "a1", "inputs": [tensor(pixels, datatype)]})
    assert answer.status_code == 200
    told = answer.json()
    assert (told["model_name"], told["id"]) == ("shop", "a1")
    outputs = {output["name"]: output for output in told["outputs"]}
    assert outputs["probabilities"]["shape"] == [3, len(CLASSES)]
    assert outputs["heat"]["shape"] == [3, 4, 4]
    right = client.service.model.answer_pixels(pixels, heat=True)
    shares = np.stack([one.probabilities for one in right if one.probabilities is not None])
    np.testing.assert_allclose(np.reshape(outputs["probabilities"]["data"], shares.shape), shares, atol=1e-6)
    strange = [one.stranger for one in right if one.stranger is not None]
    np.testing.assert_allclose(outputs["stranger"]["data"], strange, atol=1e-6)


def test_outputs_that_are_asked_for_come_alone(client: Client) -> None:
    pixels = np.zeros((1, SIZE, SIZE, 3), dtype=np.uint8)
    for names in (["stranger"], ["heat", "probabilities"]):
        asked = {"inputs": [tensor(pixels)], "outputs": [{"name": name} for name in names]}
        assert [output["name"] for output in client.post(INFER, json=asked).json()["outputs"]] == names
    wrong = client.post(INFER, json={"inputs": [tensor(pixels)], "outputs": [{"name": "logits"}]})
    assert wrong.status_code == 400
    assert "probabilities, stranger, heat" in wrong.json()["error"]


def test_what_is_refused(client: Client) -> None:
    assert client.post(INFER, content=b"{", headers={"Content-Type": "application/json"}).status_code == 400
    assert client.post(INFER, content=b"{}", headers={"Content-Type": "image/png"}).status_code == 415
    many = np.zeros((9, SIZE, SIZE, 3), dtype=np.uint8)
    assert client.post(INFER, json={"inputs": [tensor(many)]}).status_code == 429
    assert client.service.admission.photos == 0
