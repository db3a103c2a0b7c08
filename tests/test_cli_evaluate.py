"""`tellapart evaluate` as a user meets it."""

import json
from pathlib import Path

import pytest
from needed import needs_parquet
from remembering import labelled, remembering
from tiny_model import CLASSES

from as_user import run


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("evaluate")
    labelled(place / "photos", {**dict.fromkeys(CLASSES, 6), "Tables": 2})
    labelled(place / "others", {"soup": 2, "bread": 2})
    (place / "model.onnx").write_bytes(remembering().content)
    return place


def test_tables_and_sentences(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, err = run(capsys, "evaluate", place / "model.onnx", place / "photos", "--out", place / "out")
    assert status == 0
    for said in (
        "The scores on 18 new photos", "accuracy", "macro F1", "balanced accuracy", "log loss", "calibration error",
        "Class by class", "椅子", "brightness", "chance to lie above", "than was promised", "called none of these",
        "no class 'Tables'", "Did you mean table?", "evaluation.html",
    ):  # fmt: skip
        assert said in out, said
    assert "Traceback" not in err
    assert (place / "out" / "evaluation.html").is_file()


def test_json(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(capsys, "evaluate", place, place / "photos", "--json")
    assert status == 0
    told = json.loads(out)
    assert told["test"]["n"] == 18
    assert len(out.splitlines()) == 1


def test_errors_are_one_line(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words, told in (
        ((place / "model.onnx", place / "others"), "No class of"),
        ((place / "model.onnx", place / "nowhere"), "There is no folder"),
        ((place / "photos", place / "photos"), "cannot be read"),
        ((place / "model.onnx", place / "photos", "--run", place), "has no photos.csv"),
    ):
        status, out, err = run(capsys, "evaluate", *words)
        assert (status, out) == (2, "")
        assert told in err
        assert len(err.strip().splitlines()) == 1


@needs_parquet
@pytest.mark.slow
def test_side_by_side(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("evaluate", place / "model.onnx", place / "photos", "--json")
    told = [run(capsys, *words, *more)[:2] for more in ((), ("--on", "local", "--workers", 1))]
    assert told[0] == told[1]
    assert told[0][0] == 0
    status, _, err = run(capsys, *words, "--workers", 1)
    assert (status, len(err.splitlines())) == (2, 1)
    assert "Next: --on local --workers 1" in err
