import json
from pathlib import Path

import numpy as np
import pytest

from tellapart.explain.centre import as_rows, outside_of, shortcuts_of, warnings_of


def test_the_interval_is_students() -> None:
    shares = [0.6, 0.7, 0.8, 0.7]
    row = outside_of("a", shares, [])
    assert row.outside == pytest.approx(0.7)
    # t of 3 degrees of freedom at 97.5 %: 3.182
    assert row.low == pytest.approx(0.7 - 3.182 * np.std(shares, ddof=1) / 2, abs=1e-3)
    assert row.high == pytest.approx(0.7 + 3.182 * np.std(shares, ddof=1) / 2, abs=1e-3)


def test_a_warning_needs_edges_and_a_shortcut_and_enough_photos() -> None:
    far, near = [0.8, 0.82, 0.78, 0.8], [0.3, 0.32, 0.28, 0.3]
    rows = [
        outside_of("far", far, ["sharpness", "width"]),
        outside_of("far but clean", far, []),
        outside_of("near", near, ["sharpness"]),
        outside_of("few", far[:3], ["sharpness"]),
        outside_of("unsure", [0.1, 0.9, 0.9, 0.6], ["sharpness"]),
    ]
    (warning,) = warnings_of(rows)
    assert warning["class"] == "far"
    assert "80" in warning["what"]
    assert "sharpness and width" in warning["what"]
    assert "of the other classes 63" in warning["what"].replace("\N{NO-BREAK SPACE}", " ")
    assert warning["advice"]
    assert [row["suspicious"] for row in as_rows(rows)] == [True, False, False, False, False]
    json.dumps(as_rows(rows))


def test_of_a_single_class_there_is_nothing_to_compare() -> None:
    (warning,) = warnings_of([outside_of("far", [0.8, 0.8, 0.8, 0.8], ["width"])])
    assert "other classes" not in warning["what"]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ('{"shortcut": null}', {}),
        ("{}", {}),
        ("[]", {}),
        ("no JSON", {}),
        ('{"shortcut": {"possible": false, "given_away": [{"label": "a", "feature": "width"}]}}', {}),
        (
            '{"shortcut": {"possible": true, "given_away": [{"label": "a", "feature": "width"},'
            '{"label": "b", "feature": "light"}, {"label": "a", "feature": "height"}]}}',
            {"a": ("width", "height"), "b": ("light",)},
        ),
    ],
)
def test_shortcuts_are_read_from_the_audit(tmp_path: Path, content: str, expected: dict[str, tuple[str, ...]]) -> None:
    assert shortcuts_of(tmp_path) == {}
    (tmp_path / "audit.json").write_text(content, encoding="utf-8")
    assert shortcuts_of(tmp_path) == expected
