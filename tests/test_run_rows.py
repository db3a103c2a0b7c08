import json
from pathlib import Path

import pytest

from plain_run import plain_run
from tellapart.errors import RunFolderError
from tellapart.run import Run
from tellapart.run_rows import rows_of, source_of


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return plain_run(tmp_path / "run", range(30), {"baseline": []})


def test_rows_come_in_the_order_of_their_paths_with_their_content(run: Run) -> None:
    rows = rows_of(run, "")
    assert [row.path for row in rows] == sorted(row.path for row in rows)
    assert all(row.content for row in rows)
    assert {"train", "test"} & {row.part for row in rows}


def test_an_older_run_knows_no_content(run: Run) -> None:
    (run.folder / "photos.csv").unlink()
    assert {row.content for row in rows_of(run, "")} == {""}


def test_a_run_without_its_split_is_told_with_what_to_type(run: Run) -> None:
    (run.folder / "split.csv").unlink()
    with pytest.raises(RunFolderError, match=r"no split\.csv\. Next: this"):
        rows_of(run, "this")


def test_the_first_place_that_is_there_is_the_source(run: Run, tmp_path: Path) -> None:
    here, gone = str(tmp_path), str(tmp_path / "gone")
    for absolute, typed, found in ((here, gone, tmp_path), (gone, here, tmp_path), (gone, gone, None)):
        told = run.results | {"settings": {"photos_absolute": absolute, "photos": typed}}
        (run.folder / "results.json").write_text(json.dumps(told), encoding="utf-8")
        assert source_of(Run(run.folder)) == found
