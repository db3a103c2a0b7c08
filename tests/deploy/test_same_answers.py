"""Odd photos get the same probabilities in Python and on the command line: those of the picture that they show."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny_model import CLASSES, doubting_model

import tellapart as ta
from as_user import run
from photo_maker import noise, quarters

CLOSE = 1e-6


def draw_odd(folder: Path) -> dict[str, np.ndarray]:
    """Write a phone's photo, a transparent one and grey TIFFs; give what each shows, (rows, columns, 3), uint8."""
    folder.mkdir()
    shown = {}
    exif = Image.Exif()
    exif[0x0112] = 6  # to be seen upright, it is turned by a quarter, clockwise
    quarters((64, 48)).save(folder / "phone.jpg", quality=90, exif=exif)
    shown["phone.jpg"] = turned(folder / "phone.jpg")
    colours = np.asarray(noise(1, (40, 30)))
    seen = np.random.default_rng(2).random((30, 40)) < 0.5
    Image.fromarray(np.dstack([colours, np.where(seen, 255, 0).astype(np.uint8)])).save(folder / "transparent.png")
    shown["transparent.png"] = np.where(seen[..., np.newaxis], colours, 255).astype(np.uint8)
    grey = np.asarray(noise(3, (40, 30)))[..., 0]
    Image.fromarray(grey).save(folder / "grey 8.tif")
    Image.fromarray(grey.astype(np.uint16) * 257).save(folder / "grey 16.tif")
    shown |= dict.fromkeys(("grey 8.tif", "grey 16.tif"), np.repeat(grey[..., np.newaxis], 3, axis=2))
    return shown


def turned(path: Path) -> np.ndarray:
    """The pixels of a photo of EXIF orientation 6, upright; without the decoder under test."""
    with Image.open(path) as image:
        return np.rot90(np.asarray(image.convert("RGB")), -1)


def on_the_command_line(
    model: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> dict[str, dict[str, np.ndarray]]:
    """By way and photo, the probabilities that `tellapart predict` gives."""
    out = folder.parent
    for name in ("a.jsonl", "a.csv"):
        assert run(capsys, "predict", model, folder, "--out", out / name)[0] == 0
    printed = run(capsys, "predict", model, folder / "*", "--json")[1]
    found = {}
    for way, lines in (("jsonl", (out / "a.jsonl").read_text(encoding="utf-8")), ("printed", printed)):
        records = [json.loads(line) for line in lines.splitlines()]
        found[way] = {Path(r["path"]).name: np.array([r["probabilities"][name] for name in CLASSES]) for r in records}
    with (out / "a.csv").open(newline="", encoding="utf-8") as file:
        found["csv"] = {
            Path(row["path"]).name: np.array([float(row[name]) for name in CLASSES]) for row in csv.DictReader(file)
        }
    return found


def check(folder: Path, shown: dict[str, np.ndarray], capsys: pytest.CaptureFixture[str]) -> None:
    file = folder.parent / "model.onnx"
    file.write_bytes(doubting_model().content)
    model = ta.load(file)
    names = sorted(shown)
    in_python = dict(zip(names, model.predict_proba([folder / name for name in names]), strict=True))
    for name in names:
        plain = folder.parent / "plain.png"
        Image.fromarray(shown[name]).save(plain)
        if max(shown[name].shape) >= 4 * model.spec.size and name.endswith(".jpg"):
            continue  # decoded smaller: tests/photos/test_decode.py holds that against the whole picture
        assert np.abs(in_python[name] - model.predict_proba([plain])[0]).max() <= CLOSE, name
    for way, found in on_the_command_line(file, folder, capsys).items():
        assert sorted(found) == names, way
        for name in names:
            assert np.abs(found[name] - in_python[name]).max() <= CLOSE, (way, name)


def test_odd_photos_that_are_drawn(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shown = draw_odd(tmp_path / "odd")
    assert shown["phone.jpg"].shape == (64, 48, 3), "it would be 48 rows if it lay on its side"
    check(tmp_path / "odd", shown, capsys)


def test_odd_photos_that_others_made(shared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    odd = tmp_path / "odd"
    odd.mkdir()
    shown = {}
    for number in ("Landscape_6.jpg", "Portrait_6.jpg"):
        (odd / number).write_bytes((shared / "data" / "odd" / "exif_orientation" / number).read_bytes())
        shown[number] = turned(odd / number)
    suite = shared / "data" / "odd" / "pngsuite"
    with Image.open(suite / "basn0g08.png") as image:
        shown["basn0g08.png"] = np.asarray(image.convert("RGB"))
    (odd / "basn0g08.png").write_bytes((suite / "basn0g08.png").read_bytes())
    check(odd, shown, capsys)
