import io
import os
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from scopes import only, scope_of

from tellapart.doctor import surroundings
from tellapart.doctor.surroundings import (
    check_clock,
    check_network,
    check_permissions,
    check_temporary_files,
    check_text,
)
from tellapart.version import MADE

NOW = datetime(2027, 3, 1, tzinfo=UTC).timestamp()


@pytest.fixture(autouse=True)
def in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("TMPDIR", "TEMP", "TMP", "PYTHONIOENCODING", "TELLAPART_MIRROR"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(time, "time", lambda: NOW)


def test_the_clock(tmp_path: Path) -> None:
    assert only(check_clock, scope_of(tmp_path)).found == "2027-03-01 00:00 UTC"


@pytest.mark.parametrize("now", [0.0, datetime.fromisoformat(MADE).replace(tzinfo=UTC).timestamp() - 100_000])
def test_a_clock_that_was_never_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, now: float) -> None:
    monkeypatch.setattr(time, "time", lambda: now)
    finding = only(check_clock, scope_of(tmp_path))
    assert (finding.state, finding.mend) == ("wrong", "sudo timedatectl set-ntp true")


def test_files_from_the_future(tmp_path: Path) -> None:
    scope = scope_of(tmp_path)
    scope.cache.mkdir()
    file = scope.cache / "times.json"
    file.write_text("{}")
    os.utime(file, (NOW + 200_000,) * 2)
    assert only(check_clock, scope).state == "warn"
    os.utime(file, (NOW - 5,) * 2)
    assert only(check_clock, scope).state == "ok"


def test_text_of_any_script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), "utf-8"))
    assert only(check_text, scope_of(tmp_path)).state == "ok"


@pytest.mark.parametrize("forced", [True, False])
def test_a_terminal_that_prints_ascii(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, forced: bool) -> None:
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), "ascii"))
    if forced:
        monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    finding = only(check_text, scope_of(tmp_path))
    assert finding.state == "wrong"
    assert finding.mend == ("unset PYTHONIOENCODING" if forced else "export PYTHONUTF8=1")


def test_names_of_files_in_latin_letters_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "getfilesystemencoding", lambda: "iso8859-1")
    finding = only(check_text, scope_of(tmp_path))
    assert (finding.state, finding.mend) == ("wrong", "export PYTHONUTF8=1")


def test_temporary_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert only(check_temporary_files, scope_of(tmp_path)).state == "ok"
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "gone", tmp_path / "file"):
        monkeypatch.setenv("TMPDIR", str(folder))
        finding = only(check_temporary_files, scope_of(tmp_path))
        assert (finding.state, finding.mend) == ("wrong", "unset TMPDIR")


def test_nowhere_for_temporary_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere() -> str:
        raise FileNotFoundError(2, "No usable temporary directory found")

    monkeypatch.setattr(tempfile, "gettempdir", nowhere)
    assert only(check_temporary_files, scope_of(tmp_path)).state == "wrong"


@pytest.mark.parametrize(("mask", "state"), [("0022", "ok"), ("0077", "ok"), ("0777", "wrong"), ("0000", "warn")])
def test_the_permissions_of_new_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mask: str, state: str) -> None:
    (tmp_path / "status").write_text(f"Name:\tpython\nUmask:\t{mask}\n")
    monkeypatch.setattr(surroundings, "_STATUS", tmp_path / "status")
    assert only(check_permissions, scope_of(tmp_path)).state == state


def test_a_system_that_does_not_tell_its_umask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(surroundings, "_STATUS", tmp_path / "none")
    assert not list(check_permissions(scope_of(tmp_path)))


def test_the_network_is_not_tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert only(check_network, scope_of(tmp_path)).found.startswith("not tried")
    monkeypatch.setenv("TELLAPART_OFFLINE", "1")
    assert "forbidden" in only(check_network, scope_of(tmp_path)).found
    monkeypatch.setenv("TELLAPART_OFFLINE", "0")
    monkeypatch.setenv("TELLAPART_MIRROR", "https://mirror.example")
    assert "from https://mirror.example" in only(check_network, scope_of(tmp_path)).found


@pytest.mark.parametrize(
    ("variable", "value", "mend"),
    [
        ("TELLAPART_OFFLINE", "true", "export TELLAPART_OFFLINE=1"),
        ("TELLAPART_MIRROR", "mirror.example", "unset TELLAPART_MIRROR"),
    ],
)
def test_a_setting_that_means_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, mend: str
) -> None:
    monkeypatch.setenv(variable, value)
    finding = only(check_network, scope_of(tmp_path))
    assert (finding.state, finding.mend) == ("wrong", mend)
