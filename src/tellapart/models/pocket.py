"""`pocket`, the built-in backbone: a small network of plain 3x3 convolutions, its weights in the package.

It was distilled from MobileNetV2; `training/pocket/` tells how, and how good it is.
"""

from pathlib import Path
from typing import Any, Final

import numpy as np

from tellapart.errors import OptionError, WeightsError
from tellapart.models.onnx_primitives import Window, activated, convolution, padded, scaled
from tellapart.models.onnx_writer import Graph, Value

# Trained at 128; at 112 it is a third faster and its features are worth 0 to 1 point less (docs/LOG.md).
SIZE: Final = 112
SMALLEST: Final = 32
CHANNELS: Final = 320
# Name, channels and stride of each 3x3 convolution; those that kept their channels had a
# skip around them while they were trained, which is now the centre of their kernels.
LAYERS: Final = (
    ("stem", 16, 2),
    ("stage1_a", 48, 2),
    ("stage1_b", 48, 1),
    ("stage2_a", 96, 2),
    ("stage2_b", 96, 1),
    ("stage2_c", 96, 1),
    ("stage2_d", 96, 1),
    ("stage3_a", 208, 2),
    ("stage3_b", 208, 1),
    ("stage3_c", 208, 1),
)
BELOW_LAST_BLOCK: Final = "stage2_d"
FILE: Final = Path(__file__).with_name("pocket.safetensors")
_SHAPES: Final = {
    name: (3, 3, below, channels)
    for (_, below, _), (name, channels, _) in zip((("", 3, 1), *LAYERS), LAYERS, strict=False)
} | {"last": (1, 1, LAYERS[-1][1], CHANNELS)}


def build(*, include_top: bool, weights: None, input_shape: tuple[int, int, int]) -> Any:
    """Build the network with random weights; it takes what a constructor of `keras.applications` takes.

    Args:
        include_top: False: it has no dense layers.
        weights: None: they are loaded by `load`.
        input_shape: (size, size, 3).

    Returns:
        A Keras model from photos, -1 to 1, to maps (size / 16, size / 16, 320).

    Raises:
        OptionError: Fewer than 32 pixels.
    """
    if include_top or weights is not None:
        raise ValueError("pocket has no dense layers, and no weights but those of `load`")
    _check_size(input_shape[0])
    from tellapart.models.backend import keras

    photo = keras.Input(input_shape)
    maps = photo
    for name, channels, stride in LAYERS:
        # Padded by hand: with a stride of 2, "same" would shift the grid by half a pixel.
        maps = keras.layers.ZeroPadding2D(1, name=f"{name}_pad")(maps)
        maps = keras.layers.Conv2D(channels, 3, strides=stride, activation="relu", name=name)(maps)
    return keras.Model(photo, keras.layers.Conv2D(CHANNELS, 1, name="last")(maps), name="pocket")


def preprocess(photos: Any) -> Any:
    """Scale RGB from 0 to 255 to -1 to 1."""
    from tellapart.models.backend import keras

    return keras.layers.Rescaling(1 / 127.5, offset=-1.0)(photos)


def load(network: Any, path: Path, backbone: Any = None) -> None:  # noqa: ARG001  the others' loader is told
    """Load weights, `<layer>/kernel` and `<layer>/bias`, float16.

    Raises:
        WeightsError: The file is damaged or of another network.
    """
    for name, pair in read_weights(path).items():
        network.get_layer(name).set_weights(pair)


def read_weights(path: Path) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Kernel and bias of each layer, float32, by its name.

    Raises:
        WeightsError: The file is damaged or of another network.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        arrays = load_file(path)
        pairs = {name: (arrays[f"{name}/kernel"], arrays[f"{name}/bias"]) for name in _SHAPES}
    except (SafetensorError, KeyError, OSError) as problem:
        raise _not_pocket(path, problem) from problem
    for name, (kernel, bias) in pairs.items():
        if kernel.shape != _SHAPES[name] or bias.shape != kernel.shape[3:]:
            raise _not_pocket(path, f"{name} is {kernel.shape}")
    return {name: (kernel.astype(np.float32), bias.astype(np.float32)) for name, (kernel, bias) in pairs.items()}


def write_maps(graph: Graph, photo: Value, path: Path) -> Value:
    """Write the network, its preprocessing before it, with the weights of a file; Keras is not needed for it.

    Args:
        graph: Takes it.
        photo: RGB from 0 to 255, (size, size, 3).
        path: The file of weights.

    Returns:
        The last maps, (size / 16, size / 16, 320).

    Raises:
        WeightsError: The file is damaged or of another network.
        OptionError: Fewer than 32 pixels.
    """
    _check_size(photo.shape[0])
    weights = read_weights(path)
    maps = scaled(graph, photo, 1 / 127.5, -1.0)
    for name, _, stride in LAYERS:
        maps = padded(graph, maps, (1, 1), (1, 1))
        maps = activated(graph, convolution(graph, maps, *weights[name], Window((3, 3), (stride, stride))), "Relu")
    return convolution(graph, maps, *weights["last"], Window((1, 1)))


def _check_size(size: int) -> None:
    if size < SMALLEST:
        raise OptionError(f"pocket does not take photos of {size} pixels. Next: --image-size {SIZE}")


def _not_pocket(path: Path, why: object) -> WeightsError:
    return WeightsError(
        f"{path} does not hold the weights of pocket ({why}). "
        "Next: leave --weights away for the built-in ones, or install Tellapart again"
    )
