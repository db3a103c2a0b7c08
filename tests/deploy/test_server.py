"""The contract, from outside: every address and every status."""

import asyncio
import io
import json
import re
from collections.abc import AsyncIterator, Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from prometheus_client.parser import text_string_to_metric_families

from asgi_client import Client, serving
from photo_maker import noise, png_of, quarters
from served_model import CLASSES, SIZE, HeldModel, photo_bytes, served_model
from tellapart.deploy.server import ServerSettings
from tellapart.deploy.serving.security import HEADERS
from tellapart.photos.decode import decode_bytes
from tellapart.photos.pixels import PixelSpec, to_pixels

RAW = {"Content-Type": "application/octet-stream"}
RED = photo_bytes()


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with serving(served_model(), ServerSettings(name="shop", workers=2, body_megabytes=0.2)) as started:
        yield started


def error_of(answer: Any, status: int) -> str:
    assert answer.status_code == status, answer.text
    told = answer.json()
    assert list(told) == ["error"]
    assert "\n" not in told["error"]
    assert_secure(answer)
    return str(told["error"])


def assert_secure(answer: Any) -> None:
    for name, value in HEADERS.items():
        assert answer.headers[name] == value
    assert not [name for name in answer.headers if name.lower().startswith("access-control")]


def test_the_page_and_its_files(client: Client) -> None:
    page = client.get("/")
    assert page.status_code == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert_secure(page)
    for name, kind in {"app.js": "text/javascript", "app.css": "text/css", "icon.svg": "image/svg+xml"}.items():
        file = client.get(f"/static/{name}")
        assert file.status_code == 200
        assert file.headers["content-type"].startswith(kind)
        assert_secure(file)
    for name in ("no.js", "..%2fserver.py", "%2e%2e/server.py", ".", "index.html/x"):
        error_of(client.get(f"/static/{name}"), 404)


def test_what_the_model_tells(client: Client) -> None:
    told = client.get("/model").json()
    assert told["name"] == "shop"
    assert told["classes"] == list(CLASSES)
    assert (told["recipe"], told["backbone"], told["licence"]) == ("bottleneck", "pocket", "Apache-2.0")
    assert (told["image_size"], told["geometry"]) == (SIZE, "squash")
    assert told["scores"]["test"]["accuracy_low"] == 0.8
    assert (told["knows_strangers"], told["has_sets"], told["has_heat"]) == (True, True, True)
    assert told["stranger_false_alarms"] == 0.05
    assert told["limits"] == {
        "body_megabytes": 0.2,
        "photo_megapixels": 25,
        "photos_per_request": 16,
        "formats": ["JPEG", "PNG", "WebP", "BMP", "GIF", "TIFF"],
        "deadline_seconds": 10,
    }


def test_photos_are_answered_in_the_order_of_the_parts(client: Client) -> None:
    blue, green = photo_bytes((10, 10, 180)), photo_bytes((10, 180, 10))
    files = [("a", ("x.png", blue)), ("b", ("y.png", b"no photo")), ("a", ("z.png", green))]
    answer = client.post("/predict", files=files)
    assert answer.status_code == 200
    assert_secure(answer)
    first, second, third = answer.json()["answers"]
    assert (first["predicted"], third["predicted"]) == (CLASSES[2], CLASSES[1])
    assert list(second) == ["error"]
    assert "not a photo in an accepted format" in second["error"]
    assert list(first["probabilities"]) == list(CLASSES)
    assert sum(first["probabilities"].values()) == pytest.approx(1, abs=1e-6)
    assert first["heat"] is None
    assert first["set"] == [CLASSES[2]]


def test_doubts_are_told(client: Client) -> None:
    white = client.post("/predict", content=photo_bytes((250, 250, 250)), headers=RAW).json()["answers"][0]
    assert white["answer"] == "none of these"
    assert white["stranger"] == pytest.approx(1.5 * 250 / 255, abs=1e-5)
    mixed = photo_bytes((90, 80, 80))
    assert client.post("/predict", content=mixed, headers=RAW).json()["answers"][0]["answer"] == CLASSES[0]
    unsure = client.post("/predict?reject=0.05", content=mixed, headers=RAW).json()["answers"][0]
    assert (unsure["answer"], unsure["predicted"]) == ("not sure", CLASSES[0])


