"""A finished run as far as explaining needs it: model files with random weights, answers, and the photos."""

from pathlib import Path
from typing import Any

from ladder_models import CLASSES, recipe
from photo_maker import noise, save
from tellapart.files import write_csv, write_json


def explained_run(place: Path) -> tuple[Path, dict[str, Any]]:
    """Write photos and a run of `majority` and `baseline`, and give the run and its results."""
    photos, run = place / "photos", place / "run"
    rows = []
    for number, label in enumerate(CLASSES):
        for shot in range(4):
            path = f"{number}/{shot}.png"
            save(noise(10 * number + shot, (60, 40)), photos / path)
            said = CLASSES[0] if shot == 3 else label
            rows.append((path, label, said, *(0.8 if name == said else 0.1 for name in CLASSES)))
    entries = []
    for name in ("majority", "baseline"):
        folder = run / "recipes" / name
        folder.mkdir(parents=True)
        (folder / "model.onnx").write_bytes(recipe(name)[1].content)
        write_csv(folder / "predictions.csv", ("path", "class", "predicted", *CLASSES), rows)
        entries.append({"name": name, "title": name.capitalize()})
    (run / "model.onnx").write_bytes(recipe("baseline")[1].content)
    results: dict[str, Any] = {
        "format": 1,
        "photos": {"classes": list(CLASSES)},
        "recipes": entries,
        "best": {"recipe": "baseline", "why": ""},
        "settings": {"photos_absolute": str(photos)},
    }
    write_json(run / "results.json", results)
    return run, results
