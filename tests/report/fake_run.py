"""A run folder as fit would leave it, made without training anything."""

import math
from pathlib import Path
from typing import Any

import numpy as np
from fake_curve import fake_curve, fake_naive

from tellapart.evaluation.calibration import Temperature, calibration
from tellapart.evaluation.conformal import conformal
from tellapart.evaluation.selective import rejection
from tellapart.evaluation.strangers import false_alarms, fit_strangers
from tellapart.files import read_json, write_csv, write_json, write_text
from tellapart.report.figures import augmentation, save_figure

CLASSES = ["bed", "chair", "sofa", "table"]
ODD_CLASSES = [
    "chair $x^2$ & $",
    "<script>alert(1)</script>",
    "椅子",
    "😀 emoji 🚀",
    "an extremely long class name that goes on and on",
]
_PART_SIZES = {"train": 40, "valid": 10, "test": 13}
_RECIPES: list[tuple[str, str, str, float, float, str | None]] = [
    # name, step, title, chance of being right, seconds, backbone
    ("majority", "0", "Always the commonest class", 0.0, 0.01, None),
    ("baseline", "1", "Simple CNN", 0.5, 21.4, None),
    ("deeper", "2", "Deeper CNN", 0.6, 35.2, None),
    ("augmented", "3", "Augmented CNN", 0.7, 80.9, None),
    ("tuned", "4", "Tuned CNN", 0.72, 1921.0, None),
    ("bottleneck", "5a", "Bottleneck features", 0.92, 44.6, "vgg16"),
    ("finetuned", "5b", "Fine-tuned backbone", 0.94, 402.3, "vgg16"),
]


def build_run(run: Path, classes: list[str] | None = None) -> Path:
    """Write a whole run folder that keeps its contract, and return it."""
    names = CLASSES if classes is None else classes
    random = np.random.default_rng(0)
    split = _write_split(run, names)
    recipes = [_write_recipe(run, row, names, random) for row in _RECIPES]
    _write_search(run, random)
    write_json(run / "results.json", _results(names, recipes, split))
    write_text(run / "model.onnx", "stands in for a model")
    write_text(run / "report.html", "")
    ramp = np.linspace(0, 255, 30 * 40 * 3).reshape(30, 40, 3).astype(np.uint8)
    tiles = [
        ("original", ramp),
        ("flipped left to right", ramp[:, ::-1]),
        ("turned by up to 15°", ramp[::-1]),
    ]
    save_figure(augmentation(tiles), run / "figures" / "augmentation.png")
    return run


def keep_recipes(run: Path, *names: str) -> None:
    """Leave only some recipes in results.json, so that fewer figures have to be drawn."""
    results = read_json(run / "results.json")
    kept = [recipe for recipe in results["recipes"] if recipe["name"] in names]
    write_json(run / "results.json", {**results, "recipes": kept})


def _test_paths(names: list[str]) -> list[tuple[str, str]]:
    return [(f"{i}/test-{k}.jpg", name) for i, name in enumerate(names) for k in range(_PART_SIZES["test"])]


def _write_split(run: Path, names: list[str]) -> dict[str, int]:
    rows = [
        (f"{i}/{part}-{k}.jpg", name, part, f"g{i}-{part}" if k < 2 else "")
        for i, name in enumerate(names)
        for part, size in _PART_SIZES.items()
        for k in range(size)
    ]
    write_csv(run / "split.csv", ["path", "class", "part", "group"], rows)
    return {part: size * len(names) for part, size in _PART_SIZES.items()}


def _write_recipe(
    run: Path,
    row: tuple[str, str, str, float, float, str | None],
    names: list[str],
    random: np.random.Generator,
) -> dict[str, Any]:
    name, step, title, skill, seconds, backbone = row
    folder = run / "recipes" / name
    test = _predict(folder, names, 0.0 if name == "majority" else skill, random)
    epochs = 0 if name == "majority" else 14
    if epochs:
        _write_history(folder, epochs, skill)
    train = min(0.99, skill + 0.25) if epochs else 1 / len(names)
    return {
        "name": name, "step": step, "title": title, "backbone": backbone, "image_size": 128,
        "lesson": f"{title}: the training accuracy is {train:.0%}, the test accuracy {test['accuracy']:.0%}.",
        "parameters": 1_234_567 if epochs else 0, "trainable_parameters": 234_567 if epochs else 0,
        "epochs": epochs, "best_epoch": 9 if epochs else 0,
        "stopped": "no better for 5 epochs" if epochs else "nothing to train",
        "hyperparameters": {"learning_rate": 0.001, "layers": [16, 32], "augment": {"flip": True}},
        "seconds": {"features": 0, "train": seconds, "evaluate": 0, "total": seconds}, "peak_rss_mb": 700.0,
        "train": {"n": 40 * len(names), "accuracy": train, "log_loss": 0.2},
        "valid": {"n": 10 * len(names), "accuracy": skill, "log_loss": 0.9},
        "test": test,
        "calibration": _calibration(2.0 if epochs else 1.0),
        **_doubts(learned=bool(epochs), backbone=backbone),
    }  # fmt: skip


def _calibration(temperature: float) -> dict[str, Any]:
    random = np.random.default_rng(7)
    labels = random.integers(0, 4, 52)
    logits = random.normal(size=(52, 4)) + 1.5 * np.eye(4)[labels]
    shares = np.exp(logits)
    fitted = Temperature(temperature, 1.1, 0.9, "" if temperature != 1 else "kept at 1: nothing to gain")
    return calibration(fitted, labels, shares / shares.sum(axis=1, keepdims=True))