def test_the_heat_map_lies_where_the_colour_is(client: Client) -> None:
    file = io.BytesIO()
    photo = Image.new("RGB", (32, 32))
    photo.paste((255, 0, 0), (0, 0, 8, 8))
    photo.save(file, "PNG")
    told = client.post("/predict?heat=true", content=file.getvalue(), headers=RAW).json()["answers"][0]["heat"]
    assert (told["rows"], told["columns"], told["covers"]) == (4, 4, [0, 0, 1, 1])
    values = np.array(told["values"]).reshape(4, 4)
    assert values[0, 0] == 1
    assert values.max() == 1
    assert values[1:, 1:].max() < 0.2


def test_nothing_readable_is_422_with_the_same_body(client: Client) -> None:
    answer = client.post("/predict", content=b"no photo", headers={"Content-Type": "image/png"})
    assert answer.status_code == 422
    assert [list(one) for one in answer.json()["answers"]] == [["error"]]
    assert_secure(answer)


def test_bodies_that_are_refused(client: Client) -> None:
    multipart = {"Content-Type": "multipart/form-data; boundary=x"}
    assert "no photo" in error_of(client.post("/predict", content=b"", headers=RAW), 400)
    assert "no photo" in error_of(client.post("/predict", content=b"--x--\r\n", headers=multipart), 400)
    assert "boundary" in error_of(
        client.post("/predict", content=b"--x--", headers={"Content-Type": "multipart/form-data"}), 400
    )
    assert "not the multipart" in error_of(client.post("/predict", content=RED, headers=multipart), 400)
    cut = b'--x\r\nContent-Disposition: form-data; name="a"; filename="a"\r\n\r\nabc'
    assert "ends too early" in error_of(client.post("/predict", content=cut, headers=multipart), 400)
    error_of(client.post("/predict", data={"a": "https://example.org/a.png"}), 415)
    assert "missing" in error_of(client.post("/predict", content=RED), 415)
    assert "another kind" in error_of(client.post("/predict", json={"url": "http://127.0.0.1/"}), 415)
    packed = {**RAW, "Content-Encoding": "gzip"}
    assert "compressed" in error_of(client.post("/predict", content=RED, headers=packed), 415)


def test_fields_that_are_no_files_are_no_photos(client: Client) -> None:
    body = b'--x\r\nContent-Disposition: form-data; name="url"\r\n\r\nhttp://127.0.0.1:1/a.png\r\n--x--\r\n'
    answer = client.post("/predict", content=body, headers={"Content-Type": "multipart/form-data; boundary=x"})
    assert "no photo" in error_of(answer, 400)


@pytest.mark.parametrize("query", ["reject=7", "reject=0", "reject=nan", "reject=x", "heat=7", "reject=0.0001"])
def test_a_query_outside_its_range_is_400(client: Client, query: str) -> None:
    error_of(client.post(f"/predict?{query}", content=RED, headers=RAW), 400)


def test_bodies_over_the_limit_are_counted_as_they_stream(client: Client) -> None:
    read = [0]

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(1000):
            read[0] += 1
            yield bytes(10_000)

    async def send() -> Any:
        return await client.ask_async("POST", "/predict", content=chunks(), headers=RAW)

    answer = client.run(send())
    assert "0.2 MB" in error_of(answer, 413)
    assert read[0] < 30
    assert "content-length" not in answer.request.headers
    error_of(client.post("/predict", content=bytes(200_001), headers=RAW), 413)
    lying = {**RAW, "Content-Length": "7"}
    error_of(client.post("/predict", content=bytes(200_001), headers=lying), 413)
    assert client.post("/predict", content=RED, headers=RAW).status_code == 200
    assert client.service.admission.photos == 0


