from pathlib import Path

import pytest
from test_findings import write
from test_page import Page

from tellapart.errors import RunFolderError
from tellapart.report.audit_page import write_audit_page

SIZE = {
    "label": "<script>alert(1)</script>",
    "photos": 40,
    "test_photos": 8,
    "half_width": 0.285,
    "photos_for_10_points": 465,
    "photos_for_5_points": 1905,
}


def test_the_page_shows_findings_thumbnails_and_class_sizes(tmp_path: Path) -> None:
    page = Page(write_audit_page(write(tmp_path / "audit", classes=[SIZE])))
    assert "0 problems, 1 warning and 0 notes" in page.text
    assert "W." in page.text
    assert "465" in page.text
    sources = page.values("src")
    assert len(sources) == 1
    assert sources[0].startswith("data:image/jpeg;base64,")


def test_hostile_names_stay_text(tmp_path: Path) -> None:
    finding = {"severity": "note", "what": "<img src=x onerror=alert(1)>", "advice": "A.", "paths": ["<b>.jpg"]}
    target = write_audit_page(write(tmp_path / "audit", classes=[SIZE], findings=[finding]))
    page = Page(target)
    assert "script" not in {tag for tag, _ in page.tags}
    assert page.values("src") == []
    assert "<script>alert(1)</script>" in page.text
    assert "default-src 'none'" in target.read_text(encoding="utf-8")


def test_suspicious_labels_are_a_gallery(tmp_path: Path) -> None:
    finding = {"kind": "wrong-label", "severity": "warning", "what": "W.", "advice": "A.", "paths": ["a.jpg"]}
    label = {"path": "a.jpg", "class": "<i>bed", "proposed": "sofa", "suspicion": 0.987, "probable": True}
    told = {"classes": [SIZE], "labels": [label], "labels_checked": 1000}
    page = Page(write_audit_page(write(tmp_path / "audit", findings=[finding], **told)))
    assert "probable “<i>bed”; looks like “sofa”. Suspicion 0.99. a.jpg" in page.text
    assert "1,000 labels checked" in page.text
    assert "Suspicion is 1 less that probability" in page.text
    doubtful = {**label, "proposed": "<i>bed", "probable": False}
    told = {"classes": [SIZE], "labels": [doubtful], "labels_checked": 1000}
    page = Page(write_audit_page(write(tmp_path / "other", findings=[finding], **told)))
    assert "“<i>bed”; likeliest all the same." in page.text
    assert "None looks wrong." in page.text


def test_nothing_wrong_is_said_too(tmp_path: Path) -> None:
    assert "found nothing wrong" in Page(write_audit_page(write(tmp_path / "a", classes=[SIZE], findings=[]))).text


def test_a_folder_without_an_audit_is_told(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match="holds no audit"):
        write_audit_page(tmp_path)


def test_a_finding_that_lacks_something_is_told(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match="not whole"):
        write_audit_page(write(tmp_path / "a", findings=[{"severity": "note", "paths": []}]))
