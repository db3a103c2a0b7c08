import json
from pathlib import Path
from typing import Any

import pytest
from fake_run import build_run

from tellapart.errors import RunFolderError
from tellapart.report.run_folder import read_record, read_run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_run(tmp_path_factory.mktemp("runs") / "first")


def changed(run: Path, target: Path, change: dict[str, Any]) -> Path:
    results = json.loads((run / "results.json").read_text(encoding="utf-8"))
    target.mkdir(exist_ok=True)
    (target / "results.json").write_text(json.dumps({**results, **change}), encoding="utf-8")
    return target


def test_a_run_is_read(run: Path) -> None:
    folder = read_run(run)
    assert folder.best["name"] == "bottleneck"
    assert len(folder.recipes) == 7
    assert folder.table("split.csv")[0]["class"] == "bed"
    assert folder.figure("augmentation") == run / "figures" / "augmentation.png"


def test_what_is_not_there_is_empty(run: Path) -> None:
    folder = read_run(run)
    assert folder.table("recipes", "none", "history.csv") == []
    assert folder.figure("none") is None


def test_a_folder_without_results_is_told_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match=r"no results\.json. Next: tellapart fit") as caught:
        read_run(tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", ["", "{", "[]", "3", '{"format": 2}', "{}"])
def test_other_files_are_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "results.json").write_text(content, encoding="utf-8")
    with pytest.raises(RunFolderError, match="Next: "):
        read_run(tmp_path)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"recipes": []}, "no recipes"),
        ({"recipes": ["a"]}, "called None"),
        ({"recipes": [{"name": "../../escape"}]}, r"\.\./\.\./escape"),
        ({"recipes": [{"name": "a"}]}, r"lacks seconds\.total"),
        ({"best": {"recipe": "gone", "why": ""}}, "'gone' is none"),
        ({"photos": 3}, r"lacks photos\.classes"),
        ({"photos": {"classes": ["a", "b"], "counts": {}}}, "is not 2 by 2"),
    ],
)
def test_what_is_missing_is_named(run: Path, tmp_path: Path, change: dict[str, Any], said: str) -> None:
    with pytest.raises(RunFolderError, match=said):
        read_run(changed(run, tmp_path, change))


def test_a_table_that_is_none_is_an_error(run: Path, tmp_path: Path) -> None:
    folder = read_run(changed(run, tmp_path, {}))
    (tmp_path / "split.csv").write_bytes(b"\xff\xfe\x00,\x80")
    with pytest.raises(RunFolderError, match="cannot be read as a table"):
        folder.table("split.csv")


@pytest.mark.parametrize("content", [None, "", "{", "[]", '{"format": 2}'])
def test_a_record_that_is_no_record_is_told_with_what_to_type(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "compare.json"
    if content is not None:
        file.write_text(content, encoding="utf-8")
    with pytest.raises(RunFolderError, match="Next: this again"):
        read_record(file, "Next: this again")


def test_a_record_is_read_whole(tmp_path: Path) -> None:
    (tmp_path / "compare.json").write_text('{"format": 1, "more": [2]}', encoding="utf-8")
    assert read_record(tmp_path / "compare.json", "") == {"format": 1, "more": [2]}
