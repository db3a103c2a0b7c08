import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from fake_run import build_run

from tellapart.errors import RunFolderError
from tellapart.report import figures
from tellapart.report.run_folder import read_run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_run(tmp_path_factory.mktemp("runs") / "first")


def test_all_figures_are_drawn_and_drawn_alike_again(run: Path) -> None:
    written = figures.draw_figures(read_run(run))
    trained = ["augmented", "baseline", "bottleneck", "deeper", "finetuned", "tuned"]
    wanted = {f"curves_{name}" for name in trained} | {f"confusion_{name}" for name in [*trained, "majority"]}
    wanted |= {f"{kind}_{name}" for name in trained for kind in ("reliability", "coverage", "classes")}
    assert {path.stem for path in written} == wanted | {
        "class_steps",
        "confusion_steps",
        "curves_all",
        "ladder",
        "learning_curve",
        "tuning_history",
        "tuning_importance",
        "tuning_parallel",
    }
    first = [path.read_bytes() for path in written]
    assert first == [path.read_bytes() for path in figures.draw_figures(read_run(run))]


def test_only_what_the_data_allow_is_drawn(run: Path, tmp_path: Path) -> None:
    shutil.copy(run / "results.json", tmp_path / "results.json")
    drawn = {path.stem.split("_")[0] for path in figures.draw_figures(read_run(tmp_path))}
    assert drawn == {"ladder", "confusion", "reliability", "coverage", "learning"}


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError):
        figures.draw_figures(read_run(tmp_path))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("n", [0, 1, 3, 8])
def test_tiles_are_laid_out_in_rows(n: int) -> None:
    tile = np.zeros((30, 40, 3), dtype=np.uint8)
    figure = figures.augmentation([(f"turned by $x^2$ 😀 {i}", tile) for i in range(n)])
    assert len([axes for axes in figure.axes if axes.images]) == n
    assert "Augmentation" in figure.get_suptitle()


def test_importing_the_package_loads_nothing_heavy() -> None:
    heavy = ["matplotlib", "jinja2", "numpy", "PIL", "keras", "tensorflow", "optuna"]
    code = f"import sys, tellapart.report.page; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
