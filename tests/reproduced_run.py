"""A small finished run beside its photos, and copies of it that somebody has changed."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import tellapart as ta
from ladder_set import draw_shapes
from tellapart.files import write_json


def small_run(place: Path, recipes: str = "majority,baseline") -> ta.Run:
    """`place/run`, made of `place/photos`."""
    photos = draw_shapes(place / "photos", per_class=8)
    return ta.fit(photos, place / "run", recipes=recipes, image_size=32, epochs=1)


def copied(run: ta.Run, to: Path, change: Callable[[dict[str, Any]], object] = lambda _: None) -> ta.Run:
    """A copy of a run with another results.json."""
    shutil.copytree(run.folder, to)
    results = json.loads((to / "results.json").read_text(encoding="utf-8"))
    change(results)
    write_json(to / "results.json", results)
    return ta.Run(to)


def edited(path: Path, old: str, new: str) -> None:
    """Change the first place in a text file."""
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
