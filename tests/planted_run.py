"""A run folder around the planted network: photos, model files, answers, results; nothing is trained for it anew."""

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from planted_square import CLASSES, SIZE, SQUARE, model_of, trained
from tellapart.deploy.runtime import Model
from tellapart.files import write_bytes, write_csv, write_json
from tellapart.models.majority import write_majority

PER_CLASS = 6
TITLES = {"majority": "Always the commonest class", "bottleneck": "Frozen backbone"}


@cache
def models() -> dict[str, Model]:
    """The model of each of its recipes."""
    floor = model_of(write_majority(np.array([0.4, 0.6]), SIZE))
    return {"majority": floor, "bottleneck": model_of(trained())}


def square_photo(label: str, seed: int, place: str = "middle", shape: tuple[int, int] = (SIZE, SIZE)) -> Image.Image:
    """Grey noise of some width and height with the square of a class in its middle or in a corner."""
    generator = np.random.default_rng(seed)
    width, height = shape
    picture = Image.fromarray(generator.integers(60, 180, (height, width, 1), dtype=np.uint8).repeat(3, axis=2))
    side = (SQUARE * width // SIZE, SQUARE * height // SIZE)
    corner = (0 if place.endswith("left") else width - side[0], 0 if place.startswith("top") else height - side[1])
    left, top = ((width - side[0]) // 2, (height - side[1]) // 2) if place == "middle" else corner
    picture.paste((40, 200, 60) if label == "green" else (210, 50, 40), (left, top, left + side[0], top + side[1]))
    return picture


def build_run(place: Path, *, square: str = "middle", shortcut: str | None = None) -> tuple[Path, dict[str, Any]]:
    """Write photos beside a run of two recipes.

    Args:
        place: For `photos/` and `run/`.
        square: Where the deciding square lies in every photo.
        shortcut: The class that audit.json says can be told by its sharpness.

    Returns:
        The run folder and its results.
    """
    run, rows = place / "run", []
    for label in CLASSES:
        for number in range(PER_CLASS):
            path = f"{label}/{number}.png"
            # One "green" photo holds a red square: a mistake.
            shown = "red" if path == "green/0.png" else label
            file = place / "photos" / path
            file.parent.mkdir(parents=True, exist_ok=True)
            square_photo(shown, number, square, (96, 72)).save(file)
            rows.append((path, label, file))
    learned = [(path, label, "test" if path.endswith("0.png") else "train", "") for path, label, _ in rows]
    write_csv(run / "split.csv", ("path", "class", "part", "group"), learned)
    for name, model in models().items():
        answers = model.predict_proba([file for _, _, file in rows])
        said = [CLASSES[top] for top in answers.argmax(axis=1)]
        table = [(path, label, top, *shares) for (path, label, _), top, shares in zip(rows, said, answers, strict=True)]
        write_csv(run / "recipes" / name / "predictions.csv", ("path", "class", "predicted", *CLASSES), table)
        write_bytes(run / "recipes" / name / "model.onnx", model.content)
    write_bytes(run / "model.onnx", models()["bottleneck"].content)
    given = [{"label": shortcut, "feature": "sharpness"}] if shortcut else []
    write_json(run / "audit.json", {"shortcut": {"possible": bool(shortcut), "given_away": given}})
    results = {
        "format": 1,
        "best": {"recipe": "bottleneck", "why": ""},
        "recipes": [{"name": name, "title": title} for name, title in TITLES.items()],
        "settings": {"photos_absolute": str(place / "photos")},
    }
    write_json(run / "results.json", results)
    return run, results
