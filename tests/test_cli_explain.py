import json
from pathlib import Path

import pytest

from as_user import run
from planted_run import build_run, square_photo
from tellapart.explain import network
from tellapart.explain.writer import NoGradientError


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("commanded")
    build_run(place)
    (place / "new").mkdir()
    square_photo("red", 1).save(place / "new" / "a.png")
    return place


def test_a_run_is_told_step_by_step(place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(capsys, "explain", place / "run", place / "new", "--out", tmp_path / "out")
    assert status == 0
    assert out.splitlines()[0] == str(tmp_path / "out" / "a-hirescam.png")
    assert "majority says red" in out
    assert "nothing to look at" in out
    assert "in the middle half" in out


def test_json_is_what_the_file_holds(place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = place / "run" / "model.onnx"
    words = ("explain", model, place / "new", "--out", tmp_path, "--method", "gradcam++", "--class", "green", "--json")
    status, out, _ = run(capsys, *words)
    assert status == 0
    assert json.loads(out) == json.loads((tmp_path / "explanations.json").read_text(encoding="utf-8"))
    assert json.loads(out)["class"] == "green"


def test_an_unreadable_photo_does_not_stop_the_others_but_is_status_2(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"no photo")
    words = (tmp_path / "broken.jpg", place / "new" / "a.png", "--out", tmp_path / "out")
    status, out, err = run(capsys, "explain", place / "run" / "model.onnx", *words)
    assert status == 2
    assert "a-hirescam.png" in out
    assert "broken.jpg" in err
    assert "1 of the photos could not be read" in err
    assert "Next: save them as JPEG or PNG" in err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--method", "gradcma"), "Did you mean gradcam"),
        (("--class", "Red"), "Did you mean red"),
        (("--class", ""), "Accepted: green, red"),
    ],
)
def test_names_that_are_not_there_are_one_line(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], told: str
) -> None:
    given = ("explain", place / "run" / "model.onnx", place / "new", "--out", tmp_path / "out", *words)
    status, out, err = run(capsys, *given)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert told in err


def test_without_out_the_pictures_lie_in_looks(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    words = (place / "run" / "model.onnx", place / "new" / "a.png", "--method", "gradcam", "--class", "green")
    status, out, _ = run(capsys, "explain", *words)
    assert status == 0
    assert out.splitlines()[0] == str(Path("looks") / "a-gradcam.png")
    assert (tmp_path / "looks" / "a-gradcam.png").is_file()


def test_a_model_without_gradients_is_told_what_works(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> bytes:
        raise NoGradientError("it holds the operator Odd")

    monkeypatch.setattr(network, "gradient_model", refuse)
    words = ("explain", place / "run" / "model.onnx", place / "new", "--out", tmp_path / "out")
    status, _, err = run(capsys, *words)
    assert status == 2
    assert "Next: --method occlusion" in err
    assert err.count("\n") == 1
    assert run(capsys, *words, "--method", "occlusion")[0] == 0
