"""Pictures in which one planted square alone decides the class, and a tiny network that has learned so."""

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import onnx

from ladder_models import golden
from tellapart.deploy.export import stamp
from tellapart.deploy.runtime import Model
from tellapart.explain.network import Network
from tellapart.models import networks
from tellapart.models.backend import keras
from tellapart.models.onnx_export import to_onnx
from tellapart.models.task import Fitted
from tellapart.models.training import History
from tellapart.photos.pixels import PixelSpec

SIZE = 48
SQUARE = 14
LARGE = 24  # as wide as six cells of 4 pixels, so that a map of such cells may lie in it whole
CLASSES = ("green", "red")
_DECIDES = ((40, 200, 60), (210, 50, 40))
_DISTRACTS = ((60, 60, 210), (225, 225, 225), (15, 15, 15))  # as much red as green: they say nothing

Box = tuple[int, int]


def pictures(n: int, seed: int, square: int = SQUARE) -> tuple[np.ndarray, np.ndarray, list[Box]]:
    """Grey noise with a green or a red square anywhere, and three squares of other colours that say nothing.

    Returns:
        Pictures (n, 48, 48, 3), uint8; class numbers (n,); top and left of each deciding square, which is
        `square` pixels wide and drawn last, so that none covers it.
    """
    generator = np.random.default_rng(seed)
    grey = generator.integers(60, 180, (n, SIZE, SIZE, 1))
    drawn = np.clip(grey + generator.integers(-15, 16, (n, SIZE, SIZE, 3)), 0, 255).astype(np.uint8)
    labels = generator.integers(0, 2, n)
    boxes: list[Box] = []
    for picture, label in zip(drawn, labels, strict=True):
        for colour in (*_DISTRACTS, _DECIDES[label]):
            top, left = (int(place) for place in generator.integers(0, SIZE - square + 1, 2))
            shade = generator.integers(-15, 16, (square, square, 3))
            picture[top : top + square, left : left + square] = np.clip(np.array(colour) + shade, 0, 255)
        boxes.append((top, left))
    return drawn, labels, boxes


def share_inside(heat: np.ndarray, box: Box, margin: int, square: int = SQUARE) -> float:
    """The share of a map's positive part in the square, which is taken to be `margin` pixels wider on each side."""
    top, left = (max(place - margin, 0) for place in box)
    bottom, right = (place + square + margin for place in box)
    positive = np.maximum(heat, 0)
    return float(positive[top:bottom, left:right].sum() / positive.sum()) if positive.any() else 0.0


@cache
def trained(kind: str = "pooled", square: int = SQUARE) -> bytes:
    """A network that tells the classes: "pooled" as a backbone with its head does, "flattened" as recipe 1 does;
    "fine" is pooled, of cells half as wide."""
    keras.utils.set_random_seed(0)
    widths = (16, 32) if kind == "fine" else (16, 32, 32)
    network = networks.baseline(len(CLASSES), SIZE) if kind == "flattened" else _pooled(widths)
    drawn, labels, _ = pictures(1200, 1, square)
    loss = keras.losses.SparseCategoricalCrossentropy()
    network.compile(keras.optimizers.Adam(2e-3), loss, jit_compile=False)  # XLA is slower on a CPU
    network.fit(drawn.astype(np.float32), labels, batch_size=32, epochs=6, verbose=0)
    return to_onnx(network)


def model_of(content: bytes, *, backbone: str | None = "pocket") -> Model:
    """The model file of an exported network of these pictures."""
    nothing = np.empty((0, len(CLASSES)))
    recipe = "bottleneck" if backbone else "baseline"
    fitted = Fitted(recipe, None, PixelSpec(SIZE), History(), nothing, nothing, {}, 0)
    facts = {"classes": list(CLASSES), "photos": "0" * 64, "backbone": backbone}
    return Model(stamp(content, fitted, *golden(), facts), recipe)


@cache
def planted_network(kind: str = "pooled", square: int = SQUARE) -> Network:
    """The trained network, opened."""
    return Network(model_of(trained(kind, square), backbone=None if kind == "flattened" else "pocket"))


def randomised(content: bytes, layers: int) -> bytes:
    """The network with the weights of its last `layers` layers shuffled, each within its layer.

    Shuffling keeps their distribution, so that maps change by what was learned alone. Biases are set to 0.
    """
    model = onnx.load_from_string(content)
    generator = np.random.default_rng(4)
    weighted = [node for node in model.graph.node if node.op_type in {"Conv", "MatMul", "Gemm"}]
    wanted = {name for node in weighted[len(weighted) - layers :] for name in node.input[1:]}
    for constant in model.graph.initializer:
        if constant.name in wanted:
            array = onnx.numpy_helper.to_array(constant)
            mixed = generator.permutation(array.ravel()).reshape(array.shape) if array.ndim > 1 else 0 * array
            constant.CopyFrom(onnx.numpy_helper.from_array(mixed.astype(array.dtype), constant.name))
    return bytes(model.SerializeToString())


def _pooled(widths: Sequence[int]) -> Any:
    layers = keras.layers
    photo = keras.Input((SIZE, SIZE, 3), name="photo")
    x = layers.Rescaling(1 / 127.5, offset=-1)(photo)
    for width in widths:
        x = layers.Conv2D(width, 3, padding="same", activation="relu")(x)
        x = layers.MaxPooling2D()(x)
    x = layers.Conv2D(32, 1, activation="relu")(x)
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(photo, layers.Dense(len(CLASSES), activation="softmax")(x))
