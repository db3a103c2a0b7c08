"""`tellapart embed`, and `tellapart predict` into a folder, as a user meets them."""

import os
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from as_user import run
from limited import files_limited
from photo_maker import noise, save
from served_model import served_content
from tellapart.cli_scale import is_folder

needs_parquet = pytest.mark.skipif(not find_spec("pyarrow"), reason="pyarrow is not here: pip install tellapart[scale]")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "model.onnx").write_bytes(served_content())
    for number in range(5):
        save(noise(number), tmp_path / "photos" / f"{number}.png")
    return tmp_path


def test_which_names_are_folders() -> None:
    assert all(map(is_folder, ("out", "out/", "a.b/out", "out.parquet", "out.PARQUET/", "s3://b.c/out")))
    assert not any(map(is_folder, ("out.csv", "out.jsonl", "out.txt", "out.v2/", "s3://b/a.csv")))


@needs_parquet
@pytest.mark.slow
def test_all_commands(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("predict", place / "model.onnx", place / "photos", "--out", place / "out", "--workers", 1)
    for _ in range(2):
        status, out, err = run(capsys, *words)
        assert (status, out) == (0, f"5 rows in 1 files: {place / 'out'}\n"), err
    save(noise(6), place / "photos" / "6.png")
    status, out, err = run(capsys, *words)
    assert status == 2
    assert "was begun with other arguments (listing" in err
    (place / "photos" / "6.png").write_bytes(b"no photo")
    features = place / "features"
    status, out, err = run(capsys, "embed", place / "photos", "--backbone", "pocket", "--out", features, "--workers", 1)
    assert status == 2
    assert "1 of the photos could not be read" in err
    assert len(list(features.glob("part-*.parquet"))) == 1
    save(noise(0), place / "photos" / "copy.png")
    status, out, err = run(capsys, "duplicates", place / "photos", "--out", place / "copies", "--workers", 1)
    assert status == 2
    assert out == f"2 of 7 photos in 1 group: {place / 'copies'}/groups.parquet\n"
    assert "1 of the photos could not be read" in err


@needs_parquet
@pytest.mark.skipif(not hasattr(os, "statvfs"), reason="Windows limits no file sizes")
@pytest.mark.parametrize("words", [("predict", "model.onnx", "photos"), ("embed", "photos", "--backbone", "pocket")])
def test_a_disk_that_is_too_small_is_told_with_the_same_command(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    monkeypatch.chdir(place)
    with files_limited(20):
        status, _, err = run(capsys, *words, "--out", "out")
    assert status == 2
    line = err.splitlines()[-1]
    assert line.endswith("then the same command again."), "it has no --resume"
    assert line.startswith("tellapart: Cannot write out/")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("predict", "model.onnx", "photos", "--on", "ray"), "Next: --out FOLDER"),
        (("predict", "model.onnx", "photos", "--out", "a.csv", "--workers", "2"), "Next: --out FOLDER"),
        (("predict", "model.onnx", "photos", "--out", "a.txt"), "or a folder of no suffix"),
        (("embed", "photos", "--backbone", "pocket", "--out", "a.csv"), "Next: --out features"),
        (("duplicates", "photos", "--out", "a.csv"), "Next: --out copies"),
    ],
)
def test_errors_are_one_line(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], told: str
) -> None:
    monkeypatch.chdir(place)
    status, _, err = run(capsys, *words)
    assert status == 2
    assert told in err
    assert len(err.splitlines()) == 1


@needs_parquet
@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("predict", "model.onnx", "photos", "--out", "out", "--on", "spark"), "Accepted: local, ray, ray://HOST:PORT"),
        (("predict", "model.onnx", "nowhere", "--out", "out"), "There is no nowhere"),
        (("predict", "model.onnx", "photos", "--out", "photos"), "holds 0.png and no _manifest.json"),
        (("embed", "photos", "--backbone", "pocke", "--out", "out"), "Did you mean pocket"),
    ],
)
def test_errors_of_bulk_jobs(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], told: str
) -> None:
    monkeypatch.chdir(place)
    status, _, err = run(capsys, *words)
    assert status == 2
    assert told in err
    assert "Traceback" not in err


def test_a_missing_pyarrow_is_told(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.delitem(sys.modules, "pyarrow.parquet", raising=False)
    status, _, err = run(capsys, "predict", place / "model.onnx", place / "photos", "--out", place / "out")
    assert status == 2
    assert 'pip install "tellapart[scale]"' in err
