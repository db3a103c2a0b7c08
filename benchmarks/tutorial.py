"""What the benchmarks of training share: one task, and its photos as tutorials of Keras read them."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from paired import OURS, STOCK, keep, spread

from tellapart.models.backbones import find_backbone
from tellapart.models.backend import keras
from tellapart.models.task import Options, Task
from tellapart.photos.scan import scan
from tellapart.photos.split import split

Curve = list[tuple[float, float]]  # seconds from the start, and the validation loss then


@contextmanager
def fresh_task(photos: Path, *, seed: int = 0, weights: Path | None = None, **options: Any) -> Iterator[Task]:
    """A task on the training and validation photos of a folder, with nothing kept from before."""
    found = scan(photos)
    parts = split(found, seed=seed)
    backbone = find_backbone("mobilenet_v2") if weights else None
    settings = Options(seed=seed, backbone=backbone, weights=weights, **options)
    with TemporaryDirectory() as place:
        folder = Path(place) / "run" / "recipes" / "bench"
        yield Task(photos, found.classes, parts.train, parts.valid, settings, folder, Path(place) / "cache")


def class_folders(task: Task, place: Path) -> dict[str, Path]:
    """Links to the photos of a task, in one folder of class folders for training and one for validation."""
    for part, photos in (("train", task.train), ("valid", task.valid)):
        for number, photo in enumerate(photos):
            source = (task.root / photo.path).resolve()
            link = place / part / photo.label / f"{number:05}{source.suffix}"
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(source)
    return {part: place / part for part in ("train", "valid")}


def datasets(folders: Mapping[str, Path], size: int, batch: int = 32) -> list[Any]:
    """Training and validation photos, decoded anew in each epoch."""
    how = {"image_size": (size, size), "batch_size": batch, "label_mode": "categorical", "verbose": False}
    return [
        keras.utils.image_dataset_from_directory(folders["train"], seed=0, **how),
        keras.utils.image_dataset_from_directory(folders["valid"], shuffle=False, **how),
    ]


def noted(curve: Curve, start: float) -> Any:
    """A callback that writes down when each epoch ended, and its validation loss."""

    def note(_: int, logs: Mapping[str, float]) -> None:
        curve.append((time.perf_counter() - start, float(logs["val_loss"])))

    return keras.callbacks.LambdaCallback(on_epoch_end=note)


def seconds_to(curve: Curve, loss: float) -> float:
    """When a validation loss was reached."""
    return next(seconds for seconds, reached in curve if reached <= loss)


def keep_to_equal_loss(
    name: str, what: str, curves: Mapping[str, Sequence[Curve]], ends: Mapping[str, Any], whole: Mapping[str, Any]
) -> None:
    """Keep how much earlier Tellapart came to the loss at which the worse of the two ended; four times is aimed at."""
    faster = spread(times_faster(curves[OURS], curves[STOCK]))
    figures = {"to_equal_loss": faster, "whole": whole, "ends": ends, "curves": curves}
    keep(
        name,
        what,
        {**figures, "aim": {"to equal loss, times": 4.0}, "reached": {"to equal loss, times": faster["median"]}},
    )


def times_faster(ours: Sequence[Curve], theirs: Sequence[Curve]) -> list[float]:
    """Of each pair, how much earlier ours came to the loss at which the worse of the two ended."""
    ratios = []
    for own, other in zip(ours, theirs, strict=True):
        loss = max(min(reached for _, reached in curve) for curve in (own, other))
        ratios.append(seconds_to(other, loss) / seconds_to(own, loss))
    return ratios
