"""The notebooks of the two exercises: every cell runs, on a tiny drawn set."""

import json
import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from brief import SCRIPT
from tellapart.demo.furniture_set import draw_furniture
from tellapart.progress import Silent
from tellapart.run import Run

REPOSITORY = Path(__file__).parent.parent
NOTEBOOKS = [REPOSITORY / "docs" / name for name in ("furniture.ipynb", "food.ipynb")]
# In the place of the settings of the exercise: no weights from a network, and seconds instead of minutes.
TINY = f"""{SCRIPT}
SIZE, BATCH, EPOCHS, WEIGHTS, BACKBONE = 32, 16, 1, None, "pocket"
GRID = {{"dropout": (0.3,), "rate": (1e-3,)}}
TELLAPART = {{"image_size": 32, "epochs": 1, "trials": 1, "search_time": 60}}
"""


def read(path: Path) -> nbformat.NotebookNode:
    return nbformat.read(path, as_version=4)


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("notebooks") / "photos"
    planted = draw_furniture(folder, photos_per_class=9, progress=Silent())
    planted.broken.unlink()  # plain Keras ends at a file that it cannot read
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_cell_runs(path: Path, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "NOTEBOOK_PHOTOS": photos,
        "NOTEBOOK_RUNS": tmp_path,
        "PYTHONPATH": REPOSITORY / "src",
        "TELLAPART_OFFLINE": "1",
    }.items():
        monkeypatch.setenv(name, str(value))
    notebook = read(path)
    place = next(n for n, cell in enumerate(notebook.cells) if "parameters" in cell.metadata.get("tags", ()))
    notebook.cells.insert(place + 1, nbformat.v4.new_code_cell(TINY))
    NotebookClient(notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": tmp_path}}).execute()
    run = Run(tmp_path / path.stem)
    shown = json.dumps(notebook)
    assert run.results["best"]["why"] in shown.replace("\\n", " ")
    pictures = [
        output for cell in notebook.cells for output in cell.get("outputs", ()) if "image/png" in output.get("data", {})
    ]
    assert len(pictures) >= 6


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_is_a_notebook_without_outputs_or_places_of_a_machine(path: Path) -> None:
    notebook = read(path)
    nbformat.validate(notebook)
    for cell in notebook.cells:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"/(home|Users|work|tmp|root)/|[A-Z]:\\\\", text)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_each_step_stands_twice(path: Path) -> None:
    """Plain Keras first, then Tellapart."""
    titles = re.findall(r"^#+ (.*)$", "\n".join(c.source for c in read(path).cells if c.cell_type == "markdown"), re.M)
    steps = [title for title in titles if title.startswith(("In plain", "With"))]
    assert len(steps) >= 10
    assert steps == ["In plain Keras", "With Tellapart"] * (len(steps) // 2)
