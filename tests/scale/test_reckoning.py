"""The tables of docs/scale.md are those that the script makes of the measurements in the repository."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

BENCHMARKS = Path(__file__).parent.parent.parent / "benchmarks"


@pytest.fixture(scope="module")
def reckoning() -> ModuleType:
    spec = importlib.util.spec_from_file_location("reckoning", BENCHMARKS / "reckoning.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_has_the_tables_of_the_measurements(reckoning: ModuleType) -> None:
    told = reckoning.tables(reckoning.measured())
    assert f"{reckoning.BEGIN}\n\n{told}\n\n{reckoning.END}" in reckoning.PAGE.read_text()


def test_the_arithmetic(reckoning: ModuleType) -> None:
    known = {
        "rates": {"MobileNetV2, 224 px": 100.0},
        "names_a_second": 200_000.0,
        "client": 50.0,
        "shards_kept_a_second": 100.0,
        "bytes_of_memory_a_shard": 1_000.0,
        "bytes_of_manifest_a_shard": 500.0,
        "seconds_of_processor_a_comparison": 9.0,
        "bytes_a_row": {"looks": 4_000.0, "predictions of 4 classes": 50.0, "features of MobileNetV2": 5_000.0},
    }
    computing, driver, moved, copies, published, _ = reckoning.tables(known).split("\n\n")
    # 10^6 photos at 100 a second are 2.8 core-hours; on 64 cores 2.6 minutes; at 5 cents 14 cents.
    assert "| MobileNetV2, 224 px | 100 | 2.8; 0.043; 0.14 | 2,800; 0.68; 140 |" in computing
    assert "| going through the names, twice | 10 s | 2.8 h | 2.8 h |" in driver
    assert "| tasks sent, through `ray://` | 20 s | 5.6 h | 33 min |" in driver
    assert "| so at least, however many cores | 25 s | 6.9 h | 2.8 h |" in driver
    assert "| memory for what is told of files | 1 MB | 1 GB | 100 MB |" in driver
    assert "| photos read | 100 GB | 100 TB | workers |" in moved
    # 40 pieces are 780 pairs of them; 9 seconds each are 1.95 hours.
    assert "| 100,000 | 780 | 1.9 | 0.098 | 400 MB |" in copies or "| 100,000 | 780 | 2 | 0.098 | 400 MB |" in copies
    assert "| 32 processors and one L4 each | 899 | 28 | 39" in published
