"""Backbones whose layers stand in one row, written straight from their files of weights, without Keras.

Each is a row of the table: VGG16, VGG19, MobileNet and MobileNetV2 as `keras.applications` builds them. What is written
is the same to the byte as what comes of building them by Keras.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from tellapart.errors import OptionError
from tellapart.models import onnx_primitives as primitives
from tellapart.models.backbones import CAFFE_MEANS, Backbone
from tellapart.models.onnx_primitives import Window
from tellapart.models.onnx_writer import Graph, Value
from tellapart.models.weights import read_weights
from tellapart.weights.arrays import Weighted

SMALLEST: Final = 32  # pixels, as Keras has it


@dataclass(frozen=True)
class Step:
    """A convolution, and what stands behind it.

    Attributes:
        channels: That come out; a depthwise one keeps those that come in.
        side: Of its kernel.
        stride: Its steps.
        depthwise: Whether it takes each channel by itself.
        rectified: Whether a rectifier stands behind it.
    """

    channels: int = 0
    side: int = 3
    stride: int = 1
    depthwise: bool = False
    rectified: bool = True


@dataclass(frozen=True)
class Block:
    """Some convolutions.

    Attributes:
        steps: In order.
        added: Whether what went in is added to what comes out.
        pooled: Whether maps are halved behind it, by the largest of four numbers.
    """

    steps: tuple[Step, ...]
    added: bool = False
    pooled: bool = False


@dataclass(frozen=True)
class Chain:
    """A network.

    Attributes:
        blocks: In order.
        epsilon: Of the batch norm behind each convolution; None where each has a bias instead.
        ceiling: Of the rectifiers; None for none.
        caffe: Whether photos go in as blue, green and red minus their means, else from -1 to 1.
        behind: Whether a depthwise step of 2 has a row and a column of zeros behind the maps, whatever their size.
    """

    blocks: tuple[Block, ...]
    epsilon: float | None = None
    ceiling: float | None = None
    caffe: bool = False
    behind: bool = False

    def layers(self) -> list[Weighted]:
        """All layers that have weights, in order."""
        found: list[Weighted] = []
        channels = 3
        for step in (step for block in self.blocks for step in block.steps):
            shape = (step.side, step.side, channels, 1 if step.depthwise else step.channels)
            channels = channels if step.depthwise else step.channels
            bias = ((channels,),) if self.epsilon is None else ()
            found.append(Weighted("depthwise_conv2d" if step.depthwise else "conv2d", (shape, *bias)))
            if self.epsilon is not None:
                found.append(Weighted("batch_normalization", ((channels,),) * 4))
        return found


def write_maps(graph: Graph, photo: Value, backbone: Backbone, path: Path) -> Value:
    """Write a backbone of the table, its preprocessing before it, with the weights of a file.

    Args:
        graph: Takes it.
        photo: RGB from 0 to 255, (size, size, 3).
        backbone: Its name is one of `CHAINS`.
        path: The file of weights, in either of Keras' layouts.

    Returns:
        The last maps.

    Raises:
        WeightsError: The file is damaged or of another network.
        OptionError: Fewer than 32 pixels.
    """
    chain = CHAINS[backbone.name]
    if photo.shape[0] < SMALLEST:
        raise OptionError(
            f"{backbone.name} does not take photos of {photo.shape[0]} pixels ({SMALLEST} or more). "
            f"Next: --image-size {backbone.image_size}"
        )
    arrays = iter(read_weights(path, chain.layers(), backbone))
    x = _scaled(graph, photo, caffe=chain.caffe)
    for block in chain.blocks:
        before = x
        for step in block.steps:
            x = _step(graph, x, step, chain, arrays)
        x = primitives.combined(graph, "Add", before, x) if block.added else x
        x = primitives.max_pool(graph, x, Window((2, 2), (2, 2))) if block.pooled else x
    return x


def _scaled(graph: Graph, photo: Value, *, caffe: bool) -> Value:
    if caffe:
        turned = primitives.chosen_channels(graph, photo, (2, 1, 0))
        return primitives.scaled(graph, turned, 1.0, -np.array(CAFFE_MEANS))
    x = primitives.combined(graph, "Mul", photo, np.array(1 / np.float32(127.5), np.float32))
    return primitives.combined(graph, "Sub", x, np.array(1, np.float32))


def _step(graph: Graph, x: Value, step: Step, chain: Chain, arrays: Iterator[Sequence[np.ndarray]]) -> Value:
    kernel, *bias = next(arrays)
    behind = chain.behind and step.depthwise and step.stride > 1
    window = Window((step.side, step.side), (step.stride, step.stride), same=not behind)
    x = primitives.padded(graph, x, (0, 1), (0, 1)) if behind else x
    write = primitives.depthwise_convolution if step.depthwise else primitives.convolution
    x = write(graph, x, kernel, bias[0] if bias else None, window)
    if chain.epsilon is not None:
        gamma, beta, mean, variance = next(arrays)
        x = primitives.batch_norm(graph, x, *primitives.scale_and_shift(mean, variance, chain.epsilon, gamma, beta))
    if not step.rectified:
        return x
    return (
        primitives.activated(graph, x, "Relu")
        if chain.ceiling is None
        else primitives.clipped(graph, x, 0.0, chain.ceiling)
    )


def _vgg(*places: int) -> Chain:
    """Blocks of so many convolutions, each then halved."""
    widths = (64, 128, 256, 512, 512)
    return Chain(
        tuple(Block((Step(width),) * n, pooled=True) for width, n in zip(widths, places, strict=True)), caffe=True
    )


def _mobilenet() -> Chain:
    widths = ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *((512, 1),) * 5, (1024, 2), (1024, 1))
    pairs = tuple(Step(stride=stride, depthwise=True) for _, stride in widths)
    blocks = tuple(Block((first, Step(width, 1))) for first, (width, _) in zip(pairs, widths, strict=True))
    return Chain((Block((Step(32, stride=2),)), *blocks), epsilon=1e-3, ceiling=6.0, behind=True)


def _mobilenet_v2() -> Chain:
    """Blocks that widen, look around and narrow; a block of the same size is added to what went in."""
    blocks = [Block((Step(32, stride=2), Step(depthwise=True), Step(16, 1, rectified=False)))]
    below = 16
    for width, stride, n in ((24, 2, 2), (32, 2, 3), (64, 2, 4), (96, 1, 3), (160, 2, 3), (320, 1, 1)):
        for number in range(n):
            look = Step(stride=1 if number else stride, depthwise=True)
            steps = (Step(6 * below, 1), look, Step(width, 1, rectified=False))
            blocks.append(Block(steps, added=number > 0))
            below = width
    return Chain((*blocks, Block((Step(1280, 1),))), epsilon=1e-3, ceiling=6.0)


CHAINS: Final = {
    "vgg16": _vgg(2, 2, 3, 3, 3),
    "vgg19": _vgg(2, 2, 4, 4, 4),
    "mobilenet": _mobilenet(),
    "mobilenet_v2": _mobilenet_v2(),
}