def test_seventeen_photos_are_too_many(client: Client) -> None:
    sixteen = [("a", ("x", RED))] * 16
    assert len(client.post("/predict", files=sixteen).json()["answers"]) == 16
    assert "16 photos" in error_of(client.post("/predict", files=[*sixteen, ("a", ("x", RED))]), 413)


def test_a_photo_of_too_many_pixels_is_not_decoded(client: Client) -> None:
    bomb = png_of(10_000, 10_000)
    assert len(bomb) < 200_000
    (answer,) = client.post("/predict", content=bomb, headers=RAW).json()["answers"]
    assert answer == {"error": "100 megapixels; at most 25 are accepted"}
    (answer,) = client.post("/predict", content=png_of(16_000, 16_000), headers=RAW).json()["answers"]
    assert answer == {"error": "larger than 25 megapixels"}  # Pillow's own limit, before ours


@pytest.mark.parametrize(
    "name",
    [
        "<script>alert(1)</script>.png",
        "../../etc/passwd",
        "a\x00b.png",
        "a\r\nX-Evil: 1.png",
        "'\"; DROP",
        "=cmd()",
        "ü.png",
    ],
)
def test_file_names_are_never_sent_back(client: Client, name: str) -> None:
    for content in (RED, b"no photo"):
        answer = client.post("/predict", files=[("field", (name, content))])
        assert answer.status_code in {200, 422}
        assert not any(piece in answer.text for piece in ("script>", "passwd", "Evil", "DROP", "cmd", "ü"))
        assert "x-evil" not in answer.headers


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    body=st.lists(
        st.one_of(
            st.binary(max_size=80),
            st.sampled_from(
                [
                    b"--x\r\n",
                    b"--x--\r\n",
                    b"\r\n",
                    b"\r\n\r\n",
                    b"--x",
                    b"Content-Disposition: form-data",
                    b"; filename=a",
                    b":",
                ]
            ),
        ),
        max_size=12,
    ).map(b"".join),
    kind=st.sampled_from(
        ["multipart/form-data; boundary=x", 'multipart/form-data; boundary="', "image/png", "x/y", "\xff"]
    ),
)
def test_junk_is_refused_and_never_a_fault(client: Client, body: bytes, kind: str) -> None:
    answer = client.post("/predict", content=body, headers={"Content-Type": kind.encode("latin-1")})
    assert answer.status_code in {200, 400, 413, 415, 422}
    assert_secure(answer)
    assert client.service.admission.photos == 0


def test_who_may_ask(client: Client) -> None:
    for host in ("evil.example", "127.0.0.1.evil.example", "", "localhost.evil", "[::2]", "10.0.0.1"):
        error_of(client.get("/model", headers={"Host": host}), 421)
    for host in ("localhost", "LOCALHOST:8000", "127.0.0.1:1", "[::1]:8000"):
        assert client.get("/model", headers={"Host": host}).status_code == 200
    for origin in ("http://evil.example", "null", "http://127.0.0.1:9", "file://", "http://127.0.0.1:8000.evil"):
        error_of(client.post("/predict", content=RED, headers={**RAW, "Origin": origin}), 403)
    assert client.post("/predict", content=RED, headers={**RAW, "Origin": "http://127.0.0.1:8000"}).status_code == 200
    error_of(client.post("/predict", content=RED, headers={**RAW, "Sec-Fetch-Site": "cross-site"}), 403)


def test_a_token_is_asked_for_everywhere_but_at_the_page_and_health() -> None:
    shown = "a-token-of-some-length"
    with serving(served_model(), ServerSettings(token=shown, workers=1)) as guarded:
        for path in ("/", "/static/app.js", "/healthz", "/readyz"):
            assert guarded.get(path).status_code == 200
        for path in ("/model", "/metrics", "/v2", "/openapi.json", "/nothing"):
            for wrong in (
                {},
                {"Authorization": "Bearer x"},
                {"Authorization": f"Basic {shown}"},
                {"Authorization": "ü"},
            ):
                given_headers = {name: value.encode("utf-8") for name, value in wrong.items()}
                answer = guarded.get(path, headers=given_headers)
                assert "token" in error_of(answer, 401)
                assert answer.headers["www-authenticate"] == "Bearer"
        right = {"Authorization": f"bearer {shown}"}
        assert guarded.get("/model", headers=right).status_code == 200
        assert guarded.get("/nothing", headers=right).status_code == 404
        error_of(guarded.post("/predict", content=RED, headers=RAW), 401)
        assert guarded.post("/predict", content=RED, headers={**RAW, **right}).status_code == 200


