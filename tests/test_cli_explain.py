"""`tellapart explain` as a user meets it."""

import json
from pathlib import Path

import pytest

from as_user import run
from explained_run import explained_run
from photo_maker import noise, save


def test_pictures_and_a_line_for_each_step(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, _ = explained_run(tmp_path)
    photo = save(noise(1, (60, 40)), tmp_path / "a.png")
    status, out, _ = run(capsys, "explain", folder, photo, "--out", tmp_path / "out", "--method", "gradcam")
    assert status == 0
    assert out.startswith(str(tmp_path / "out" / "a-gradcam.png"))
    assert "nothing to look at" in out
    status, out, _ = run(capsys, "explain", folder, photo, "--out", tmp_path / "out", "--json")
    assert json.loads(out)["photos"][0]["files"] == ["a-hirescam.png"]


def test_what_can_be_mended_is_one_line_and_status_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, _ = explained_run(tmp_path)
    photo = save(noise(1, (60, 40)), tmp_path / "a.png")
    out = ("--out", tmp_path / "out")
    for words in (
        [folder, photo, *out, "--class", "tabel"],
        [folder, photo, *out, "--method", "gradcan"],
        [folder, tmp_path / "none.png", *out],
        [tmp_path, photo, *out],
        [photo, photo, *out],
        [folder, photo],
    ):
        status, printed, err = run(capsys, "explain", *words)
        assert (status, printed) == (2, "")
        assert len(err.strip().splitlines()) == 1
