import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import tellapart as ta
from as_user import run as typed
from exported_run import run_to_export
from tellapart import exporting
from tellapart.deploy.int8 import int8_file

# Keras asks NumPy for TensorFlow's variables in a way that NumPy 2 deprecates, whenever it saves or reads one.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture(scope="module")
def run() -> ta.Run:
    return run_to_export()


def test_a_table_tells_how_far_the_forms_agree(run: ta.Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = typed(
        capsys, "export", run.folder, "--recipe", "baseline", "--format", "onnx,keras", "--out", tmp_path
    )
    assert status == 0
    for said in ("model.onnx", "model.keras", "3 golden", f"{run.results['split']['test']} test", "(100.0 %)"):
        assert said in out
    assert out.splitlines()[-1] == f"Card: {tmp_path / 'MODEL_CARD.md'}"


def test_json_is_what_the_file_holds(run: ta.Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = typed(capsys, "export", run.folder, "--recipe", "baseline", "--out", tmp_path, "--json")
    assert status == 0
    assert json.loads(out) == json.loads((tmp_path / "export.json").read_text(encoding="utf-8"))


def test_what_is_refused_is_one_line_and_status_2(
    run: ta.Run, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def costly(*given: Any) -> Any:
        return replace(int8_file(*given), accepted=False, why="of 5 validation photos it costs more than 0.5 points")

    monkeypatch.setattr(exporting, "int8_file", costly)
    words = ("export", run.folder, "--recipe", "baseline", "--format", "onnx,onnx-int8", "--out", tmp_path)
    status, out, err = typed(capsys, *words)
    assert status == 2
    assert "model.onnx" in out
    assert err.splitlines()[-1].startswith("tellapart: onnx-int8 is not written: of 5 validation photos it costs more")
    assert "--force" in err
    status, out, _ = typed(capsys, *words, "--force")
    assert status == 0
    assert "model-int8-experimental.onnx" in out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--format", "onxx"), "Did you mean onnx"),
        (("--recipe", "basline"), "Did you mean baseline"),
        (("--photos", "nowhere"), "There is no nowhere"),
    ],
)
def test_names_that_are_not_there_are_one_line(
    run: ta.Run, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], told: str
) -> None:
    status, out, err = typed(capsys, "export", run.folder, "--out", tmp_path / "out", *words)
    assert (status, out) == (2, "")
    assert told in err
    assert err.count("\n") == 1
