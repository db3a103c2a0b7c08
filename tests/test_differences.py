from pathlib import Path

from plain_run import plain_run
from tellapart.differences import (
    Pair,
    differences,
    entries_of,
    environment_of,
    moved_between,
    photos_between,
    settings_of,
    weights_of,
)


def test_photos_and_parts_that_changed(tmp_path: Path) -> None:
    first = plain_run(tmp_path / "a", [0, 1], {"baseline": []}, n=6)
    second = plain_run(tmp_path / "b", [1, 2], {"baseline": []}, n=7)
    assert photos_between(first, second) == {"new": ["chair/006.jpg"], "gone": [], "changed": []}
    assert moved_between(first, second) == ["chair/000.jpg", "chair/002.jpg"]
    table = second.folder / "photos.csv"
    table.write_text(table.read_text(encoding="utf-8").replace("chair/000.jpg,chair,", "chair/000.jpg,table,"))
    assert photos_between(first, second)["changed"] == ["chair/000.jpg"]


def test_what_a_run_says_of_itself(tmp_path: Path) -> None:
    run = plain_run(tmp_path / "a", [0, 1], {"baseline": [], "deeper": []}, n=6)
    assert list(entries_of(run)) == ["baseline", "deeper"]
    assert settings_of(run) == {"seed": 0}
    assert environment_of(run) == {"python": "3.12.1", "numpy": "2.0.0"}
    run.results["settings"]["weights_files"] = {"vgg16": {"file": "v.h5", "sha256": "abc"}}
    assert weights_of(run) == {"vgg16": "abc"}
    del run.results["settings"], run.results["environment"]  # an early version
    assert settings_of(run) == weights_of(run) == environment_of(run) == {}


def test_only_what_differs_is_told() -> None:
    found = differences({"a": 1, "b": 2}, {"a": 1, "b": 3, "c": 4})
    assert found == {"b": Pair(2, 3), "c": Pair(None, 4)}
    assert not found["c"].same
