"""A small finished run that was logged to a tracker."""

from functools import cache
from pathlib import Path

import pytest

import tellapart as ta
from as_user import Notes
from brief import brief
from ladder_set import draw_shapes


def tracked_run(
    place: Path, track: str, recipes: str = "majority,baseline", folds: int | None = None
) -> tuple[ta.Run, Notes]:
    """`place/run`, made of `place/photos`, and what it told."""
    photos = draw_shapes(place / "photos", per_class=8)
    notes = Notes()
    with brief():
        run = ta.fit(
            photos, place / "run", recipes=recipes, folds=folds, image_size=32, epochs=2, track=track, progress=notes
        )
    return run, notes


@cache
def run_with_both(place: Path) -> ta.Run:
    """A run that was logged to both trackers, made once for all tests, in a working directory of its own."""
    place.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        patch.delenv("MLFLOW_EXPERIMENT_NAME", raising=False)
        patch.chdir(place)
        return tracked_run(place, "tensorboard,mlflow")[0]
