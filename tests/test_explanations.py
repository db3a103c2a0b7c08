"""Heat maps of any photos, by a model file or by each step of a run."""

from pathlib import Path

import pytest

from explained_run import explained_run
from photo_maker import noise, save
from tellapart.errors import PhotosError, UnknownNameError
from tellapart.explanations import explain_photos
from tellapart.files import read_json


def test_a_model_file_away_from_its_run_shows_every_method_side_by_side(tmp_path: Path) -> None:
    run, _ = explained_run(tmp_path)
    alone = tmp_path / "alone.onnx"
    alone.write_bytes((run / "model.onnx").read_bytes())
    photo = save(noise(1, (60, 40)), tmp_path / "some" / "a.png")
    told = explain_photos(alone, [photo], out=tmp_path / "out", method="all")
    assert told["photos"][0]["files"] == ["a-all.png"]
    assert (tmp_path / "out" / "a-all.png").is_file()
    assert len(told["photos"][0]["maps"]) == 5
    assert read_json(tmp_path / "out" / "explanations.json") == told


def test_a_run_shows_its_steps_side_by_side_and_goes_on_after_a_bad_photo(tmp_path: Path) -> None:
    run, _ = explained_run(tmp_path)
    one, other = (save(noise(n, (60, 40)), tmp_path / f"f{n}" / "a.png") for n in (1, 2))
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"no photo")
    told = explain_photos(run, [one, bad, other], out=tmp_path / "out", class_name="table")
    assert [photo.get("files") for photo in told["photos"]] == [["a-hirescam.png"], None, ["a-2-hirescam.png"]]
    assert "error" in told["photos"][1]
    assert [step["recipe"] for step in told["photos"][0]["maps"]] == ["majority", "baseline"]
    assert told["photos"][0]["class"] == "table"


def test_wrong_names_are_told_with_the_nearest(tmp_path: Path) -> None:
    run, _ = explained_run(tmp_path)
    photo = save(noise(1, (60, 40)), tmp_path / "a.png")
    with pytest.raises(UnknownNameError, match="table"):
        explain_photos(run, [photo], out=tmp_path / "out", class_name="tabel")
    with pytest.raises(UnknownNameError, match="gradcam"):
        explain_photos(run, [photo], out=tmp_path / "out", method="gradcan")
    with pytest.raises(PhotosError):
        explain_photos(run, [tmp_path / "none.png"], out=tmp_path / "out")
