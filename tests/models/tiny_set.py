"""A tiny set of photos that can be told apart, and a tiny backbone; shared by the tests of this folder."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from tellapart.models.backbones import Backbone, build_backbone, find_backbone
from tellapart.models.backend import keras
from tellapart.models.task import Options, Task
from tellapart.photos.scan import Photo, scan
from tellapart.photos.split import split_for_training

COLOURS = {"bar": (40, 170, 60), "disc": (50, 70, 200), "ring": (210, 50, 40)}

# Keras asks NumPy for TensorFlow's variables in a way that NumPy 2 deprecates, whenever it saves or reads one.
QUIET = pytest.mark.filterwarnings(
    "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning:keras.src.backend.tensorflow.core"
)


def draw_photo(label: str, seed: int) -> Image.Image:
    """A coloured shape on grey noise, 28 to 40 pixels wide and high."""
    generator = np.random.default_rng([seed, sum(label.encode())])
    width, height = (int(side) for side in generator.integers(28, 41, 2))
    picture = Image.fromarray(generator.integers(90, 160, (height, width, 3), dtype=np.uint8))
    left, top = (int(place) for place in generator.integers(2, 9, 2))
    box = (left, top, left + 18, top + 18)
    pen = ImageDraw.Draw(picture)
    if label == "bar":
        pen.rectangle((box[0], box[1], box[2], box[1] + 9), fill=COLOURS[label])
    elif label == "disc":
        pen.ellipse(box, fill=COLOURS[label])
    else:
        pen.ellipse(box, outline=COLOURS[label], width=5)
    return picture


def draw_set(root: Path, per_class: int = 12) -> Path:
    """A folder of three class folders."""
    for label in COLOURS:
        (root / label).mkdir(parents=True)
        for number in range(per_class):
            draw_photo(label, number).save(root / label / f"{number:02}.png")
    return root


def noise(n: int, spread: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Features of photos of two classes, which the first channel alone tells apart, and their class numbers."""
    generator = np.random.default_rng(seed)
    labels = np.arange(n) % 2
    features = generator.normal(size=(n, 6))
    features[:, 0] += spread * labels
    return features, labels


def task_on(photos: Path, place: Path, options: Options) -> Task:
    """A task on all photos of a folder; the recipe's own folder and the cache lie in `place`."""
    found = scan(photos)
    train, valid = split_for_training(found, seed=options.seed)
    folder = place / "run" / "recipes" / "tiny"
    return Task(found.root, found.classes, train, valid, options, folder, place / "cache")


def photos_of(root: Path) -> tuple[Photo, ...]:
    """Every photo of a folder of class folders."""
    return scan(root).items


def tiny_backbone() -> Backbone:
    """The smallest of the backbones that the measurements are made with."""
    return find_backbone("mobilenet_v2")


def random_weights(path: Path, seed: int = 0) -> Path:
    """A weights file of `tiny_backbone` with random kernels, and batch norms fitted to the tiny photos.

    Without that, 52 random layers give every photo the same features.
    """
    keras.utils.set_random_seed(seed)
    network = build_backbone(tiny_backbone(), 64)
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.0
    photos = [draw_photo(label, 100 + number).resize((64, 64)) for label in COLOURS for number in range(8)]
    network(np.stack([np.asarray(photo, dtype=np.float32) for photo in photos]) / 127.5 - 1, training=True)
    network.save_weights(path)
    return path
