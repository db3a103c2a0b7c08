"""Grad-CAM and two of its kin: which cells of the last activation maps speak for a class.

Each reads activation maps A (h, w, channels), and the gradient G of the class's score by them. They differ in how G
weighs the channels. Where a network decides by the means of several maps, each is read, and the evidence is added up.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from tellapart.errors import OptionError
from tellapart.explain.placing import enlarged
from tellapart.explain.pooling import together

if TYPE_CHECKING:
    from tellapart.explain.network import Network

Weigh = Callable[[np.ndarray, np.ndarray], np.ndarray]  # from maps and gradient to what each cell says

_CELL: Final = 4
_TINY: Final = 1e-12


def gradcam(network: "Network", photo: np.ndarray, number: int, *, block: str | None = None) -> np.ndarray:
    """Weigh each channel by its mean gradient (Grad-CAM; Selvaraju et al. 2017).

    The mean is what the score gains where a channel grows by the same amount everywhere. A network that
    pools its maps before it decides works like that; one that flattens them need not: see `hirescam`.

    Args:
        network: Any with activation maps.
        photo: Shape (size, size, 3), 0 to 255, as `to_pixels` gives it.
        number: Of the class.
        block: Whose maps are read; by default those whose means the network decides by, where they are several, else
            those of `block_of(network)`.

    Returns:
        Shape (size, size), float32, 0 or more; in units of the score.

    Raises:
        OptionError: The network has no activation maps.
    """
    return _shown(_plain, network, photo, number, block)


def gradcam_plus_plus(network: "Network", photo: np.ndarray, number: int, *, block: str | None = None) -> np.ndarray:
    """Weigh each channel by its positive gradients, few and strong ones most (Grad-CAM++; Chattopadhay et al. 2018).

    Several things of one class, or a large one, come out whole where Grad-CAM shows a part. Arguments, result
    and errors are those of `gradcam`.
    """
    return _shown(_sharp, network, photo, number, block)


def hirescam(network: "Network", photo: np.ndarray, number: int, *, block: str | None = None) -> np.ndarray:
    """Multiply each cell by its own gradient, channel by channel (HiResCAM; Draelos and Carin 2020).

    What a cell shows is what it adds to the score, to first order, also where the network weighs the places
    of its maps differently, as one with a flattened last map does. Arguments, result and errors are those of
    `gradcam`.
    """
    return _shown(_by_cell, network, photo, number, block)


def _plain(maps: np.ndarray, gradient: np.ndarray) -> np.ndarray:
    return np.asarray(maps @ gradient.mean(axis=(0, 1)))


def _sharp(maps: np.ndarray, gradient: np.ndarray) -> np.ndarray:
    # alpha = G^2 / (2 G^2 + sum(A) G^3), shortened by G^2, whose powers would vanish where gradients are small.
    below = 2 + maps.sum(axis=(0, 1)) * gradient
    alpha = np.divide(1.0, below, out=np.zeros_like(gradient), where=(gradient != 0) & (np.abs(below) > _TINY))
    return np.asarray(maps @ (alpha * np.maximum(gradient, 0)).sum(axis=(0, 1)))


def _by_cell(maps: np.ndarray, gradient: np.ndarray) -> np.ndarray:
    return np.asarray((maps * gradient).sum(axis=2))


def block_of(network: "Network") -> str:
    """The block that is read by default.

    With a backbone it is the last one, whose maps are pooled. The networks from scratch flatten their last map:
    there it is the last block with a cell for every 4 pixels of the photo: a cell of the last block has seen half
    the photo and tells no place.

    Raises:
        OptionError: The network has none.
    """
    if not network.blocks:
        raise OptionError(f"This model ({network.recipe}) has no activation maps to read. Next: --method occlusion")
    shapes = [network.shape_of(block) for block in network.blocks]
    return network.blocks[place_of_block(shapes, network.spec.size, network.backbone)]


def place_of_block(shapes: Sequence[tuple[int, int, int]], size: int, backbone: str | None) -> int:
    """The place of that block among those of a network.

    Args:
        shapes: Rows, columns and channels of each block's maps; one at least.
        size: Of the photo, in pixels.
        backbone: Its name; None where the network is from scratch.
    """
    fine = [place for place, (rows, columns, _) in enumerate(shapes) if _CELL * min(rows, columns) >= size]
    return fine[-1] if fine and backbone is None else len(shapes) - 1


def _shown(weigh: Weigh, network: "Network", photo: np.ndarray, number: int, block: str | None) -> np.ndarray:
    """What speaks for the class, (size, size); what speaks against it is 0."""
    x, seed = photo[np.newaxis], one_class(network, number)
    if block is None and network.branches:
        read = network.evidence(x, seed)
    else:
        block = block or block_of(network)
        read = [(network.activations(x, block), network.gradient(x, seed, at=block))]
    cells = together([weigh(maps[0], gradient[0]) for maps, gradient in read])
    return enlarged(np.maximum(cells, 0), photo.shape[0])


def one_class(network: "Network", number: int, photos: int = 1) -> np.ndarray:
    """The seed of a gradient of one class's score, (photos, classes), float32."""
    seed = np.zeros((photos, len(network.classes)), dtype=np.float32)
    seed[:, number] = 1
    return seed
