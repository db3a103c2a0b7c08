"""The networks that are trained from scratch, and the head of the transfer recipes.

Each takes RGB photos from 0 to 255 and gives class probabilities: the scaling
is a layer, so that the exported file has it inside.
"""

from typing import Any, Final

from tellapart.models.backend import keras
from tellapart.models.lower_maps import lower_in_keras

HEAD_UNITS: Final = 256


def baseline(n_classes: int, size: int) -> Any:
    """A simple CNN: three convolutions, each with max-pooling, and a dense layer of 128."""
    return _convolutional(n_classes, size, widths=(16, 32, 64))


def deeper(n_classes: int, size: int, *, width: float = 1.0, dropout: float = 0.0) -> Any:
    """The deeper CNN: five convolutions with batch norm and max-pooling.

    Args:
        n_classes: Number of outputs.
        size: Of its photos, in pixels.
        width: Multiplies the channels of every convolution.
        dropout: Share of the dense layer's units that is dropped.
    """
    widths = tuple(8 * max(1, round(channels * width / 8)) for channels in (16, 32, 64, 128, 128))
    return _convolutional(n_classes, size, widths=widths, batch_norm=True, dropout=dropout)


def _convolutional(
    n_classes: int, size: int, *, widths: tuple[int, ...], batch_norm: bool = False, dropout: float = 0.0
) -> Any:
    layers = keras.layers
    photo = keras.Input((size, size, 3), name="photo")
    x = layers.Rescaling(1 / 127.5, offset=-1)(photo)
    for channels in widths:
        x = layers.Conv2D(channels, 3, padding="same", kernel_initializer="he_uniform", use_bias=not batch_norm)(x)
        # Keras' momentum of 0.99 leaves the moving statistics behind in so few steps.
        x = layers.BatchNormalization(momentum=0.9)(x) if batch_norm else x
        x = layers.Activation("relu")(x)
        x = layers.MaxPooling2D()(x) if x.shape[1] > 1 else x
    x = layers.Flatten()(x)
    x = layers.Dense(128, activation="relu")(x)
    x = layers.Dropout(dropout)(x) if dropout else x
    return keras.Model(photo, layers.Dense(n_classes, activation="softmax")(x))


def head(channels: int, n_classes: int, *, dropout: float) -> Any:
    """The small fully connected network of the transfer recipes, on pooled features.

    Returns:
        Keras model from (n, channels) to probabilities (n, classes).
    """
    layers = keras.layers
    pooled = keras.Input((channels,), name="pooled")
    x = layers.Dense(HEAD_UNITS, activation="relu")(pooled)
    x = layers.Dropout(dropout)(x)
    return keras.Model(pooled, layers.Dense(n_classes, activation="softmax")(x))


def pooled(network: Any, *, lower: bool = False) -> Any:
    """A network of activation maps, followed by the mean of each channel.

    Args:
        network: From photos to its last maps.
        lower: Whether the means of its lower maps (`lower_maps.py`), where it has some, stand behind those of the last.
    """
    return keras.Model(network.input, joined(means(network, lower=lower)))


def means(network: Any, *, lower: bool) -> list[Any]:
    """The means of the last maps' channels, (photos, channels), and where `lower` says so those of the lower maps."""
    maps = [network.output, lower_in_keras(network) if lower else None]
    return [keras.layers.GlobalAveragePooling2D()(one) for one in maps if one is not None]


def joined(parts: list[Any]) -> Any:
    """Features one behind the other."""
    return parts[0] if len(parts) == 1 else keras.layers.Concatenate()(parts)
