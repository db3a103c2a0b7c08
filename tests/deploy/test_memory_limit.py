import subprocess
import sys
from pathlib import Path

import pytest

from tellapart.deploy import memory_limit
from tellapart.deploy.memory_limit import at_most_more

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux alone counts the memory of a process")
GIGABYTE = 1 << 30


@linux
def test_more_than_that_is_refused_and_the_limit_goes_away_again() -> None:
    import resource

    before = resource.getrlimit(resource.RLIMIT_DATA)
    with at_most_more(GIGABYTE):
        assert resource.getrlimit(resource.RLIMIT_DATA) != before
        assert len(bytearray(GIGABYTE // 8)) == GIGABYTE // 8
        with pytest.raises(MemoryError):
            bytearray(3 * GIGABYTE)
        with at_most_more(8 * GIGABYTE), pytest.raises(MemoryError):  # the lower limit stays
            bytearray(3 * GIGABYTE)
    assert resource.getrlimit(resource.RLIMIT_DATA) == before


@linux
def test_the_limit_goes_away_after_an_error_too() -> None:
    import resource

    before = resource.getrlimit(resource.RLIMIT_DATA)
    with pytest.raises(ValueError, match="wrong"), at_most_more(GIGABYTE):
        raise ValueError("wrong")
    assert resource.getrlimit(resource.RLIMIT_DATA) == before


@linux
def test_where_the_system_does_not_tell_nothing_is_limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import resource

    before = resource.getrlimit(resource.RLIMIT_DATA)
    (tmp_path / "status").write_text("Name: x\n")
    for place in (tmp_path / "none", tmp_path / "status"):
        monkeypatch.setattr(memory_limit, "_STATUS", place)
        with at_most_more(0):
            assert resource.getrlimit(resource.RLIMIT_DATA) == before


@linux
def test_a_limit_of_the_user_stays() -> None:
    program = (
        "import resource; from tellapart.deploy.memory_limit import at_most_more\n"
        "own = (700 << 20, 800 << 20); resource.setrlimit(resource.RLIMIT_DATA, own)\n"
        "with at_most_more(8 << 30): print(resource.getrlimit(resource.RLIMIT_DATA) == own)\n"
        "print(resource.getrlimit(resource.RLIMIT_DATA) == own)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "True"]
