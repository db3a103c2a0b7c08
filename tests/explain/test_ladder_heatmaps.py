"""What a run keeps of its heat maps."""

from pathlib import Path

import numpy as np

from explained_run import explained_run
from tellapart.explain.ladder_heatmaps import LONGEST, draw_heatmaps, drawn_size
from tellapart.explain.methods import METHODS
from tellapart.files import read_json
from tellapart.progress import Silent


def test_every_step_sees_the_same_photos_and_the_chosen_one_by_every_method(tmp_path: Path) -> None:
    run, results = explained_run(tmp_path)
    draw_heatmaps(run, results, Silent())
    told = read_json(run / "explanations" / "heatmaps.json")
    arrays = np.load(run / "explanations" / "heatmaps.npz", allow_pickle=False)
    assert len(told["photos"]) == 3 + 2
    for photo in told["photos"]:
        assert [one["recipe"] for one in photo["maps"]] == ["majority", "baseline"]
        assert photo["maps"][0]["map"] is None
        assert arrays[photo["maps"][1]["map"]].shape == arrays[photo["photo"]].shape[:2]
    assert [one["method"] for one in told["methods"][0]["maps"]] == list(METHODS)
    assert {row["name"] for row in told["outside"]} <= set(results["photos"]["classes"])
    first = (run / "explanations" / "heatmaps.npz").read_bytes()
    draw_heatmaps(run, results, Silent())
    assert (run / "explanations" / "heatmaps.npz").read_bytes() == first


def test_photos_that_are_gone_are_left_out(tmp_path: Path) -> None:
    run, results = explained_run(tmp_path)
    for photo in (tmp_path / "photos").rglob("*.png"):
        photo.unlink()
    draw_heatmaps(run, results, Silent())
    assert read_json(run / "explanations" / "heatmaps.json")["photos"] == []


def test_a_photo_is_kept_small() -> None:
    from photo_maker import noise

    assert drawn_size(noise(0, (900, 300))) == (LONGEST, 67)
    assert drawn_size(noise(0, (90, 30))) == (90, 30)
