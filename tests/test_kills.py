"""Ten kills at random moments; two hundred, in every part of the whole ladder, are `tests/long/kills.py`."""

import os
from pathlib import Path

import pytest
from kills import kill_often

SETTINGS = ("--recipes", "baseline,linear", "--backbone", "pocket", "--image-size", "32", "--epochs", "6")


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="there are no such signals")
def test_a_run_that_is_killed_again_and_again_ends_as_one_that_is_not(tmp_path: Path) -> None:
    tally = kill_often(tmp_path, 10, 5.0, seed=1, settings=SETTINGS)
    assert tally.kills == 10
    assert not tally.unreadable
    assert not tally.failed
    assert not tally.left
    assert len(tally.parts) > 1
    assert not tally.differing
