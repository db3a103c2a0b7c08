"""Shared by all tests: no test reads or fills the user's own cache, store or network."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

SHARED = Path(__file__).parent.parent.parent / "shared"


@pytest.fixture(autouse=True)
def private_places(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test has a cache and a weight store of its own."""
    place = tmp_path_factory.mktemp("private")
    monkeypatch.setenv("TELLAPART_CACHE", str(place / "cache"))
    monkeypatch.setenv("TELLAPART_WEIGHTS", str(place / "weights"))
    monkeypatch.delenv("TELLAPART_OFFLINE", raising=False)


@pytest.fixture
def closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without a way out, its weight store and Keras' cache empty."""
    monkeypatch.setenv("TELLAPART_OFFLINE", "1")
    monkeypatch.setenv("TELLAPART_WEIGHTS", str(tmp_path / "store"))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))


@pytest.fixture
def shared() -> Path:
    """The folder of real photos and weights beside the repository; without it the test is skipped."""
    if not SHARED.is_dir():
        pytest.skip("the real photos and weights (../shared) are not here")
    return SHARED


@pytest.fixture
def record_property(record_property: Callable[[str, object], None]) -> Callable[[str, object], None]:
    """As pytest's own, but NumPy's numbers become plain ones: processes side by side send nothing else."""
    return lambda name, value: record_property(name, value.item() if isinstance(value, np.generic) else value)
