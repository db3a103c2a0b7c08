"""The warning about maps at the edges: where the audit found a shortcut, and nowhere else."""

from pathlib import Path

import pytest

from tellapart.explain.centre import as_rows, outside_of, shortcuts_of, warnings_of
from tellapart.files import write_json, write_text


def test_a_class_with_a_shortcut_and_maps_at_the_edges_is_warned_of() -> None:
    edge = outside_of("bed", [0.8, 0.85, 0.9, 0.82, 0.88], ["width"])
    calm = outside_of("chair", [0.3, 0.35, 0.32, 0.31, 0.3], [])
    (warning,) = warnings_of([calm, edge])
    assert warning["class"] == "bed"
    assert "85\u00a0%" in warning["what"]
    assert "width" in warning["what"]


@pytest.mark.parametrize(
    ("shares", "features"),
    [
        ([0.8, 0.85, 0.9, 0.82, 0.88], []),  # no shortcut
        ([0.3, 0.2, 0.25, 0.3, 0.2], ["width"]),  # in the middle
        ([0.9, 0.1, 0.95, 0.2], ["width"]),  # too uncertain
        ([0.9, 0.95], ["width"]),  # too few
    ],
)
def test_without_either_there_is_no_warning(shares: list[float], features: list[str]) -> None:
    assert warnings_of([outside_of("bed", shares, features)]) == []


def test_rows_for_json_name_what_was_found() -> None:
    (row,) = as_rows([outside_of("bed", [0.5] * 5, ["width"])])
    assert row["photos"] == 5
    assert row["features"] == ["width"]
    assert row["suspicious"] is False


def test_shortcuts_are_read_from_the_audit(tmp_path: Path) -> None:
    assert shortcuts_of(tmp_path) == {}
    given = [{"label": "bed", "feature": "width"}, {"label": "bed", "feature": "light"}]
    write_json(tmp_path / "audit.json", {"shortcut": {"possible": True, "given_away": given}})
    assert shortcuts_of(tmp_path) == {"bed": ("width", "light")}
    write_json(tmp_path / "audit.json", {"shortcut": {"possible": False, "given_away": given}})
    assert shortcuts_of(tmp_path) == {}
    write_text(tmp_path / "audit.json", "[")
    assert shortcuts_of(tmp_path) == {}
