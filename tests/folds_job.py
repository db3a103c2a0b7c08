"""Two recipes in three folds, in a process of its own, which can be killed, and in which Ray can be started."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from ladder_set import draw_shapes
from tellapart.climb import Climb
from tellapart.cross_validation import climb_in_folds
from tellapart.files import write_json
from tellapart.models.choice import resolve
from tellapart.models.recipes import choose_recipes, on_backbones
from tellapart.models.task import Options
from tellapart.photos.duplicates import Duplicates
from tellapart.photos.folds import Folds, cut_into_folds
from tellapart.photos.scan import scan
from tellapart.progress import Progress, Silent
from tellapart.training_tasks import Trainings, trainings_on

N_FOLDS = 3
# As a worker has it: sums on another number of threads may end in other digits.
ONE_CORE = {"OMP_NUM_THREADS": "1", "TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}


def set_up(place: Path, run: str, progress: Progress | None = None) -> tuple[Climb, Folds]:
    """A run on the photos of a place, drawn where they are not there; its own cache beside it."""
    photos = place / "photos"
    found = scan(photos if photos.exists() else draw_shapes(photos, per_class=9))
    folds = cut_into_folds(found, Duplicates((), ()), n_folds=N_FOLDS)
    options = Options(seed=0, image_size=32, epochs=2)
    climb = Climb(found, folds.whole(), options, place / run, place / f"{run}-cache", progress or Silent())
    return climb, folds


def climb_all(climb: Climb, folds: Folds, names: str, trainings: Trainings | None) -> dict[str, Any]:
    """What results.json would hold."""
    recipes = choose_recipes(names)
    choice = resolve(["pocket"], None, climb.progress)
    recipes = on_backbones(recipes, choice.backbones, choice.weights)
    results, _ = climb_in_folds(recipes, replace(climb, choice=choice), folds, trainings)
    return results


def predictions(run: Path) -> dict[str, bytes]:
    """All tables of answers of a run, its rounds' too, and the model that is handed over."""
    found = [*run.rglob("predictions.csv"), *run.rglob("valid.csv"), *(run / "folds" / "final").rglob("model.onnx")]
    return {path.relative_to(run).as_posix(): path.read_bytes() for path in found}


def started(place: Path, run: str, names: str, *words: str, **settings: str) -> "subprocess.Popen[str]":
    """The run, in a process of its own: `words` are engine and workers."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "TF_CPP_MIN_LOG_LEVEL": "3", **settings}
    command = [sys.executable, __file__, str(place), run, names, *words]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def finished(job: "subprocess.Popen[str]") -> None:
    """Wait until it has come to a good end."""
    told, _ = job.communicate(timeout=900)
    assert job.returncode == 0, told


if __name__ == "__main__":
    folder, its_run, recipe_names, *where = sys.argv[1:]
    its_trainings = trainings_on(where[0], int(where[1]), N_FOLDS) if where else None
    write_json(Path(folder) / f"{its_run}.json", climb_all(*set_up(Path(folder), its_run), recipe_names, its_trainings))
