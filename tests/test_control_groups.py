from pathlib import Path

import pytest

from tellapart import control_groups as module
from tellapart.control_groups import control_groups


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that says which groups this process is in."""
    monkeypatch.setattr(module, "_ROOT", tmp_path)
    monkeypatch.setattr(module, "_OWN", tmp_path / "own")
    return tmp_path / "own"


def names(controller: str, root: Path) -> set[str]:
    found = control_groups(controller)
    assert len(found) == len(set(found))
    return {folder.relative_to(root).as_posix() for folder in found}


def test_every_group_above_this_process_is_found(own: Path, tmp_path: Path) -> None:
    own.write_text("4:memory:/job\n3:cpu,cpuacct:/box/job\n0::/slice/service\n")
    assert names("memory", tmp_path) == {".", "memory", "memory/job", "slice", "slice/service"}
    assert names("cpu", tmp_path) == {".", "cpu", "cpu/box", "cpu/box/job", "slice", "slice/service"}


@pytest.mark.parametrize("text", [None, "", "nonsense", "0::/\n"])
def test_the_topmost_are_found_where_nothing_is_told(own: Path, tmp_path: Path, text: str | None) -> None:
    if text is not None:
        own.write_text(text)
    assert names("cpu", tmp_path) == {".", "cpu"}
