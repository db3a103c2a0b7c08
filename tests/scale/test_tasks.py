"""The seam: tasks know themselves again, and names lead to engines."""

import sys

import pytest

from tellapart.errors import MissingExtraError, OptionError
from tellapart.scale.local import LocalEngine
from tellapart.scale.tasks import Task, open_engine, told_of


def test_a_task_is_known_by_its_inputs() -> None:
    task = Task("a", {"x": 1, "y": ["é", "\udcff"]})
    assert task.fingerprint == Task("b", {"y": ["é", "\udcff"], "x": 1}).fingerprint
    assert task.fingerprint != Task("a", {"x": 2, "y": ["é", "\udcff"]}).fingerprint


def test_engines_by_name() -> None:
    assert isinstance(open_engine(), LocalEngine)
    for on in ("spark", "ray://", "ray://nowhere", "ray://a/b:1"):
        with pytest.raises(OptionError, match="Accepted: local, ray, ray://HOST:PORT"):
            open_engine(on)
    with pytest.raises(OptionError, match="1 or more"):
        open_engine(workers=0)


def test_a_missing_ray_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.setenv("RAY_AUTH_TOKEN", "kept")
    with pytest.raises(MissingExtraError, match=r"tellapart\[ray\]"):
        open_engine("ray")


def test_problems_fit_one_line() -> None:
    assert told_of(ValueError("a\n b")) == "ValueError: a b"
    assert told_of(KeyboardInterrupt()) == "KeyboardInterrupt"
    sent = 'from the server:\nTraceback (most recent call last):\n  File "a.py", line 1\nRuntimeError: no room\n'
    assert told_of(ValueError(sent)) == "ValueError: from the server: RuntimeError: no room"
    assert told_of(ValueError("Traceback (most recent call last)")) == "ValueError"
