"""How well a model tells photos of nothing that it learned, each of two folders against the other.

    python benchmarks/strangers.py FOLDER FOLDER --out RUNS [--recipes bottleneck,baseline] [--backbone pocket]

Each folder is fitted as `tellapart fit` does it, and the model file is asked for its own test photos and
for all photos of the other folder: once as the photos are, and once with all of them first reduced to
the same longest side and JPEG quality, so that sharpness cannot tell them. Beside the output
`stranger` stands its plain rival, 1 less the confidence. Recipes whose file has no such output
are measured by the same distance on the input of their last layer. At the end the hard case: one
class of each folder at a time is left out and becomes the strangers (frozen `pocket`, no head); and,
with `--splits N`, how much false alarms and finds vary with the split.
"""

import argparse
import math
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.metrics import roc_auc_score

import tellapart
from tellapart.deploy.runtime import Model
from tellapart.evaluation.strangers import Strangers, fit_strangers
from tellapart.files import cache_folder, read_csv
from tellapart.models.choice import built_in_features
from tellapart.photos.batches import label_numbers
from tellapart.photos.decode import decode
from tellapart.photos.duplicates import find_duplicates
from tellapart.photos.pixels import to_pixels
from tellapart.photos.scan import Photos, scan
from tellapart.photos.split import split
from tellapart.progress import Silent

SIDE, QUALITY = 128, 75  # of the reduced photos
QUANTILES = (0.95, 0.99)
PARTS = ("train", "valid", "test", "strangers")
HEAD = (
    "| known | strangers | photos | recipe | score | n known | n strangers | AUROC "
    "| false alarms at 95 % | caught | at 99 % | caught |\n|---|---|---|---|---|---|---|---|---|---|---|---|\n"
)


@dataclass(frozen=True)
class Scores:
    """The scores of validation photos, test photos and strangers; higher is stranger."""

    valid: np.ndarray
    test: np.ndarray
    strangers: np.ndarray

    def cells(self) -> str:
        """The row of the table: counts, AUROC, and false alarms and finds at each quantile of validation."""
        truth = np.repeat([0, 1], [len(self.test), len(self.strangers)])
        auroc = roc_auc_score(truth, np.concatenate([self.test, self.strangers]))
        told = [str(len(self.test)), str(len(self.strangers)), f"{auroc:.4f}"]
        return " | ".join(told + [f"{share:.1%}" for share in self.at_quantiles()])

    def at_quantiles(self) -> list[float]:
        """False alarms and finds at each quantile of validation."""
        shares = []
        for quantile in QUANTILES:
            place = min(math.ceil((len(self.valid) + 1) * quantile), len(self.valid))
            threshold = np.sort(self.valid)[place - 1]
            shares += [float(np.mean(some > threshold)) for some in (self.test, self.strangers)]
        return shares


def reduced(folder: Path, target: Path) -> Path:
    """Copies of all photos, of the same longest side and JPEG quality."""
    for photo in scan(folder).items:
        copy = (target / photo.path).with_suffix(".jpg")
        copy.parent.mkdir(parents=True, exist_ok=True)
        picture = decode(folder / photo.path).convert("RGB")
        factor = SIDE / max(picture.size)
        size = [max(1, round(side * factor)) for side in picture.size]
        picture.resize((size[0], size[1]), Image.Resampling.BICUBIC).save(copy, "JPEG", quality=QUALITY)
    return target


def places_of(run: Path, known: Path, strangers: Path) -> dict[str, list[Path]]:
    """The photos of each part of a run, and those that are of something else."""
    rows = read_csv(run / "split.csv")
    parts = {part: [known / row["path"] for row in rows if row["part"] == part] for part in PARTS[:3]}
    return {**parts, "strangers": [strangers / photo.path for photo in scan(strangers).items]}


def scores_of(model: Model, places: dict[str, list[Path]]) -> Iterator[tuple[str, Scores]]:
    """The scores by the output `stranger`, where there is one, and by confidence."""
    told = [list(model.answers(places[part])) for part in PARTS[1:]]
    if told[0][0].stranger is not None:
        yield "stranger", Scores(*(np.array([answer.stranger for answer in part]) for part in told))
    yield "1 - confidence", Scores(*(1 - np.array([answer.probabilities.max() for answer in part]) for part in told))


def scores_of_last_layer(run: Path, model: Model, places: dict[str, list[Path]], known: Path) -> Scores | None:
    """The scores of a network trained from scratch, by the input of its last layer."""
    from tellapart.models.backend import keras
    from tellapart.models.scratch import predict

    network = keras.models.load_model(run / "model.keras")
    inner = keras.Model(network.input, network.layers[-1].input)
    features = [
        predict(inner, np.stack([to_pixels(decode(path), model.spec) for path in places[part]])) for part in PARTS
    ]
    labels = np.array([model.classes.index(path.relative_to(known).parts[0]) for path in places["train"]])
    return scored(fit_strangers(features[0], labels, features[1]), features[1:])


