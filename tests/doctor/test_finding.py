import dataclasses
from pathlib import Path

import pytest

from tellapart.doctor.finding import Finding, Scope


def test_a_finding_needs_nothing_to_mend() -> None:
    finding = Finding("ok", "clock", "right")
    assert (finding.mend, finding.repair) == ("", None)
    with pytest.raises(dataclasses.FrozenInstanceError):
        finding.state = "wrong"  # type: ignore[misc]


def test_a_look_is_quick_unless_it_is_asked_for() -> None:
    assert not Scope(Path("cache"), Path("store")).thorough
