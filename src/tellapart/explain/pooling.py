"""The means by which a network decides, and the activation maps that they are of: one kind, or two of different sides.

A head that reads the means of two maps has evidence in both. What a cell adds through its own mean alone is counted
there, so that nothing is counted twice where the one maps are computed from the other.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from tellapart.explain.model_graph import ModelGraph, attributes

_POOLS: Final = ("GlobalAveragePool", "ReduceMean")
_FLAT: Final = ("Flatten", "Reshape", "Squeeze", "Identity")


@dataclass(frozen=True)
class Branch:
    """Maps of which a network reads the means.

    Attributes:
        maps: The tensor.
        channels_first: Whether it is (n, c, h, w), else (n, h, w, c).
        sides: Its rows and columns.
        first: The place of its first channel among all means.
        channels: How many it has.
    """

    maps: str
    channels_first: bool
    sides: tuple[int, int]
    first: int
    channels: int


@dataclass(frozen=True)
class Pooling:
    """What `find_pooling` finds.

    Attributes:
        means: The tensor (photos, channels) of all means.
        branches: Whose, in the order of its channels; those of the last maps come first. Empty where none can be told.
    """

    means: str
    branches: tuple[Branch, ...]


def find_pooling(graph: ModelGraph, features: str) -> Pooling | None:
    """The means that pooling makes of activation maps; None where a network does not decide by such.

    Args:
        graph: The model.
        features: Where to begin, as `find_features` gives it.
    """
    tensor, flat = features, features
    while (node := graph.maker.get(tensor)) is not None:
        flat = tensor if len(graph.shape(tensor)) == 2 else flat
        if node.op_type in _POOLS:
            return _of_branches(graph, flat, [flat])
        if node.op_type == "Concat" and flat == tensor:
            return _of_branches(graph, tensor, list(node.input))
        varying = [name for name in node.input if name in graph.between]
        if len(varying) != 1 or node.op_type == "Conv":
            break
        tensor = varying[0]
    return None


def _of_branches(graph: ModelGraph, means: str, parts: Sequence[str]) -> Pooling | None:
    branches: list[Branch] = []
    first = 0
    for part in parts:
        found = _branch(graph, part, first)
        if found is None:
            return Pooling(means, ()) if len(parts) == 1 else None
        branches.append(found)
        first += found.channels
    return Pooling(means, tuple(branches))


def _branch(graph: ModelGraph, part: str, first: int) -> Branch | None:
    """The maps of which a tensor (photos, channels) holds the means; None where it does not, or they are no maps."""
    node = graph.maker.get(part)
    while node is not None and node.op_type in _FLAT:
        node = graph.maker.get(node.input[0])
    if node is None or node.op_type not in _POOLS or len(graph.shape(node.input[0])) != 4:
        return None
    axes = _axes(graph, node)
    if axes not in ([1, 2], [2, 3]):
        return None
    maps, sides = str(node.input[0]), graph.shape(node.input[0])
    return Branch(maps, axes == [2, 3], (sides[axes[0]], sides[axes[1]]), first, graph.shape(part)[1])


def _axes(graph: ModelGraph, node: Any) -> list[int]:
    """Of maps, over which they are averaged."""
    if node.op_type == "GlobalAveragePool":
        return [2, 3]
    told = graph.value(node.input[1]) if len(node.input) > 1 else attributes(node).get("axes")
    return [] if told is None else sorted(int(axis) % 4 for axis in told)


def spread(coarse: int, fine: int) -> np.ndarray:
    """How cells of one side share out what they hold among finer ones, (fine, coarse), float32; each column sums to 1.

    It is linear between the centres of the cells, as maps are enlarged for pictures.
    """
    centres = np.clip((np.arange(fine) + 0.5) * coarse / fine - 0.5, 0, coarse - 1)
    shares = np.maximum(1 - np.abs(centres[:, np.newaxis] - np.arange(coarse)), 0)
    return np.asarray(shares / shares.sum(axis=0), dtype=np.float32)


def together(parts: Sequence[np.ndarray]) -> np.ndarray:
    """Evidence of several maps, each (rows, columns), added up in the cells of the finest; the sum of all stays."""
    rows, columns = (max(part.shape[axis] for part in parts) for axis in (0, 1))
    shared = [spread(part.shape[0], rows) @ part @ spread(part.shape[1], columns).T for part in parts]
    return np.asarray(np.sum(shared, axis=0))
