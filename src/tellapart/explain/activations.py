"""What a photo becomes on its way through a network: the activation maps at the end of each block."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from PIL import Image

from tellapart.explain.network import Network

CHANNELS: Final = 6  # of each block: a row of a figure
_RIM: Final = 4  # cells: a smaller map is all rim
_ALIKE: Final = 0.8
_LARGEST: Final = 96  # pixels of a kept map's longer side


@dataclass(frozen=True)
class BlockMaps:
    """The strongest channels of one block for one photo.

    Attributes:
        block: Its name.
        shape: Rows, columns and channels of its activation maps.
        silent: Share of the channels that are nowhere above zero on this photo.
        numbers: Of the strongest channels, the strongest first.
        maps: Of these, (channels, rows, columns), uint8: each from nothing (0), or from its lowest value where
            that is below zero, to its highest (255). Large maps are made smaller.
    """

    block: str
    shape: tuple[int, int, int]
    silent: float
    numbers: tuple[int, ...]
    maps: np.ndarray


def strongest(network: Network, photo: np.ndarray, most: int = CHANNELS) -> list[BlockMaps]:
    """Show a photo to a network, and keep of each block the channels that answer most.

    A channel answers by how much its map varies from place to place (standard deviation): one that says the same
    of every place tells nothing of where it looks. The outermost places have no part in that, as they answer to the
    padding. A map that is much like one before it (correlation over 0.8) is passed over.

    Args:
        network: Any; one without activation maps gives an empty list.
        photo: Shape (size, size, 3), as `to_pixels` gives it.
        most: How many of a block.
    """
    _, found = network.scores_and_activations(photo[np.newaxis], network.blocks)
    return [_of_block(block, maps[0], most) for block, maps in zip(network.blocks, found, strict=True)]


def _of_block(block: str, maps: np.ndarray, most: int) -> BlockMaps:
    rows, columns, channels = maps.shape
    numbers = _unlike(maps[1:-1, 1:-1] if min(rows, columns) > _RIM else maps, most)
    silent = float((maps.max(axis=(0, 1)) <= 0).mean())
    shown = np.stack([_shown(maps[..., number]) for number in numbers])
    return BlockMaps(block, (rows, columns, channels), silent, tuple(numbers), shown)


def _unlike(maps: np.ndarray, most: int) -> list[int]:
    """The channels that vary most, each unlike those before it; alike ones only where there are no others."""
    flat = maps.reshape(-1, maps.shape[-1]).astype(np.float64)
    spread = np.round(flat.std(axis=0), 6)
    order = np.argsort(-spread, kind="stable")
    pointing = (flat - flat.mean(axis=0)) / np.where(spread > 0, spread, np.inf)
    found: list[int] = []
    for number in order.tolist():
        if len(found) == most or spread[number] == 0:
            break
        if not found or (pointing[:, found].T @ pointing[:, number]).max() <= _ALIKE * len(flat):
            found.append(number)
    return (found + [number for number in order.tolist() if number not in found])[:most]


def _shown(values: np.ndarray) -> np.ndarray:
    low, high = min(0.0, float(values.min())), float(values.max())
    scaled = np.round(255 * (values - low) / (high - low)) if high > low else np.zeros(values.shape)
    picture = Image.fromarray(scaled.astype(np.uint8))
    picture.thumbnail((_LARGEST, _LARGEST), Image.Resampling.BOX)
    return np.asarray(picture)
