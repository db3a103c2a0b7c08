import base64
import io
import struct
import zlib
from typing import Any

import numpy as np
import pytest
from drawn_model import CLASSES, SIZE, changed, drawn_model, drawn_network, drawn_passport, pictures
from PIL import Image

from tellapart.deploy.golden import TOLERANCE, as_golden, prove, read_golden
from tellapart.deploy.runtime import Model
from tellapart.errors import ModelFileError
from tellapart.models.forward import Forward


@pytest.fixture
def passport() -> dict[str, Any]:
    return drawn_passport(drawn_network())


def png(width: int, height: int, kind: str = "PNG") -> str:
    buffer = io.BytesIO()
    Image.new("RGB", (width, height)).save(buffer, kind)
    return base64.b64encode(buffer.getvalue()).decode()


def test_a_photo_comes_back_as_it_was_with_its_answers(passport: dict[str, Any]) -> None:
    golden = read_golden(passport, SIZE, tells_strangers=False)
    assert (np.stack([one.picture for one in golden]) == pictures(3)).all()
    forward = Forward(drawn_network())
    for one, answer in zip(golden, forward(pictures(3)), strict=True):
        assert one.probabilities == pytest.approx(answer, abs=1e-6)
        assert one.stranger is None
    assert prove(forward.named_outputs, golden)


def test_what_it_says_of_strangers_is_kept() -> None:
    outputs = {"probabilities": np.array([0.2, 0.5, 0.3]), "stranger": np.array(0.25), "heat": np.ones((2, 2))}
    kept = as_golden(pictures(1)[0], outputs, CLASSES)
    assert set(kept) == {"png", "probabilities", "predicted", "stranger"}
    assert kept["predicted"] == "chair & co"
    (one,) = read_golden({"golden": [kept], "classes": CLASSES}, SIZE, tells_strangers=True)
    assert one.stranger == 0.25
    for told, right in ((0.25, True), (0.26, True), (0.4, False), (float("nan"), False)):
        found = {"probabilities": np.array([[0.2, 0.5, 0.3]]), "stranger": np.array([told])}
        assert prove(lambda _, found=found: found, [one]) is right  # type: ignore[misc]
    with pytest.raises(ValueError, match="do not fit"):
        read_golden({"golden": [kept], "classes": CLASSES}, SIZE, tells_strangers=False)


@pytest.mark.parametrize("difference", [0.9 * TOLERANCE, 1.1 * TOLERANCE, float("nan")])
def test_an_answer_may_differ_in_the_last_digits_alone(passport: dict[str, Any], difference: float) -> None:
    golden = read_golden(passport, SIZE, tells_strangers=False)
    answers = iter([one.probabilities[np.newaxis] + np.array([0, 0, difference]) for one in golden])
    assert prove(lambda _: {"probabilities": next(answers)}, golden) is (difference < TOLERANCE)


BAD: dict[str, tuple[object, str]] = {
    "none": ([], "no golden photos to prove itself on"),
    "no list": ("yes", "no golden photos"),
    "too many": (17, "more than 16"),
    "too few numbers": ({"probabilities": [0.5, 0.5]}, "one probability for each class"),
    "no numbers": ({"probabilities": [0.5, 0.5, float("nan")]}, "one probability for each class"),
    "another class": ({"predicted": "sofa"}, "not in the order"),
    "another size": ({"png": png(SIZE, SIZE + 1)}, "16×17 pixels and not of 16"),
    "another format": ({"png": png(SIZE, SIZE, "BMP")}, "UnidentifiedImageError|cannot identify"),
    "too long": ({"png": "A" * 100_000}, "larger than its pixels"),
    "no base64": ({"png": "\u00fc" * 40}, "ASCII|base64"),
    "strangers": ({"stranger": 0.5}, "do not fit"),
}


@pytest.mark.parametrize("what", BAD)
def test_photos_that_prove_nothing_are_refused(passport: dict[str, Any], what: str) -> None:
    fields, told = BAD[what]
    golden: Any = passport["golden"]
    if isinstance(fields, dict):
        golden = [{**golden[0], **fields}, *golden[1:]]
    else:
        golden = golden[:1] * fields if isinstance(fields, int) else fields
    with pytest.raises(ModelFileError, match=rf"m is damaged or was altered \(.*({told}).*\)\. Next: give") as caught:
        Model(changed(drawn_model(), golden=golden), "m")
    assert "\n" not in str(caught.value)


def test_a_picture_that_unpacks_to_gigabytes_is_refused_by_its_header(passport: dict[str, Any]) -> None:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 10_000, 10_000, 8, 2, 0, 0, 0)
    bomb = (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    )
    passport["golden"][0]["png"] = base64.b64encode(bomb).decode()
    with pytest.raises(ModelFileError, match=r"10000×10000|decompression bomb|DecompressionBomb"):
        Model(changed(drawn_model(), golden=passport["golden"]), "m")
