"""What draw_inside would leave in a run folder, made without a model or photos."""

from pathlib import Path
from typing import Any

import numpy as np

from tellapart.report.inside_record import write_inside

SIDE = 24


def build_inside(run: Path, classes: list[str], **changes: Any) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Write and return the texts and arrays of a fake run: two steps with filters, two photos, classes and channels."""
    generator = np.random.default_rng(0)
    drawn = {f"filters_{name}": generator.normal(size=(16, 3, 3, 3)) for name in ("baseline", "bottleneck")}
    arrays = {name: array.astype(np.float32) for name, array in drawn.items()}
    told: dict[str, Any] = {
        "format": 1,
        "chosen": "bottleneck",
        "classes": classes,
        "filters": [
            _step("baseline", "Simple CNN", None),
            {**_step("deeper", "Deeper CNN", None), "same_as": "baseline", "array": None},
            _step("bottleneck", "Bottleneck features", "vgg16"),
        ],
        "activations": [_photo(number, classes, generator, arrays) for number in (0, 1)],
        "looked_at": {"photos": 160, "of": 400, "gone": 0, "learned": True},
        "subjects": [
            *(_subject("scores", number, name, generator, arrays) for number, name in enumerate(classes)),
            _subject("block1", 3, "Channel 3", generator, arrays),
            _subject("block2", 7, "Channel 7", generator, arrays),
        ],
        "optimised": {"steps": 48, "pictures": len(classes) + 2, "seed": 0, "why_not": None},
        **changes,
    }
    write_inside(run, told, arrays)
    return told, arrays


def _step(recipe: str, title: str, backbone: str | None) -> dict[str, Any]:
    return {
        "recipe": recipe, "title": title, "backbone": backbone, "shape": [16, 3, 3], "same_as": None, "like": None,
        "array": f"filters_{recipe}",
    }  # fmt: skip


def _photo(
    number: int, classes: list[str], generator: np.random.Generator, arrays: dict[str, np.ndarray]
) -> dict[str, Any]:
    name = f"activations{number}"
    arrays[name] = _pictures(1, generator)[0]
    blocks = []
    for block, side in (("block1", 12), ("block2", 6)):
        arrays[f"{name}_{block}"] = generator.integers(0, 256, (6, side, side), dtype=np.uint8)
        blocks.append(
            {"block": block, "shape": [side, side, 16], "silent": 0.25, "channels": [5, 1, 2, 9, 11, 0],
             "maps": f"{name}_{block}"}
        )  # fmt: skip
    label = classes[0]
    return {"path": f"0/<{number}>.jpg", "class": label, "predicted": classes[number], "photo": name, "blocks": blocks}


def _subject(
    of: str, number: int, name: str, generator: np.random.Generator, arrays: dict[str, np.ndarray]
) -> dict[str, Any]:
    key = f"{of}_{number}"
    arrays[key] = _pictures(4, generator)
    arrays[f"{key}_made"] = _pictures(1, generator)[0]
    if of != "scores":
        arrays[f"{key}_places"] = np.zeros((4, 6, 6), dtype=np.uint8)
        arrays[f"{key}_places"][:, 1:4, 2:5] = 255
    return {
        "of": of, "number": number, "name": name, "median": -0.5, "pictures": key,
        "photos": [{"path": f"0/train-{place}.jpg", "class": "a $kind$", "value": 4.0 - place} for place in range(4)],
        "places": None if of == "scores" else f"{key}_places",
        "made": {"picture": f"{key}_made", "value": 12.25, "noise": 0.125},
    }  # fmt: skip


def _pictures(n: int, generator: np.random.Generator) -> np.ndarray:
    """Pictures of one colour each with some noise on it."""
    hues = generator.integers(40, 216, (n, 1, 1, 3))
    return np.asarray(hues + generator.integers(-20, 20, (n, SIDE, SIDE, 3))).astype(np.uint8)