def test_unknown_addresses_and_methods(client: Client) -> None:
    assert "nothing at this address" in error_of(client.get("/docs"), 404)
    assert "another method" in error_of(client.get("/predict"), 405)
    error_of(client.ask("DELETE", "/model"), 405)
    assert client.ask("OPTIONS", "/predict").status_code == 405


def test_a_full_queue_refuses_before_it_reads() -> None:
    model = HeldModel()
    with serving(model, ServerSettings(workers=1, queue=3)) as held:
        model.go.clear()

        async def crowd() -> tuple[list[Any], Any, Any]:
            waiting = [
                asyncio.create_task(held.ask_async("POST", "/predict", content=RED, headers=RAW)) for _ in range(3)
            ]
            while held.service.admission.photos < 3:
                await asyncio.sleep(0.01)
            read: list[int] = []

            async def body() -> AsyncIterator[bytes]:
                read.append(1)
                yield RED

            refused = await held.ask_async("POST", "/predict", content=body(), headers=RAW)
            assert not read
            page = await held.ask_async("GET", "/model")
            model.go.set()
            return await asyncio.gather(*waiting), refused, page

        answered, refused, page = held.run(crowd())
        assert [answer.status_code for answer in answered] == [200] * 3
        assert "try again" in error_of(refused, 429)
        assert int(refused.headers["retry-after"]) >= 1
        assert page.status_code == 200
        assert "16" not in error_of(held.post("/predict", files=[("a", ("x", RED))] * 4), 429)
        assert held.post("/predict", files=[("a", ("x", RED))] * 3).status_code == 200


def test_the_deadline_ends_a_request_and_its_photos() -> None:
    model = HeldModel()
    with serving(model, ServerSettings(workers=1, deadline_seconds=0.5)) as held:
        model.go.clear()
        answer = held.post("/predict", content=RED, headers=RAW)
        assert "0.5 s" in error_of(answer, 504)
        assert held.service.admission.photos == 0
        model.go.set()
        assert held.post("/predict", content=RED, headers=RAW).status_code == 200


def test_a_body_that_trickles_is_cut_off() -> None:
    with serving(served_model(), ServerSettings(workers=1, body_seconds=0.3)) as patient:

        async def drops() -> AsyncIterator[bytes]:
            for _ in range(50):
                await asyncio.sleep(0.1)
                yield b"x"

        async def send() -> Any:
            return await patient.ask_async("POST", "/predict", content=drops(), headers=RAW)

        error_of(patient.run(send()), 408)
        assert patient.service.admission.photos == 0


