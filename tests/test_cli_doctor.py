"""`tellapart doctor` as a user meets it."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from as_user import run
from tellapart.doctor import examination
from tellapart.doctor.finding import Finding, Scope

HEAVY = ("keras", "tensorflow", "numpy", "onnxruntime", "onnx", "torch", "jax", "sklearn", "PIL", "scipy")


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> list[Finding]:
    """Lets a test say what the checks find."""
    told: list[Finding] = []

    def examine(scope: Scope) -> Sequence[Finding]:  # noqa: ARG001  the shape of `examine`
        return list(told)

    monkeypatch.setattr(examination, "examine", examine)
    return told


def test_it_is_quick_and_imports_nothing_heavy() -> None:
    start = time.monotonic()
    command = [sys.executable, "-X", "importtime", "-m", "tellapart.cli", "doctor", "--json"]
    result = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ, timeout=120)
    seconds = time.monotonic() - start
    told = json.loads(result.stdout)
    wrong = [one for one in told if one["state"] == "wrong"]
    assert result.returncode == (2 if wrong else 0)
    assert {one["what"] for one in told} >= {"Python", "numpy", "imports", "training backend", "cache", "text"}
    for heavy in HEAVY:
        assert f" {heavy}\n" not in result.stderr
    # Under 3 seconds on a quiet machine; this one may be busy with other tests.
    assert seconds < 30


def test_nothing_wrong(found: list[Finding], capsys: pytest.CaptureFixture[str]) -> None:
    found += [
        Finding("ok", "numpy", "2.0 (>=1.26): arrays"),
        Finding("ok", "pillow", "12.0 (>=11.0): decodes photos"),
        Finding("absent", "tellapart[jax]", "not installed", 'pip install "tellapart[jax]"'),
        Finding("warn", "load", "busy", "top"),
    ]
    status, out, _ = run(capsys, "doctor")
    assert status == 0
    assert "2 are here, and new enough" in out
    assert 'pip install "tellapart[jax]"' in out
    assert "2 fine, 1 not installed, 1 to know, 0 to mend" in out
    assert "2.0 (>=1.26)" in run(capsys, "doctor", "--thorough")[1]


def test_something_wrong_is_status_2(found: list[Finding], capsys: pytest.CaptureFixture[str]) -> None:
    found.append(Finding("wrong", "clock", "it is 1970", "sudo timedatectl set-ntp true"))
    status, out, said = run(capsys, "doctor")
    assert status == 2
    assert "WRONG" in out
    assert "sudo timedatectl set-ntp true" in out
    assert said == "tellapart: 1 to mend: clock. Next: the commands of that table\n"


def test_mending_says_what_it_did(found: list[Finding], capsys: pytest.CaptureFixture[str]) -> None:
    found.append(Finding("wrong", "cache", "damaged", "tellapart doctor --mend", lambda: "removed 3 files"))
    assert run(capsys, "doctor")[0] == 2
    status, out, _ = run(capsys, "doctor", "--mend")
    assert status == 0
    assert "mended: removed 3 files" in out


def test_names_cannot_spoil_the_table(found: list[Finding], capsys: pytest.CaptureFixture[str]) -> None:
    found.append(Finding("warn", "cache", "[red]/tmp/\x1b[2Ja[/red]", "rm"))
    out = run(capsys, "doctor")[1]
    assert "[red]" in out
    assert "\x1b[2J" not in out


@pytest.mark.usefixtures("found")
def test_a_run_is_looked_at_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(capsys, "doctor", tmp_path, "--json")
    assert status == 2
    (told,) = json.loads(out)
    assert told["found"] == "holds no run"
    assert run(capsys, "doctor", tmp_path / "gone")[0] == 2
