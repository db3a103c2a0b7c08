"""Files of earlier versions go on working; those of a later one are refused with what to do.

All versions so far write format 1, to which fields were added: `versions/` has a run folder of each stage, made by the
code of that day from `draw_shapes(per_class=8)` with `--recipes majority,baseline --image-size 32 --epochs 1`. The
larger network, the figures and the page are left out.
2026-11-21: no audit, no table of photos, no answers to validation photos, no calibration.
2026-11-23: with these, and with doubts; the model file has no digest.
2026-11-28: the model file has a digest.
"""

import json
import shutil
from pathlib import Path

import onnx
import pytest

import tellapart as ta
from as_user import run
from ladder_set import CLASSES, draw_shapes
from tellapart.deploy.seal import KEY, sealed

VERSIONS = Path(__file__).parent / "versions"
DAYS = sorted(path.name for path in VERSIONS.iterdir() if path.is_dir())


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    return draw_shapes(tmp_path / "photos", per_class=1) / "disc" / "000.png"


@pytest.fixture
def old(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A copy of a run folder of an earlier version."""
    return Path(shutil.copytree(VERSIONS / request.param, tmp_path / "old"))


def test_the_files_stay_small() -> None:
    assert DAYS == ["2026-11-21", "2026-11-23", "2026-11-28"]
    assert sum(path.stat().st_size for path in VERSIONS.rglob("*") if path.is_file()) < 300_000


@pytest.mark.parametrize("old", DAYS, indirect=True)
def test_a_model_file_of_an_earlier_version_answers(old: Path, photo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = ta.load(old / "model.onnx")
    assert model.classes == CLASSES
    told = json.loads((old / "results.json").read_text(encoding="utf-8"))
    table = (old / "recipes" / "majority" / "predictions.csv").read_text(encoding="utf-8").splitlines()
    assert told["best"]["recipe"] == "majority"
    assert model.predict_proba([photo])[0].tolist() == pytest.approx([float(x) for x in table[1].split(",")[3:]])
    status, out, err = run(capsys, "predict", old, photo, "--json")
    assert status == 0, err
    assert json.loads(out)["predicted"] in CLASSES


@pytest.mark.slow
@pytest.mark.parametrize("old", DAYS, indirect=True)
def test_a_run_folder_of_an_earlier_version_is_reported_exported_and_compared(
    old: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, _, err = run(capsys, "report", old)
    assert status == 0, err
    assert "majority" in (old / "report.html").read_text(encoding="utf-8")
    status, _, err = run(capsys, "export", old, "--out", old / "exports")
    assert status == 0, err
    assert ta.load(old / "exports" / "model.onnx").classes == CLASSES
    assert "license:" in (old / "exports" / "MODEL_CARD.md").read_text(encoding="utf-8")
    status, out, err = run(capsys, "compare", old, VERSIONS / DAYS[-1])
    assert status == 0, err
    assert "Conclusion" in out


@pytest.mark.parametrize("old", [DAYS[-1]], indirect=True)
@pytest.mark.parametrize(
    ("file", "words"),
    [
        ("results.json", ["report"]),
        ("results.json", ["export"]),
        ("results.json", ["compare"]),
        ("audit.json", ["report"]),
    ],
)
def test_a_file_of_a_later_version_is_refused_in_one_line(
    old: Path, file: str, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    path = old / file
    told = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**told, "format": told["format"] + 1}), encoding="utf-8")
    given = [VERSIONS / DAYS[-1]] if words == ["compare"] else []
    status, out, err = run(capsys, *words, old, *given)
    assert (status, out) == (2, "")
    assert len(err.splitlines()) == 1
    assert path.name in err
    assert "version of Tellapart" in err
    assert "Next: " in err


@pytest.mark.parametrize("old", [DAYS[-1]], indirect=True)
def test_a_run_of_a_later_version_is_not_gone_on_with(
    old: Path, photo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = json.loads((old / "run.json").read_text(encoding="utf-8"))
    (old / "run.json").write_text(json.dumps({**told, "format": 2}), encoding="utf-8")
    before = {path: path.read_bytes() for path in old.rglob("*") if path.is_file()}
    words = ["--recipes", "majority", "--image-size", 32, "--epochs", 1, "--resume"]
    status, _, err = run(capsys, "fit", photo.parent.parent, "--out", old, *words)
    assert status == 2
    assert "version of Tellapart" in err.splitlines()[-1]
    assert {path: path.read_bytes() for path in before} == before


@pytest.mark.parametrize("old", [DAYS[-1]], indirect=True)
def test_a_model_file_of_a_later_version_is_refused_with_what_to_do(
    old: Path, photo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = old / "model.onnx"
    network = onnx.load_from_string(file.read_bytes())
    passport = json.loads(next(entry.value for entry in network.metadata_props if entry.key == KEY))
    file.write_bytes(sealed(file.read_bytes(), {**passport, "format": 2}))
    status, out, err = run(capsys, "predict", file, photo)
    assert (status, out) == (2, "")
    assert len(err.splitlines()) == 1
    assert "is of format 2; this version of Tellapart reads format 1" in err
    assert "Next: pip install --upgrade tellapart" in err
