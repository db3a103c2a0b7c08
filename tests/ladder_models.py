"""Model files as the ladder makes them, with random weights: networks from scratch, and a backbone with its head."""

import atexit
from functools import cache
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import Any

import numpy as np

from photo_maker import saved
from tellapart.deploy.export import calibrated, stamp
from tellapart.deploy.runtime import Model
from tellapart.deploy.stranger_output import with_strangers
from tellapart.evaluation.strangers import fit_strangers
from tellapart.models import networks
from tellapart.models.backbones import build_backbone, find_backbone
from tellapart.models.backend import keras
from tellapart.models.onnx_export import to_onnx
from tellapart.models.task import Fitted
from tellapart.models.training import History
from tellapart.photos.pixels import PixelSpec
from tellapart.photos.scan import Photo

SIZE = 32
CLASSES = ("chair & co", "椅子", "table")


def from_scratch(name: str) -> Any:
    """The network of a recipe, untrained; batch norms and biases are drawn, so that none of them is left out."""
    keras.utils.set_random_seed(1)
    n = len(CLASSES)
    made = {
        "majority": lambda: floor(SIZE),
        "baseline": lambda: networks.baseline(n, SIZE),
        "deeper": lambda: networks.deeper(n, SIZE),
        "augmented": lambda: networks.deeper(n, SIZE, dropout=0.3),
        "tuned": lambda: networks.deeper(n, SIZE, width=0.5, dropout=0.2),
    }[name]()
    return made if name == "majority" else shaken(made)


def floor(size: int) -> Any:
    """A Keras network that always gives the same shares; the recipe writes its own without Keras."""
    photo = keras.Input((size, size, 3), name="photo")
    output = keras.layers.Dense(3, activation="softmax", kernel_initializer="zeros")
    network = keras.Model(photo, output(keras.layers.GlobalAveragePooling2D()(photo)))
    output.set_weights([np.zeros((3, 3)), np.log([0.5, 0.3, 0.2])])
    return network


def shaken(network: Any) -> Any:
    """A network with every bias, mean and variance drawn."""
    generator = np.random.default_rng(2)
    for weight in network.weights:
        if len(weight.shape) == 1:
            weight.assign(generator.uniform(0.5, 1.5, weight.shape))
    return network


def with_backbone(name: str, size: int, *, lower: bool = False) -> Any:
    """A backbone as one layer of a network, from photos to probabilities and features, as the transfer recipes hand
    it over; its head reads the means of lower maps, too, or not."""
    keras.utils.set_random_seed(3)
    row = find_backbone("vgg16" if name == "small_vgg" else name)
    photo = keras.Input((size, size, 3), name="photo")
    backbone = small_vgg(size) if name == "small_vgg" else build_backbone(row, size)
    plain = keras.layers.GlobalAveragePooling2D()(backbone(row.preprocess(photo)))
    pooled = networks.pooled(backbone, lower=True)(row.preprocess(photo)) if lower else plain
    head = networks.head(pooled.shape[-1], len(CLASSES), dropout=0.3)
    return keras.Model(photo, [head(pooled), pooled])


def small_vgg(size: int) -> Any:
    """Three blocks as VGG16 has five, each of two convolutions and a pooling; ten thousand weights."""
    layers = keras.layers
    photo = keras.Input((size, size, 3))
    x = photo
    for block, width in enumerate((8, 16, 16), 1):
        for number in (1, 2):
            name = f"block{block}_conv{number}"
            x = layers.Conv2D(width, 3, padding="same", activation="relu", bias_initializer="normal", name=name)(x)
        x = layers.MaxPooling2D()(x)
    return keras.Model(photo, x, name="small_vgg")


def handed(network: Any, name: str, size: int, *, temperature: float = 1.5) -> Model:
    """The model file of a network: calibrated, with a second output where it has features, stamped and loaded."""
    content = to_onnx(network)
    if len(network.outputs) > 1:
        width = network.outputs[1].shape[-1]
        drawn = np.random.default_rng(0).normal(size=(30, width)).astype(np.float32)
        content = with_strangers(content, fit_strangers(drawn[:20], np.arange(20) % 3, drawn[20:]))
    return as_file(calibrated(content, temperature), name, size, temperature=temperature)


def as_file(content: bytes, name: str, size: int, *, temperature: float = 1.0) -> Model:
    """A network in ONNX form as a model file, stamped and loaded."""
    nothing = np.empty((0, len(CLASSES)))
    fitted = Fitted(name, None, PixelSpec(size), History(), nothing, nothing, {}, 0)
    facts = {"classes": list(CLASSES), "photos": "0" * 64, "temperature": temperature}
    return Model(stamp(content, fitted, *golden(), facts), name)


@cache
def golden() -> tuple[Path, tuple[Photo, ...]]:
    """Some photos, and the folder that they lie in."""
    root = Path(mkdtemp(prefix="tellapart-tests-"))
    atexit.register(rmtree, root, ignore_errors=True)
    return root, tuple(saved(number, "table", root) for number in range(3))


@cache
def recipe(name: str) -> tuple[Any, Model]:
    """A network from scratch and its model file, made once a session."""
    network = from_scratch(name)
    return network, handed(network, name, SIZE, temperature=1.0 if name == "majority" else 1.5)


@cache
def nested(name: str, size: int, *, lower: bool = False) -> tuple[Any, Model]:
    """A network with a backbone inside and its model file, made once a session."""
    network = with_backbone(name, size, lower=lower)
    return network, handed(network, "bottleneck", size)


def photos(n: int, size: int, seed: int = 0) -> np.ndarray:
    """Drawn pictures, (n, size, size, 3), uint8."""
    return np.random.default_rng(seed).integers(0, 256, (n, size, size, 3), dtype=np.uint8)