def test_a_fault_of_the_network_is_500_and_the_next_photo_is_answered(
    client: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(client.service.model, "answer_pixels", lambda *_, **__: 1 / 0)
        assert "log" in error_of(client.post("/predict", content=RED, headers=RAW), 500)
    assert "ZeroDivisionError" in caplog.text
    assert client.post("/predict", content=RED, headers=RAW).status_code == 200


def test_health_and_metrics(client: Client) -> None:
    assert client.get("/healthz").json() == {"status": "alive"}
    assert client.get("/readyz").json() == {"status": "ready"}
    client.post("/predict", files=[("a", ("x", RED)), ("a", ("x", b"junk"))])
    client.get("/secret/path/of/somebody")
    text = client.get("/metrics").text
    found = {sample.name: sample for family in text_string_to_metric_families(text) for sample in family.samples}
    assert {"tellapart_workers", "tellapart_queue_photos", "tellapart_photos_under_way"} <= set(found)
    assert found["tellapart_workers"].value == 2
    assert "somebody" not in text
    assert re.search(r'tellapart_requests_total\{route="/predict",status="200"\} [1-9]', text)
    assert re.search(r'tellapart_requests_total\{route="other",status="404"\} [1-9]', text)
    assert re.search(r'tellapart_photos_total\{answer="unreadable"\} [1-9]', text)
    for stage in ("body", "decode", "wait", "network", "request"):
        assert re.search(rf'tellapart_seconds_count\{{stage="{stage}"\}} [1-9]', text)


def test_stopping_answers_what_was_let_in_and_nothing_more() -> None:
    model = HeldModel()
    with serving(model, ServerSettings(workers=1)) as held:
        model.go.clear()

        async def stop() -> tuple[Any, Any, Any, Any]:
            waiting = asyncio.create_task(held.ask_async("POST", "/predict", content=RED, headers=RAW))
            while not held.service.admission.photos:
                await asyncio.sleep(0.01)
            held.service.admission.stopping = True
            ready = await held.ask_async("GET", "/readyz")
            late = await held.ask_async("POST", "/predict", content=RED, headers=RAW)
            alive = await held.ask_async("GET", "/healthz")
            model.go.set()
            return await waiting, ready, late, alive

        answered, ready, late, alive = held.run(stop())
        assert answered.status_code == 200
        error_of(ready, 503)
        error_of(late, 503)
        assert late.headers["retry-after"]
        assert alive.status_code == 200


def odd_photos() -> dict[str, bytes]:
    """A photo straight from a phone, a transparent PNG, grey TIFFs of 8 and 16 bits."""
    found = {}
    made: list[tuple[str, Image.Image, str, dict[str, Any]]] = [
        ("EXIF 6", quarters((48, 32)), "JPEG", {"exif": _turned(), "quality": 95}),
        ("transparent PNG", _transparent(), "PNG", {}),
        ("grey TIFF", noise(3).convert("L"), "TIFF", {}),
        ("16-bit TIFF", Image.fromarray(np.arange(0, 60000, 125, dtype=np.uint16).reshape(20, 24)), "TIFF", {}),
        ("palette GIF", noise(4).quantize(16), "GIF", {}),
        ("WebP", noise(5), "WEBP", {"lossless": True}),
        ("BMP", noise(6), "BMP", {}),
    ]
    for name, photo, kind, more in made:
        file = io.BytesIO()
        photo.save(file, kind, **more)
        found[name] = file.getvalue()
    return found


def _turned() -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = 6
    return exif


def _transparent() -> Image.Image:
    photo = quarters().convert("RGBA")
    photo.putalpha(Image.linear_gradient("L").resize(photo.size))
    return photo


def test_the_same_photo_gets_the_same_answer_in_python_and_over_http(client: Client, tmp_path: Any) -> None:
    photos = odd_photos()
    paths = []
    for name, content in photos.items():
        paths.append(tmp_path / name)
        paths[-1].write_bytes(content)
    expected = client.service.model.predict_proba(paths)
    turned = to_pixels(decode_bytes(photos["EXIF 6"]), PixelSpec(SIZE))
    assert turned[2, 2, 2] > 150, "the photo must stand upright: its first quarter is blue then"
    together = client.post("/predict", files=[("p", (name, content)) for name, content in photos.items()]).json()
    for name, right, among in zip(photos, expected, together["answers"], strict=True):
        alone = client.post("/predict", content=photos[name], headers={"Content-Type": "image/x"}).json()["answers"][0]
        for told in (alone, among):
            found = [told["probabilities"][label] for label in CLASSES]
            np.testing.assert_allclose(found, right, atol=1e-6, err_msg=name)


def test_the_document_names_every_address(client: Client) -> None:
    told = json.loads(client.get("/openapi.json").text)
    assert set(told["paths"]) == {
        "/model", "/predict", "/healthz", "/readyz", "/metrics", "/v2", "/v2/health/live", "/v2/health/ready",
        "/v2/models/{model}", "/v2/models/{model}/ready", "/v2/models/{model}/infer",
    }  # fmt: skip
    for path in told["paths"].values():
        for operation in path.values():
            assert {"200", "400", "403", "421"} <= set(operation["responses"])
