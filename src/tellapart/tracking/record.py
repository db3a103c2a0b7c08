"""What is logged of a recipe, in the flat form that every tracker takes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tellapart.files import read_csv

Setting = str | int | float | bool

TRAINING: Final = "training"
VALIDATION: Final = "validation"
# history.csv has these columns for training, and with `valid_` before them for validation.
CURVES: Final = ("loss", "accuracy")
_ABOUT: Final = ("step", "backbone", "image_size", "parameters", "trainable_parameters", "epochs", "best_epoch")
_TEST: Final = ("accuracy", "accuracy_low", "accuracy_high", "macro_f1", "log_loss", "ece")
_LEARNED: Final = ("accuracy", "log_loss")


@dataclass(frozen=True)
class Epoch:
    """One epoch; `training` and `validation` hold loss and accuracy by name."""

    number: int
    training: dict[str, float]
    validation: dict[str, float]
    learning_rate: float | None


@dataclass(frozen=True)
class Record:
    """One finished recipe.

    Attributes:
        recipe: Its name.
        settings: Flat, by name.
        scores: By name, such as `test/accuracy`.
        epochs: Those of history.csv; with folds, of the first round.
    """

    recipe: str
    settings: dict[str, Setting]
    scores: dict[str, float]
    epochs: list[Epoch]


def record_of(entry: Mapping[str, Any], run: Path) -> Record:
    """Make the record of a recipe.

    Args:
        entry: Of `recipes` in results.json.
        run: The run folder, which holds its history.csv.
    """
    about = {name: entry.get(name) for name in _ABOUT} | (entry.get("hyperparameters") or {})
    scores = {f"test/{name}": entry["test"].get(name) for name in _TEST}
    scores |= {f"{part}/{name}": entry[part].get(name) for part in ("train", "valid") for name in _LEARNED}
    scores["seconds"] = entry["seconds"]["total"]
    history = run / "recipes" / entry["name"] / "history.csv"
    return Record(
        entry["name"],
        flat(about),
        {name: float(value) for name, value in scores.items() if value is not None},
        [_epoch(row) for row in read_csv(history)] if history.is_file() else [],
    )


def flat(settings: Mapping[str, Any], above: str = "") -> dict[str, Setting]:
    """Lay nested settings out by name; what is not set is left out, what is no number becomes text."""
    told: dict[str, Setting] = {}
    for key, value in settings.items():
        name = f"{above}{key}"
        if isinstance(value, Mapping):
            told |= flat(value, f"{name}/")
        elif isinstance(value, str | int | float | bool):
            told[name] = value
        elif value is not None:
            told[name] = ", ".join(map(str, value)) if isinstance(value, Iterable) else str(value)
    return told


def figures_of(run: Path, recipes: Iterable[str]) -> dict[str, dict[str, Path]]:
    """The figures of a run by recipe and name; those of the whole run are under an empty name."""
    names = sorted(recipes, key=len, reverse=True)  # the longest that fits: one name may end another
    found: dict[str, dict[str, Path]] = {}
    for file in sorted((run / "figures").glob("*.png")):
        recipe = next((name for name in names if file.stem.endswith(f"_{name}")), "")
        found.setdefault(recipe, {})[file.stem.removesuffix(f"_{recipe}") if recipe else file.stem] = file
    return found


def _epoch(row: Mapping[str, str]) -> Epoch:
    training, validation = ({name: float(row[before + name]) for name in CURVES} for before in ("", "valid_"))
    rate = row.get("learning_rate")
    return Epoch(int(row["epoch"]), training, validation, float(rate) if rate else None)
