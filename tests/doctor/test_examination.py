from collections.abc import Iterator
from pathlib import Path

from scopes import scope_of

from tellapart.doctor.examination import CHECKS, examine, mended
from tellapart.doctor.finding import REINSTALL, Finding, Scope


def check_of_a_broken_thing(scope: Scope) -> Iterator[Finding]:  # noqa: ARG001  a check's shape
    raise ModuleNotFoundError("No module named 'packaging'")


def check_fine(scope: Scope) -> Iterator[Finding]:
    yield Finding("ok", "this", str(scope.cache))


def fails() -> str:
    raise PermissionError(13, "Permission denied")


def test_no_check_stops_the_others(tmp_path: Path) -> None:
    broken, fine = examine(scope_of(tmp_path), [check_of_a_broken_thing, check_fine])
    assert (broken.state, broken.what, broken.mend) == ("wrong", "of a broken thing", REINSTALL)
    assert "packaging" in broken.found
    assert fine.found == str(tmp_path / "cache")


def test_what_can_be_mended_is_and_what_was_done_is_told() -> None:
    findings = [
        Finding("wrong", "a", "broken", "do it", lambda: "removed 1 files"),
        Finding("wrong", "b", "broken", "do it", fails),
        Finding("wrong", "c", "broken", "do it"),
    ]
    a, b, c = mended(findings)
    assert (a.state, a.found) == ("ok", "mended: removed 1 files")
    assert (b.state, b.found) == ("wrong", "broken; not mended: [Errno 13] Permission denied")
    assert c == findings[2]


def test_every_check_says_what_it_looks_at() -> None:
    assert len(set(CHECKS)) == len(CHECKS) == 20
    for check in CHECKS:
        assert check.__doc__
        assert check.__name__.startswith("check_")
