"""The soak of `tests/long/soak_server.py` for ten seconds: mixed requests at twice the capacity, workers killed."""

import sys
from pathlib import Path

import pytest
from soak_server import Served, capacity, good_photos, soak

from served_model import served_content

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="processes are looked up in /proc"),
]


def test_mixed_requests_and_killed_workers_leave_no_wrong_answer_and_nobody_unanswered(tmp_path: Path) -> None:
    model = tmp_path / "model.onnx"
    model.write_bytes(served_content())
    photos, served = good_photos(model, 6), Served(model)
    try:
        can = capacity(served.port, photos, 2)
        found = soak(served, photos, 2 * can, seconds=10, kills=1)
        assert found.tally.faults == []
        assert found.tally.counts["good", "200, right"] > 0
        assert found.killed > 0
        assert served.end() == 0
    finally:
        served.process.kill()
        served.process.communicate()
