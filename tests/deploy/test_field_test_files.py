import csv
import json
from pathlib import Path

import numpy as np
import pytest
from remembering import labelled, remembering
from tiny_model import CLASSES, with_classes

from tellapart.deploy.field_test_files import check_place
from tellapart.deploy.runtime import Model
from tellapart.errors import RunFolderError
from tellapart.new_photos import evaluate
from tellapart.plain_text import from_spreadsheet


def test_the_files(tmp_path: Path) -> None:
    photos = labelled(tmp_path / "photos", dict.fromkeys(CLASSES, 3))
    (photos / "table" / "000.png").rename(photos / "table" / "=1+1.png")
    out = tmp_path / "out"
    told = evaluate(remembering().model, photos, out=out)
    assert {path.name for path in out.iterdir()} == {
        "evaluation.json",
        "evaluation.html",
        "predictions.csv",
        "confusion.csv",
        "figures",
    }
    assert json.loads((out / "evaluation.json").read_text(encoding="utf-8")) == told.as_json()
    with (out / "predictions.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["path", "class", "predicted", *CLASSES]
    assert [row["path"] for row in rows] == sorted(photo.path for photo in told.picked.photos)
    by_path = {photo.path: shares for photo, shares in zip(told.picked.photos, told.probabilities, strict=True)}
    for row in rows:
        shares = np.array([row[name] for name in CLASSES], dtype=np.float32)
        assert np.array_equal(shares, by_path[row["path"]]), "each digit of a float32"
        assert row["predicted"] == CLASSES[int(shares.argmax())]
    with (out / "confusion.csv").open(newline="", encoding="utf-8") as file:
        matrix = [[int(row[name]) for name in CLASSES] for row in csv.DictReader(file)]
    assert matrix == told.score.confusion


def test_a_class_that_is_a_formula_is_defused(tmp_path: Path) -> None:
    names = ["=cmd", *CLASSES[1:]]
    content = with_classes(remembering().content, names)
    photos = labelled(tmp_path / "photos", {"=cmd": 3, "table": 3})
    evaluate(Model(content, "model.onnx"), photos, out=tmp_path / "out")
    for file in ("predictions.csv", "confusion.csv"):
        with (tmp_path / "out" / file).open(newline="", encoding="utf-8") as table:
            cells = [cell for row in csv.reader(table) for cell in row]
        assert "'=cmd" in cells
        assert not [cell for cell in cells if cell.startswith("=")]
        assert from_spreadsheet("'=cmd") == "=cmd"


def test_an_earlier_evaluation_is_replaced_and_nothing_else(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    check_place(photos, tmp_path / "new")
    out = tmp_path / "out"
    out.mkdir()
    (out / "evaluation.json").touch()
    check_place(photos, out)
    (out / "run.json").touch()
    with pytest.raises(RunFolderError, match="holds a run"):
        check_place(photos, out)
