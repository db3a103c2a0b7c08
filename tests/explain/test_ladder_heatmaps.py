import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from as_user import Notes
from planted_run import PER_CLASS, build_run
from tellapart.explain.ladder_heatmaps import LONGEST, draw_heatmaps, drawn_size
from tellapart.explain.methods import METHODS
from tellapart.files import read_json


def drawn(place: Path, **how: Any) -> tuple[dict[str, Any], list[str], Path]:
    run, results = build_run(place, **how)
    notes = Notes()
    draw_heatmaps(run, results, notes)
    return read_json(run / "explanations" / "heatmaps.json"), notes.lines, run


@pytest.fixture(scope="module")
def edges(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], list[str], Path]:
    return drawn(tmp_path_factory.mktemp("edges"), square="top left", shortcut="red")


def test_one_right_photo_of_each_class_then_the_mistakes(edges: tuple[dict[str, Any], list[str], Path]) -> None:
    told, notes, _ = edges
    assert [(photo["class"], photo["explained"]) for photo in told["photos"]] == [
        ("green", "green"),
        ("red", "red"),
        ("green", "red"),
    ]
    assert told["photos"][2]["path"] == "green/0.png"
    assert notes == []


def test_every_step_is_asked_of_the_same_class_and_majority_looks_at_nothing(
    edges: tuple[dict[str, Any], list[str], Path],
) -> None:
    told, _, run = edges
    arrays = np.load(run / "explanations" / "heatmaps.npz", allow_pickle=False)
    for photo in told["photos"]:
        floor, chosen = photo["maps"]
        assert (floor["recipe"], floor["map"], floor["predicted"]) == ("majority", None, "red")
        assert chosen["predicted"] == photo["explained"]
        picture, heat = arrays[photo["photo"]], arrays[chosen["map"]]
        assert picture.shape == (72, 96, 3)
        assert heat.shape == (72, 96)
        assert picture.dtype == heat.dtype == np.uint8
        # The square lies at the top left of a photo that is wider than high.
        assert heat[:36, :48].sum() > 0.6 * heat.sum()


def test_all_methods_are_asked_of_a_right_photo_and_a_mistake(edges: tuple[dict[str, Any], list[str], Path]) -> None:
    told, _, _ = edges
    assert [photo["class"] == photo["explained"] for photo in told["methods"]] == [True, False]
    for photo in told["methods"]:
        assert [one["method"] for one in photo["maps"]] == list(METHODS)
        assert photo["maps"][-1]["difference"] <= 0.02


def test_a_warning_where_maps_lie_at_the_edges_of_a_class_with_a_shortcut(
    edges: tuple[dict[str, Any], list[str], Path],
) -> None:
    told, _, _ = edges
    by_name = {row["name"]: row for row in told["outside"]}
    assert by_name["red"]["photos"] == PER_CLASS
    assert by_name["red"]["low"] > 0.5
    # "green" is told by the same corner, but the audit has nothing against it.
    assert by_name["green"]["low"] > 0.5
    assert [warning["class"] for warning in told["warnings"]] == ["red"]
    assert "sharpness" in told["warnings"][0]["what"]


def test_no_warning_where_the_audit_found_nothing(tmp_path: Path) -> None:
    told, _, _ = drawn(tmp_path, square="top left")
    assert min(row["low"] for row in told["outside"]) > 0.5
    assert told["warnings"] == []


def test_no_warning_where_maps_lie_in_the_middle(tmp_path: Path) -> None:
    told, _, _ = drawn(tmp_path, square="middle", shortcut="red")
    assert max(row["outside"] for row in told["outside"]) < 0.5
    assert told["warnings"] == []


def test_the_same_run_gives_the_same_bytes(edges: tuple[dict[str, Any], list[str], Path]) -> None:
    _, _, run = edges
    files = [run / "explanations" / f"heatmaps.{ending}" for ending in ("json", "npz")]
    before = [file.read_bytes() for file in files]
    draw_heatmaps(run, read_json(run / "results.json"), Notes())
    assert [file.read_bytes() for file in files] == before


def test_photos_that_are_gone_are_told_in_one_note(tmp_path: Path) -> None:
    run, results = build_run(tmp_path)
    shutil.rmtree(tmp_path / "photos" / "green")
    notes = Notes()
    draw_heatmaps(run, results, notes)
    assert len(notes.lines) == 1
    assert "left out" in notes.lines[0]
    told = read_json(run / "explanations" / "heatmaps.json")
    assert [photo["class"] for photo in told["photos"]] == ["red"]


def test_a_run_that_chose_majority_has_no_heat_maps(tmp_path: Path) -> None:
    run, results = build_run(tmp_path)
    notes = Notes()
    draw_heatmaps(run, {**results, "best": {"recipe": "majority", "why": ""}}, notes)
    assert notes.lines == ["Heat maps: none, as the chosen recipe looks at nothing"]
    assert not (run / "explanations").exists()


def test_a_table_of_photos_names_the_folder_it_lies_in(tmp_path: Path) -> None:
    run, results = build_run(tmp_path)
    (tmp_path / "photos" / "photos.csv").write_text("path,label\n", encoding="utf-8")
    results["settings"]["photos_absolute"] = str(tmp_path / "photos" / "photos.csv")
    notes = Notes()
    draw_heatmaps(run, json.loads(json.dumps(results)), notes)
    assert notes.lines == []


def test_kept_photos_are_small() -> None:
    from PIL import Image

    assert drawn_size(Image.new("1", (4000, 3000))) == (LONGEST, 150)
    assert drawn_size(Image.new("1", (9000, 10))) == (LONGEST, 1)
    assert drawn_size(Image.new("1", (30, 40))) == (30, 40)
