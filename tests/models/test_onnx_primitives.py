from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest

from tellapart.models import onnx_primitives as layers
from tellapart.models.forward import Forward
from tellapart.models.onnx_primitives import Window
from tellapart.models.onnx_writer import Graph, Value

CHANCE = np.random.default_rng(0)
PHOTOS = CHANCE.normal(size=(2, 5, 6, 3)).astype(np.float32)
ROWS = CHANCE.normal(size=(2, 4)).astype(np.float32)
Layer = Callable[[Graph, Value], Value]


def answer(layer: Layer, photos: np.ndarray = PHOTOS) -> np.ndarray:
    """What a layer makes of photos; its shape is held against the one that it foretells."""
    graph = Graph(photos.shape[1:])
    value = layer(graph, graph.photo)
    content = graph.finished({"out": value})
    onnx.checker.check_model(onnx.load_from_string(content), full_check=True)
    found = Forward(content)(photos)
    assert found.shape[1:] == value.shape
    return found


def windows(photos: np.ndarray, window: Window, fill: float) -> np.ndarray:
    """The numbers under each window, (n, rows, columns, channels, its rows, its columns)."""
    top, left, bottom, right = window.pads(photos.shape[1:])
    wide = np.pad(photos, ((0, 0), (top, bottom), (left, right), (0, 0)), constant_values=fill)
    spans = [(side - 1) * gap + 1 for side, gap in zip(window.sides, window.gaps, strict=True)]
    seen = np.lib.stride_tricks.sliding_window_view(wide, spans, axis=(1, 2))
    steps, gaps = window.strides, window.gaps
    return np.asarray(seen[:, :: steps[0], :: steps[1], :, :: gaps[0], :: gaps[1]])


WINDOWS = [
    Window((3, 3)),
    Window((1, 1)),
    Window((3, 2), (2, 3)),
    Window((3, 3), (2, 2), same=True),
    Window((2, 5), (1, 2), same=True),
    Window((2, 2), (1, 1), same=True, gaps=(2, 3)),
    Window((3, 2), gaps=(2, 1)),
]


@pytest.mark.parametrize("window", WINDOWS, ids=str)
def test_convolutions(window: Window) -> None:
    kernel = CHANCE.normal(size=(*window.sides, 3, 4)).astype(np.float32)
    bias = CHANCE.normal(size=4).astype(np.float32)
    seen = windows(PHOTOS, window, 0)
    expected = np.einsum("nrcikl,klio->nrco", seen, kernel)
    assert answer(lambda g, x: layers.convolution(g, x, kernel, None, window)) == pytest.approx(expected, abs=1e-4)
    assert answer(lambda g, x: layers.convolution(g, x, kernel, bias, window)) == pytest.approx(
        expected + bias, abs=1e-4
    )
    each = kernel[..., :2]
    expected = np.einsum("nrcikl,klio->nrcio", seen, each)
    expected = expected.reshape(*expected.shape[:3], 6)
    told = answer(lambda g, x: layers.depthwise_convolution(g, x, each, None, window))
    assert told == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("window", [window for window in WINDOWS if window.gaps == (1, 1)], ids=str)
def test_pools(window: Window) -> None:
    largest = windows(PHOTOS, window, -np.inf).max(axis=(-1, -2))
    assert (answer(lambda g, x: layers.max_pool(g, x, window)) == largest).all()
    mean = np.nanmean(windows(PHOTOS, window, np.nan), axis=(-1, -2))
    assert answer(lambda g, x: layers.average_pool(g, x, window)) == pytest.approx(mean, abs=1e-6)


def test_the_odd_zero_stands_behind() -> None:
    assert Window((3, 3), (2, 2), same=True).pads((4, 5)) == [0, 1, 1, 1]
    assert Window((2, 2), same=True).pads((4, 5)) == [0, 0, 1, 1]
    assert Window((1, 1), (2, 2), same=True).pads((4, 5)) == [0, 0, 0, 0]
    assert Window((3, 3), (2, 2)).pads((4, 5)) == [0, 0, 0, 0]


def test_groups_of_channels() -> None:
    kernel = CHANCE.normal(size=(1, 1, 1, 6)).astype(np.float32)
    expected = PHOTOS.repeat(2, axis=-1) * kernel
    told = answer(lambda g, x: layers.convolution(g, x, kernel, None, Window((1, 1))))
    assert told == pytest.approx(expected, abs=1e-6)


