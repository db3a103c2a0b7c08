"""Shared by all tests: no test reads or fills the user's own cache, store or network."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

if "PYTEST_XDIST_WORKER" in os.environ and hasattr(os, "sched_setaffinity"):
    # Test processes side by side share the cores out: with the threads of each on all of them they wait for one
    # another. Here, before NumPy's arithmetic is loaded, which counts its threads then.
    number, count = os.environ["PYTEST_XDIST_WORKER"].removeprefix("gw"), os.environ["PYTEST_XDIST_WORKER_COUNT"]
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, cores[int(number) % len(cores) :: int(count)])

# Files that take minutes: the first to be dealt out, so that no process is left with one alone.
LONG = (
    "test_pipeline", "test_training_tasks", "test_notebooks", "test_methods", "test_kills", "test_docs",
    "test_trial_tasks", "test_page_in_browser", "test_cli", "test_recipes", "test_page", "test_disk", "test_keras_file",
    "test_keeper", "test_reproduction", "test_hub", "test_onnx_network", "test_comparison",
)  # fmt: skip
SHARED = Path(__file__).parent.parent.parent / "shared"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long files first; all others stay in their order."""
    items.sort(key=lambda item: LONG.index(item.path.stem) if item.path.stem in LONG else len(LONG))


@pytest.fixture(autouse=True)
def private_places(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test has a cache and a weight store of its own."""
    place = tmp_path_factory.mktemp("private")
    monkeypatch.setenv("TELLAPART_CACHE", str(place / "cache"))
    monkeypatch.setenv("TELLAPART_WEIGHTS", str(place / "weights"))
    monkeypatch.delenv("TELLAPART_OFFLINE", raising=False)


@pytest.fixture(scope="module")
def briefly() -> Iterator[None]:
    """For tests of runs of which neither explanations, tried whole in `explain`, nor figures are looked at.

    Processes of their own (the demo, the notebooks, kills) train as users do: traced.
    """
    from brief import brief

    with brief() as patch:
        patch.setattr("tellapart.report.page.draw_figures", lambda _: [])
        yield


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
    import numpy as np

    return lambda name, value: record_property(name, value.item() if isinstance(value, np.generic) else value)
