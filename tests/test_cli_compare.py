"""`tellapart compare` as a user meets it."""

import json
from pathlib import Path

import pytest

from as_user import run
from plain_run import plain_run


@pytest.fixture
def runs(tmp_path: Path) -> list[Path]:
    wrong = {"a": 20, "b": 2}
    return [plain_run(tmp_path / name, range(60), {"baseline": range(n)}).folder for name, n in wrong.items()]


def test_tables_and_a_sentence(runs: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(capsys, "compare", *runs, "--out", tmp_path / "out")
    assert status == 0
    assert "a and b were tested on the same 60 photos" in out
    assert "b/baseline - a/baseline" in out
    assert "Conclusion: On the same 60 test photos: b/baseline is better than a/baseline (+30.0 points" in out
    assert out.endswith(f"Page: {tmp_path / 'out' / 'compare.html'}\n")


def test_json(runs: list[Path], capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(capsys, "compare", *runs, "--recipes", "baseline", "--json")
    assert status == 0
    assert json.loads(out)["comparisons"][0]["photos"] == 60


def test_what_can_be_mended_is_one_line_and_status_2(runs: list[Path], capsys: pytest.CaptureFixture[str]) -> None:
    for words in (runs[:1], [runs[0], runs[0]], [runs[0], runs[0].parent], [*runs, "--recipes", "tuned"]):
        status, out, err = run(capsys, "compare", *words)
        assert (status, out) == (2, "")
        assert len(err.strip().splitlines()) == 1