PLACES = CHANCE.normal(size=(90, 4)).astype(np.float32)
THREE = np.array([1, -2, 3], np.float32)
PLAIN: dict[str, tuple[Layer, Any]] = {
    "batch norm": (lambda g, x: layers.batch_norm(g, x, THREE, -THREE), PHOTOS * THREE - THREE),
    "scaled": (lambda g, x: layers.scaled(g, x, 2.0, -1.0), PHOTOS * 2 - 1),
    "scaled by channel": (lambda g, x: layers.scaled(g, x, THREE, THREE), PHOTOS * THREE + THREE),
    "not scaled": (lambda g, x: layers.scaled(g, x, 1.0, 0.0), PHOTOS),
    "sum of two": (lambda g, x: layers.combined(g, "Add", x, x), PHOTOS + PHOTOS),
    "number less maps": (lambda g, x: layers.combined(g, "Sub", np.array(1, np.float32), x), 1 - PHOTOS),
    "by channel": (lambda g, x: layers.combined(g, "Div", x, THREE), PHOTOS / THREE),
    "weighed": (
        lambda g, x: layers.combined(g, "Mul", x, layers.global_pool(g, x, "Average", keep=True)),
        PHOTOS * PHOTOS.mean(axis=(1, 2), keepdims=True),
    ),
    "concatenated": (
        lambda g, x: layers.concatenated(g, [x, layers.activated(g, x, "Neg")]),
        np.concatenate([PHOTOS, -PHOTOS], axis=-1),
    ),
    "mean": (lambda g, x: layers.global_pool(g, x, "Average"), PHOTOS.mean(axis=(1, 2))),
    "largest": (lambda g, x: layers.global_pool(g, x, "Max"), PHOTOS.max(axis=(1, 2))),
    "padded": (
        lambda g, x: layers.padded(g, x, (1, 2), (0, 3)),
        np.pad(PHOTOS, ((0, 0), (1, 2), (0, 3), (0, 0))),
    ),
    "cropped": (lambda g, x: layers.cropped(g, x, (1, 2), (0, 3)), PHOTOS[:, 1:-2, :-3]),
    "reversed": (lambda g, x: layers.chosen_channels(g, x, (2, 1, 0)), PHOTOS[..., ::-1]),
    "clipped": (lambda g, x: layers.clipped(g, x, 0, 0.5), np.clip(PHOTOS, 0, 0.5)),
    "flattened": (layers.flattened, PHOTOS.reshape(2, -1)),
    "as other maps": (lambda g, x: layers.reshaped(g, x, (3, 10, 3)), PHOTOS.reshape(2, 3, 10, 3)),
    "as one place": (lambda g, x: layers.reshaped(g, x, (1, 1, 90)), PHOTOS.reshape(2, 1, 1, 90)),
    "flattened twice": (lambda g, x: layers.flattened(g, layers.flattened(g, x)), PHOTOS.reshape(2, -1)),
    "dense of maps": (
        lambda g, x: layers.dense(g, layers.flattened(g, x), PLACES, None),
        PHOTOS.reshape(2, -1) @ PLACES,
    ),
    "dense of clipped maps": (
        lambda g, x: layers.dense(g, layers.clipped(g, layers.flattened(g, x), 0, 1), PLACES, None),
        np.clip(PHOTOS, 0, 1).reshape(2, -1) @ PLACES,
    ),
    "scaled flattened maps": (
        lambda g, x: layers.combined(g, "Mul", layers.flattened(g, x), np.arange(90, dtype=np.float32)),
        PHOTOS.reshape(2, -1) * np.arange(90),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", PLAIN)
def test_layers_of_maps(name: str) -> None:
    layer, expected = PLAIN[name]
    assert answer(layer) == pytest.approx(expected, abs=1e-4)


FOUR = np.arange(4, dtype=np.float32)
SQUARE = CHANCE.normal(size=(4, 5)).astype(np.float32)
OF_ROWS: dict[str, tuple[Layer, Any]] = {
    "dense": (lambda g, x: layers.dense(g, x, SQUARE, None), ROWS @ SQUARE),
    "dense with bias": (lambda g, x: layers.dense(g, x, SQUARE, SQUARE[0]), ROWS @ SQUARE + SQUARE[0]),
    "softmax": (layers.softmax, np.exp(ROWS) / np.exp(ROWS).sum(axis=-1, keepdims=True)),
    "batch norm": (lambda g, x: layers.batch_norm(g, x, FOUR, -FOUR), ROWS * FOUR - FOUR),
    "concatenated": (lambda g, x: layers.concatenated(g, [x, x]), np.tile(ROWS, 2)),
    "as maps of one place": (lambda g, x: layers.reshaped(g, x, (1, 1, 4)), ROWS[:, None, None]),
    "as maps": (lambda g, x: layers.reshaped(g, x, (2, 1, 2)), ROWS.reshape(2, 2, 1, 2)),
    "as they are": (lambda g, x: layers.reshaped(g, x, (4,)), ROWS),
    "chosen": (lambda g, x: layers.chosen_channels(g, x, (3, 1)), ROWS[:, [3, 1]]),
}


@pytest.mark.parametrize("name", OF_ROWS)
def test_layers_of_numbers_in_a_row(name: str) -> None:
    layer, expected = OF_ROWS[name]
    assert answer(layer, ROWS) == pytest.approx(expected, abs=1e-5)