def _doubts(*, learned: bool, backbone: str | None) -> dict[str, Any]:
    random = np.random.default_rng(8)
    parts = []
    for n in (160, 52):
        labels = random.integers(0, 4, n)
        logits = random.normal(size=(n, 4)) + 2.0 * np.eye(4)[labels]
        shares = np.exp(logits if learned else np.zeros((n, 4)))
        parts.append((labels, shares / shares.sum(axis=1, keepdims=True)))
    strangers = fit_strangers(random.normal(size=(90, 5)), np.arange(90) % 3, random.normal(size=(40, 5)))
    told = strangers if backbone else None
    return {
        "rejection": rejection(parts[0], parts[1]),
        "conformal": conformal(parts[0], parts[1]),
        "stranger": false_alarms(told, np.repeat([0.5, 1.2], [50, 2])),
    }


def _predict(folder: Path, names: list[str], skill: float, random: np.random.Generator) -> dict[str, Any]:
    n = len(names)
    confusion = [[0] * n for _ in names]
    rows: list[list[object]] = []
    loss = 0.0
    for path, name in _test_paths(names):
        true = names.index(name)
        said = true if random.random() < skill else (int(random.integers(n)) if skill else 0)
        shares = [0.3 / (n - 1)] * n
        shares[said] = 0.7
        confusion[true][said] += 1
        loss -= math.log(shares[true])
        rows.append([path, name, names[said], *shares])
    write_csv(folder / "predictions.csv", ["path", "class", "predicted", *names], rows)
    write_csv(folder / "confusion.csv", ["class", *names], [[a, *b] for a, b in zip(names, confusion, strict=True)])
    accuracy = sum(row[i] for i, row in enumerate(confusion)) / len(rows)
    return {
        "n": len(rows), "accuracy": accuracy, "accuracy_low": max(0.0, accuracy - 0.12),
        "accuracy_high": min(1.0, accuracy + 0.08), "macro_f1": max(0.0, accuracy - 0.01),
        "log_loss": loss / len(rows), "ece": 0.05, "confusion": confusion, "balanced_accuracy": accuracy,
        "macro_f1_low": max(0.0, accuracy - 0.13), "macro_f1_high": min(1.0, accuracy + 0.07),
        "log_loss_low": 0.9 * loss / len(rows), "log_loss_high": 1.1 * loss / len(rows),
        "ece_low": 0.0, "ece_high": 0.1,
    }  # fmt: skip


def _write_history(folder: Path, epochs: int, skill: float) -> None:
    rows = [
        (
            epoch,
            1.4 * math.exp(-epoch / 6),
            1 - 0.75 * math.exp(-epoch / 5),
            1.2 * math.exp(-epoch / 3) + 0.3 + 0.03 * epoch,
            skill - 0.4 * math.exp(-epoch / 3),
            1.2,
            0.001 if epoch < 10 else 0.0002,
        )
        for epoch in range(1, epochs + 1)
    ]
    columns = ["epoch", "loss", "accuracy", "valid_loss", "valid_accuracy", "seconds", "learning_rate"]
    write_csv(folder / "history.csv", columns, rows)


def _write_search(run: Path, random: np.random.Generator) -> None:
    states = ["COMPLETE", "PRUNED", "COMPLETE", "FAIL", "COMPLETE", "PRUNED"] * 3
    rows = [
        (
            trial,
            state,
            "" if state == "FAIL" else round(0.6 + random.exponential(0.4), 4),
            0.6,
            10,
            12.5,
            round(10 ** random.uniform(-4, -2), 6),
            round(random.uniform(0, 0.6), 3),
        )
        for trial, state in enumerate(states)
    ]
    columns = ["trial", "state", "valid_loss", "valid_accuracy", "epochs", "seconds", "learning_rate", "dropout"]
    folder = run / "recipes" / "tuned"
    write_csv(folder / "trials.csv", columns, rows)
    importance = [("learning_rate", 0.61), ("dropout", 0.25), ("dense_units", 0.14)]
    write_csv(folder / "importance.csv", ["parameter", "importance"], importance)


def _results(names: list[str], recipes: list[dict[str, Any]], split: dict[str, int]) -> dict[str, Any]:
    total = sum(_PART_SIZES.values())
    return {
        "format": 1, "seed": 0,
        "photos": {
            "classes": names, "counts": dict.fromkeys(names, total),
            "excluded": [{"path": "bed/<b>broken</b>.jpg", "reason": "the file ends too early"}],
            "skipped": [{"path": "notes.txt", "reason": "not a photo"}],
            "duplicate_groups": 12, "fingerprint": "0" * 64,
        },
        "split": {**split, "fingerprint": "1" * 64},
        "recipes": recipes,
        "comparisons": [
            {
                "a": "bottleneck", "b": "finetuned", "difference": -0.02, "low": -0.09, "high": 0.06,
                "p_value": 0.63, "p_adjusted": 1.0, "log_loss_difference": 0.04, "log_loss_low": -0.02,
                "log_loss_high": 0.1, "log_loss_p_value": 0.3, "log_loss_p_adjusted": 0.9, "photos_needed": 870,
                "verdict": "finetuned cannot be told from bottleneck and takes nine times as long.",
            },
            {
                "a": "bottleneck", "b": "augmented", "difference": 0.22, "low": 0.1, "high": 0.35,
                "p_value": 0.001, "p_adjusted": 0.004, "verdict": "bottleneck is better than augmented.",
            },
        ],
        "learning_curve": fake_curve(names), "naive": fake_naive(),
        "notes": ["The search stopped at its budget of 30 minutes."],
        "best": {
            "recipe": "bottleneck",
            "why": "Best on validation; the cheapest of those that cannot be told apart.",
        },
        "model": "model.onnx",
        "environment": {"python": "3.11.7", "keras": "3.8.0", "cpu": {"cores": 2}},
    }  # fmt: skip
