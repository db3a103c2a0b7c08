import numpy as np
import pytest
from PIL import Image

from served_model import CLASSES, served_model
from tellapart.deploy.runtime import Answer
from tellapart.deploy.serving.photo_answers import as_json, covers
from tellapart.photos.pixels import PixelSpec, to_pixels


@pytest.mark.parametrize("geometry", ["squash", "letterbox", "crop"])
@pytest.mark.parametrize("size", [(60, 40), (40, 60), (50, 50)])
def test_what_is_covered_is_what_the_pixels_show(geometry: str, size: tuple[int, int]) -> None:
    """A bright spot lies at the same place, whether sought in the photo or in its pixels."""
    photo = Image.new("RGB", size)
    x, y = 0.55 * size[0], 0.45 * size[1]
    photo.paste((255, 255, 255), (round(x) - 2, round(y) - 2, round(x) + 2, round(y) + 2))
    pixels = to_pixels(photo, PixelSpec(64, geometry)).astype(float).mean(axis=2)
    weight = np.where(pixels > 140, pixels, 0)  # over the grey of the letterbox
    rows, columns = np.mgrid[:64, :64]
    found_y = (weight * (rows + 0.5)).sum() / weight.sum() / 64
    found_x = (weight * (columns + 0.5)).sum() / weight.sum() / 64
    left, top, width, height = covers(geometry, *size)
    assert left + found_x * width == pytest.approx(round(x) / size[0], abs=0.02)
    assert top + found_y * height == pytest.approx(round(y) / size[1], abs=0.02)


def told(answer: Answer, threshold: float = 0.0, heat: bool = True) -> dict[str, object]:
    return as_json(served_model(), answer, size=(10, 10), threshold=threshold, heat=heat)


def test_an_answer_has_everything_the_contract_names() -> None:
    shares = np.array([0.7, 0.2, 0.1], dtype=np.float32)
    hot = np.array([[0.0, 2.0], [1.0, 0.0]], dtype=np.float32)
    found = told(Answer("", shares, "", CLASSES[0], (CLASSES[0],), 0.5, hot))
    assert found == {
        "answer": CLASSES[0],
        "predicted": CLASSES[0],
        "probabilities": dict(zip(CLASSES, shares.tolist(), strict=True)),
        "set": [CLASSES[0]],
        "stranger": 0.5,
        "heat": {"rows": 2, "columns": 2, "values": [0, 1, 0.5, 0], "covers": [0, 0, 1, 1]},
    }
    assert told(Answer("", shares, "", "", None, None, hot), heat=False)["heat"] is None
    assert told(Answer("", shares), threshold=0.8)["answer"] == "not sure"
    assert told(Answer("", shares, stranger=1.2), threshold=0.8)["answer"] == "none of these"
    assert told(Answer("", None, "gone")) == {"error": "gone"}


def test_a_map_of_nothing_is_zeros() -> None:
    shares = np.array([0.7, 0.2, 0.1], dtype=np.float32)
    heat = told(Answer("", shares, heat=np.zeros((1, 2), dtype=np.float32)))["heat"]
    assert isinstance(heat, dict)
    assert heat["values"] == [0, 0]
