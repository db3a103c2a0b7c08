"""A map as draw_map would leave it in a run folder, made without a model or photos."""

import io
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tellapart.explain.thumbnails import across, picture, sheet
from tellapart.files import read_csv
from tellapart.report.photo_map import PhotoMap, write_map


def hue(photo: int) -> tuple[int, int, int]:
    """The one colour of a photo, so that a test can tell which one is shown."""
    return 40 + 37 * photo % 200, 40 + 91 * photo % 200, 40 + 53 * photo % 200


def build_map(run: Path, classes: list[str], recipe: str = "bottleneck", **about: Any) -> PhotoMap:
    """Write the map of a fake run and return it: each class a cluster, test photos with the run's own answers."""
    rows = sorted(read_csv(run / "split.csv"), key=lambda row: row["path"])
    said = {row["path"]: row["predicted"] for row in read_csv(run / "recipes" / recipe / "predictions.csv")}
    labels = [classes.index(row["class"]) for row in rows]
    predicted = [classes.index(said[row["path"]]) if row["path"] in said else None for row in rows]
    generator = np.random.default_rng(0)
    angle = 2 * np.pi * np.array(labels) / len(classes)
    points = 0.5 + 0.33 * np.stack([np.cos(angle), np.sin(angle)], axis=1) + generator.normal(0, 0.05, (len(rows), 2))
    mistakes = [n for n, name in enumerate(predicted) if name is not None and name != labels[n]]
    tested = [n for n, name in enumerate(predicted) if name is not None]
    learned = [n for n, row in enumerate(rows) if row["part"] == "train"]
    near = {photo: [n for n in learned if labels[n] == predicted[photo]][:4] for photo in mistakes}
    typical = {label: [n for n in learned if labels[n] == label][:2] for label in range(len(classes))}
    photos = [Image.new("RGB", (60, 40), hue(number)) for number in range(len(rows))]
    content, side, sizes = sheet(photos)
    others = (number for row in (*near.values(), *typical.values()) for number in row)
    shown = sorted({*mistakes, *tested[:3], *others})
    told = {
        "format": 1, "recipe": recipe, "method": "t-SNE", "perplexity": 30.0, "seed": 0, "classes": classes,
        "parts": ["train", "valid", "test"], "tile": side, "across": across(len(rows)),
        "about": {
            "folds": False, "tested": len(tested), "trust": 0.97, "agreement": 0.9, "accuracy": 0.92,
            "photos": len(rows), "gone": 0, **about,
        },
        "photos": {
            "path": [row["path"] for row in rows], "class": labels,
            "part": [["train", "valid", "test"].index(row["part"]) for row in rows],
            "predicted": predicted, "sure": [None if name is None else 0.7 for name in predicted],
        },
        "lists": {
            "mistakes": mistakes, "unsure": tested[:3],
            "typical": {str(label): row for label, row in typical.items()},
            "neighbours": {str(photo): row for photo, row in near.items()},
        },
    }  # fmt: skip
    found = PhotoMap(told, points.clip(0, 1).astype(np.float32), content, sizes, {n: picture(photos[n]) for n in shown})
    write_map(run, found)
    return found


def opened(content: bytes) -> np.ndarray:
    """A JPEG as an array."""
    return np.asarray(Image.open(io.BytesIO(content), formats=("JPEG",)).convert("RGB"))
