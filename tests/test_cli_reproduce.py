"""`tellapart reproduce` as a user meets it."""

import json
from pathlib import Path

import pytest

import tellapart as ta
from as_user import run
from reproduced_run import copied, small_run

pytestmark = pytest.mark.slow


@pytest.fixture(scope="session")
def first(tmp_path_factory: pytest.TempPathFactory) -> ta.Run:
    return small_run(tmp_path_factory.mktemp("reproduce"), recipes="majority")


def test_the_same_is_status_0(first: ta.Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(capsys, "reproduce", first.folder, "--out", tmp_path / "again")
    assert status == 0
    assert "largest difference" in out
    assert "the same bytes" in out
    assert "Photos, split, chosen recipe, weights and environment: the same." in out
    assert out.endswith("Result: the same, to the byte.\n")


def test_a_difference_is_status_1(first: ta.Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old = copied(first, tmp_path / "old", lambda r: r["settings"].update(seed=1))
    old.results["environment"]["packages"].pop("numpy")
    (tmp_path / "old" / "results.json").write_text(json.dumps(old.results), encoding="utf-8")
    status, out, err = run(capsys, "reproduce", tmp_path / "old")
    assert status == 1
    assert "Split: " in out
    assert "in another part (" in out
    assert "Environment: numpy was not there, is " in out
    assert "Probable reason: photos are in other parts of the split." in out
    assert out.endswith("Result: it differs.\n")
    assert "Traceback" not in err


def test_json(first: ta.Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(capsys, "reproduce", first.folder, "--out", tmp_path / "again", "--json")
    assert status == 0
    told = json.loads(out)
    assert told == json.loads((tmp_path / "again" / "reproduction.json").read_text(encoding="utf-8"))
    assert told["recipes"][0]["accuracy"]["before"] == first.results["recipes"][0]["test"]["accuracy"]


def test_what_can_be_mended_is_status_2(first: ta.Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    copied(first, tmp_path / "gone", lambda r: r["settings"].update(photos="no", photos_absolute="/no/where"))
    status, out, err = run(capsys, "reproduce", tmp_path / "gone")
    assert (status, out) == (2, "")
    assert len(err.strip().splitlines()) == 1
    assert "--photos FOLDER" in err
    status, _, err = run(capsys, "reproduce", tmp_path)
    assert status == 2
    assert "no finished run" in err
