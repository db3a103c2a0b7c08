"""The steps of a ladder, opened for explaining, and what one of them looks at in one photo."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tellapart.errors import RunFolderError
from tellapart.explain.integrated import FLOOR, change_of
from tellapart.explain.methods import Method
from tellapart.explain.network import Network
from tellapart.explain.placing import against, in_middle, on_photo
from tellapart.photos.pixels import read_pixels

SIGHTLESS = "majority"


@dataclass(frozen=True)
class Step:
    """A recipe and its network.

    Attributes:
        recipe: Its name.
        title: As figures call it.
        network: Opened.
    """

    recipe: str
    title: str
    network: Network

    @property
    def looks(self) -> bool:
        """Whether its answer depends on the photo at all."""
        return self.recipe != SIGHTLESS


@dataclass(frozen=True)
class Look:
    """What a step looks at in one photo.

    Attributes:
        step: Whose look it is.
        method: How it was asked; None where the step looks at nothing.
        heat: (height, width), float32; None likewise.
        told: The figures, as explanations.json holds them.
    """

    step: Step
    method: Method | None
    heat: np.ndarray | None
    told: dict[str, Any]


def look(step: Step, method: Method, photo: Path, number: int, size: tuple[int, int]) -> Look:
    """Ask a step what speaks for a class in a photo.

    Args:
        step: Any.
        method: One of the table.
        photo: Its file; it is decoded as it is for a prediction.
        number: Of the class.
        size: Width and height that the map is to have; in the proportions of the photo.
    """
    network = step.network
    pixels = read_pixels(photo, network.spec)
    shares = network.probabilities(pixels[np.newaxis])[0]
    top = int(shares.argmax())
    told: dict[str, Any] = {
        "recipe": step.recipe,
        "predicted": network.classes[top],
        "probability": _rounded(shares[top]),
        "probability_of_class": _rounded(shares[number]),
        "score": _rounded(network.scores(pixels[np.newaxis])[0, number]),
    }
    if not step.looks:
        return Look(step, None, None, {**told, "method": None, "why": "it says the same of every photo"})
    heat = method.run(network, pixels, number)
    placed = on_photo(heat, network.spec, size)
    told |= {"method": method.name, "in_middle": _rounded(in_middle(placed))}
    if method.signed:
        told["against"] = _rounded(against(heat))
    if method.sums:
        change = change_of(network, pixels, number)
        missed = abs(float(heat.sum(dtype=np.float64)) - change) / max(abs(change), FLOOR)
        told |= {"change": _rounded(change), "difference": _rounded(missed)}
    return Look(step, method, placed, told)


def open_steps(run: Path, results: dict[str, Any]) -> tuple[Step, ...]:
    """Open the model file of every recipe of a finished run, in the order of the ladder.

    A recipe whose file is not there is left out, but for the chosen one: its file is the run's own.

    Raises:
        RunFolderError: No file is there.
        ModelFileError: One is damaged.
    """
    best, steps = results["best"]["recipe"], []
    for entry in results["recipes"]:
        name = entry["name"]
        file = model_file(run, name, chosen=name == best)
        if file is not None:
            title = str(entry.get("title") or name.capitalize())
            steps.append(Step(name, title, Network.open(file)))
    if not steps:
        raise RunFolderError(f"{run} holds no model file. Next: tellapart fit PHOTOS --out RUN")
    return tuple(steps)


def model_file(run: Path, recipe: str, *, chosen: bool = False) -> Path | None:
    """Where the model file of a recipe lies; None where it is not there."""
    places = [run / "recipes" / recipe, run / "folds" / "final" / "recipes" / recipe, *([run] if chosen else [])]
    return next((place / "model.onnx" for place in places if (place / "model.onnx").is_file()), None)


def _rounded(value: Any) -> float | None:
    return None if value is None else round(float(value), 6)