def scored(strangers: Strangers | None, features: Sequence[np.ndarray]) -> Scores | None:
    """The scores of validation photos, test photos and strangers by their features."""
    return None if strangers is None else Scores(*(strangers.scores(part) for part in features))


def left_out(folder: Path) -> Iterator[tuple[str, Scores]]:
    """Each class of a folder in turn as the strangers of a model of the others."""
    photos = scan(folder)
    features = built_in_features(folder, photos.items, cache=cache_folder(), progress=Silent())
    of_photo = dict(zip((photo.path for photo in photos.items), features, strict=True))
    for label in photos.classes:
        others = Photos(folder, tuple(photo for photo in photos.items if photo.label != label), (), ())
        parts = split(others)
        groups = parts.train, parts.valid, parts.test.open_for_evaluation(), photos.items
        train, valid, test, strange = (
            np.stack([of_photo[photo.path] for photo in some if (photo.label == label) == (some is photos.items)])
            for some in groups
        )
        found = scored(fit_strangers(train, label_numbers(parts.train, others.classes), valid), (valid, test, strange))
        if found is not None:
            yield label, found


def over_splits(known: Path, strangers: Path, n_splits: int) -> str:
    """False alarms and finds over so many splits, at each quantile: mean, lowest and highest."""
    photos, others = scan(known), scan(strangers)
    own, strange = (
        built_in_features(found.root, found.items, cache=cache_folder(), progress=Silent())
        for found in (photos, others)
    )
    of_photo = dict(zip((photo.path for photo in photos.items), own, strict=True))
    duplicates = find_duplicates(photos.items)
    rows = []
    for seed in range(n_splits):
        parts = split(photos, seed=seed, duplicates=duplicates)
        groups = parts.train, parts.valid, parts.test.open_for_evaluation()
        train, valid, test = (np.stack([of_photo[photo.path] for photo in some]) for some in groups)
        found = scored(fit_strangers(train, label_numbers(parts.train, photos.classes), valid), (valid, test, strange))
        rows.append([] if found is None else found.at_quantiles())
    told = (f"{np.mean(column):.1%} ({min(column):.1%} to {max(column):.1%})" for column in zip(*rows, strict=True))
    return f"| {known.name} | {strangers.name} | {n_splits} | {' | '.join(told)} |\n"


def compare(folders: Sequence[Path], how: str, options: argparse.Namespace) -> None:
    """Print the rows of both directions."""
    for known, strangers in (folders, folders[::-1]):
        run = options.out / f"{known.name}-{how.replace(' ', '-')}"
        if not (run / "results.json").exists():
            tellapart.fit(known, run, recipes=options.recipes, backbone=options.backbone, weights=options.weights)
        places = places_of(run, known, strangers)
        for recipe in options.recipes.split(","):
            model = tellapart.load(run / "recipes" / recipe)
            rows = dict(scores_of(model, places))
            if "stranger" not in rows:
                inner = scores_of_last_layer(run / "recipes" / recipe, model, places, known)
                rows = {**rows, **({} if inner is None else {"distance before the last layer": inner})}
            for score, found in rows.items():
                say(f"| {known.name} | {strangers.name} | {how} | {recipe} | {score} | {found.cells()} |\n")


def say(text: str) -> None:
    """Print at once."""
    sys.stdout.write(text)
    sys.stdout.flush()


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs=2, type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--recipes", default="bottleneck")
    parser.add_argument("--backbone", default="pocket")
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--splits", type=int, default=0)
    options = parser.parse_args()
    say(HEAD)
    compare(options.folders, "as they are", options)
    small = [options.out / "reduced" / folder.name for folder in options.folders]
    for folder, target in zip(options.folders, small, strict=True):
        if not target.exists():
            reduced(folder, target)
    compare(small, f"{SIDE} px, quality {QUALITY}", options)
    for folder in options.folders:
        for label, found in left_out(folder):
            row = f"{folder.name} without {label} | {label} | as they are | frozen pocket | stranger"
            say(f"| {row} | {found.cells()} |\n")
    if options.splits:
        say("\n| known | strangers | splits | false alarms at 95 % | caught | at 99 % | caught |\n")
        say("|---|---|---|---|---|---|---|\n")
        for known, strangers in (options.folders, options.folders[::-1]):
            say(over_splits(known, strangers, options.splits))


if __name__ == "__main__":
    main()
