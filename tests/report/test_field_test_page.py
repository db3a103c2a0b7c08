import json
from pathlib import Path
from typing import Any

import pytest
from test_page import Page

from tellapart.errors import RunFolderError
from tellapart.report.field_test_page import write_field_test_page

CLASSES = ["<b>chair</b>", "table"]
SCORES = {
    "n": 20,
    "confusion": [[8, 2], [1, 9]],
    **dict.fromkeys(("accuracy", "macro_f1", "balanced_accuracy", "log_loss", "ece"), 0.85),
    **{f"{name}_low": 0.6 for name in ("accuracy", "macro_f1", "balanced_accuracy", "log_loss", "ece")},
    **{f"{name}_high": 0.9 for name in ("accuracy", "macro_f1", "balanced_accuracy", "log_loss", "ece")},
}
SHARE = {"value": 0.8, "low": 0.5, "high": 0.9}
MEASURE = {
    "name": "brightness", "title": "brightness", "verdict": "darker", "drifts": True, "digits": 2, "median": 0.2,
    "reference": 0.5, "chance": 0.05, "low": 0.02, "high": 0.1, "p_value": 0.001, "places": [0.0, 0.01, 0.02, 0.1, 0.2],
}  # fmt: skip


def told(**change: Any) -> dict[str, Any]:
    errors = {"errors": 3, "error": 0.15, "error_low": 0.05, "error_high": 0.3}
    point = {"threshold": 0.5, "accepted": 20, "coverage": 1.0, **errors}
    model = {"file": "runs/<i>m</i>.onnx", "recipe": "bottleneck", "backbone": "pocket"}
    left_out = {"learned": ["a/<u>.jpg"], "excluded": [{"path": "b.jpg", "reason": "empty"}]}
    return {
        "format": 1,
        "model": {**model, "classes": CLASSES, "test": None},
        "photos": {"source": "new", "n": 20, "groups": 18, **left_out},
        "test": SCORES,
        "promise": {"sentence": "85.0 % of these 20 photos are named right."},
        "classes": [{"name": name, "photos": 10, "recall": SHARE, "precision": SHARE, "f1": SHARE} for name in CLASSES],
        "calibration": [{"n": 20, "confidence": 0.8, "accuracy": 0.85, "low": 0.6, "high": 0.9}],
        "rejection": {"curve": [{**point, "coverage": 0.5}, point], "wished": []},
        "conformal": {"level": 0.9, "coverage": 0.95, "coverage_low": 0.8, "coverage_high": 1.0, "mean_size": 1.2},
        "stranger": {"false_alarms": 2, "n_test": 20, "low": 0.02, "high": 0.3},
        "others": {"false_alarms": 5, "n_test": 6, "low": 0.4, "high": 0.99},
        "drift": {"why": "", "measures": [MEASURE], "sentences": ["The photos are darker."]},
        "notes": ["One photo is <script>odd</script>."],
        **change,
    }  # fmt: skip


def page(folder: Path, **change: Any) -> Page:
    (folder / "evaluation.json").write_text(json.dumps(told(**change)), encoding="utf-8")
    return Page(write_field_test_page(folder))


def test_the_page_shows_all(tmp_path: Path) -> None:
    shown = page(tmp_path)
    for said in (
        "A model on 20 new photos", "of these 20 photos are named right.", "<b>chair</b>", "runs/<i>m</i>.onnx",
        "One photo is <script>odd</script>.", "The photos are darker.", "a/<u>.jpg", "18 where copies count as one",
        "taken for", "none of these",
    ):  # fmt: skip
        assert said in shown.text, said
    images = [attrs for tag, attrs in shown.tags if tag == "img"]
    assert len(images) == 4
    assert all(len(image["alt"] or "") > 20 for image in images)
    assert not [value for value in shown.values("src") if not (value or "").startswith("data:")]
    assert all(tag != "script" for tag, _ in shown.tags)


def test_what_the_model_does_not_know_is_left_out(tmp_path: Path) -> None:
    why = "an early version made this model file"
    nothing = {"value": None, "low": None, "high": None}
    shown = page(
        tmp_path,
        promise=None,
        rejection=None,
        conformal=None,
        stranger=None,
        others=None,
        notes=[],
        drift={"why": why, "measures": [], "sentences": []},
        classes=[{"name": "table", "photos": 0, "recall": nothing, "precision": nothing, "f1": nothing}],
    )
    assert sum(tag == "img" for tag, _ in shown.tags) == 2
    assert why in shown.text
    assert "none of these" not in shown.text
    assert "named right (95" in shown.text


def test_a_folder_without_its_json(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match="tellapart evaluate"):
        write_field_test_page(tmp_path)
    (tmp_path / "evaluation.json").write_text('{"format": 2}', encoding="utf-8")
    with pytest.raises(RunFolderError, match="another version"):
        write_field_test_page(tmp_path)
