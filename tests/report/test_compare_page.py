import json
from pathlib import Path
from typing import Any

import pytest
from test_compare import difference, score
from test_page import Page

from tellapart.errors import RunFolderError
from tellapart.report.compare_page import write_compare_page


def told(**change: Any) -> dict[str, Any]:
    scores = [score("<b>a</b>/baseline", 0.7), score("b/bottleneck", 0.9, "pocket")]
    for each, (run, recipe) in zip(scores, (("<b>a</b>", "baseline"), ("b", "bottleneck")), strict=True):
        each |= {"run": run, "recipe": recipe, "chosen": True, "seconds": 3.0}
        each["test"] |= {"n": 40, "macro_f1": 0.7, "log_loss": 0.5}
    pair = {**difference(0.2, 0.01), "accuracy_a": 0.7, "accuracy_b": 0.9, "p_value": 0.001, "tests": 2}
    return {
        "format": 1,
        "runs": {"<b>a</b>": "runs/a", "b": "runs/b"},
        "classes": ["chair", "table"],
        "scores": scores,
        "grounds": [{"sentence": "The same 40 photos."}],
        "comparisons": [{**pair, "verdict": "two/baseline is better"}],
        "differences": [{"what": "seed", "values": ["0", "1"]}],
        "conclusion": "On the same 40 test photos: all is said.",
        **change,
    }


def page(folder: Path, **change: Any) -> Page:
    (folder / "compare.json").write_text(json.dumps(told(**change)), encoding="utf-8")
    return Page(write_compare_page(folder))


def test_the_page_shows_all(tmp_path: Path) -> None:
    shown = page(tmp_path)
    for said in ("2 runs side by side", "all is said", "<b>a</b>", "The same 40 photos", "+20.0", "seed", "runs/b"):
        assert said in shown.text
    images = [attrs for tag, attrs in shown.tags if tag == "img"]
    assert len(images) == 2
    assert all(len(image["alt"] or "") > 20 for image in images)
    assert not [value for value in shown.values("src") if not (value or "").startswith("data:")]
    assert all(tag != "script" for tag, _ in shown.tags)


def test_without_pairs_it_shows_the_scores_alone(tmp_path: Path) -> None:
    shown = page(tmp_path, comparisons=[], differences=[])
    assert sum(tag == "img" for tag, _ in shown.tags) == 1
    assert "Paired tests" not in shown.text
    assert "Nothing: photos, split, settings" in shown.text


def test_a_folder_without_its_json(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match="tellapart compare"):
        write_compare_page(tmp_path)
    (tmp_path / "compare.json").write_text('{"format": 2}', encoding="utf-8")
    with pytest.raises(RunFolderError, match="another version"):
        write_compare_page(tmp_path)
