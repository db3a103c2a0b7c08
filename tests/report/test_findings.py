import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tellapart.errors import RunFolderError
from tellapart.report.findings import read_findings


def write(folder: Path, **change: Any) -> Path:
    """An audit with one finding of three photos, of which one has a thumbnail."""
    place = folder / "figures" / "audit"
    place.mkdir(parents=True)
    Image.new("RGB", (20, 10), (200, 10, 10)).save(place / "00.jpg")
    told = {
        "format": 1,
        "counts": {"problem": 0, "warning": 1, "note": 0},
        "findings": [{"severity": "warning", "what": "W.", "advice": "A.", "paths": ["a.jpg", "b.jpg", "c.jpg"]}],
        "groups": [],
        "classes": [],
        "thumbnails": {"a.jpg": "figures/audit/00.jpg", "b.jpg": "figures/audit/01.jpg", "c.jpg": "../secret.jpg"},
        **change,
    }
    (folder / "audit.json").write_text(json.dumps(told), encoding="utf-8")
    return folder


def test_thumbnails_become_data_and_those_that_are_not_there_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "secret.jpg").write_bytes(b"not for the page")
    audit = read_findings(write(tmp_path / "run"))
    assert audit is not None
    (picture,) = audit["findings"][0]["pictures"]
    assert picture["path"] == "a.jpg"
    assert picture["source"].startswith("data:image/jpeg;base64,/9j/")


def test_photos_with_suspicious_labels_carry_what_is_said_of_them(tmp_path: Path) -> None:
    """In the order of the list, not of the finding, and those without a thumbnail left out."""
    finding = {"kind": "wrong-label", "severity": "warning", "what": "W.", "advice": "A.", "paths": ["a.jpg"]}
    labels = [
        {"path": path, "class": "bed", "proposed": "sofa", "suspicion": 0.9, "probable": path == "a.jpg"}
        for path in ("b.jpg", "d.jpg", "a.jpg")
    ]
    folder = write(tmp_path / "run", findings=[finding], labels=labels, labels_checked=50)
    Image.new("RGB", (20, 10)).save(folder / "figures" / "audit" / "01.jpg")
    audit = read_findings(folder)
    assert audit is not None
    assert [picture["label"] for picture in audit["findings"][0]["pictures"]] == [labels[0], labels[2]]


def test_an_audit_of_an_older_version_has_no_labels(tmp_path: Path) -> None:
    audit = read_findings(write(tmp_path / "run"))
    assert audit is not None
    assert (audit["labels"], audit["labels_checked"]) == ([], 0)


def test_an_older_run_has_no_audit(tmp_path: Path) -> None:
    assert read_findings(tmp_path) is None


@pytest.mark.parametrize("change", [{"format": 2}, {"format": None}])
def test_another_format_is_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    with pytest.raises(RunFolderError, match=r"not whole, or of another version.*Next: tellapart audit"):
        read_findings(write(tmp_path / "run", **change))


@pytest.mark.parametrize("content", ["{", "[]", '{"format": 1}', "\xff"])
def test_a_damaged_file_is_one_line(tmp_path: Path, content: str) -> None:
    (tmp_path / "audit.json").write_text(content, encoding="latin-1")
    with pytest.raises(RunFolderError, match=r"audit\.json.*Next: "):
        read_findings(tmp_path)
