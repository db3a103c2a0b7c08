"""Which maps of a backbone a head reads beside the last ones: the last of about twice their side.

What lies between them and the last maps is the last block: it knows things as a whole, and the maps below it know
parts and patterns, which it has summed away. No further run of the backbone is needed (docs/LOG.md has what it brings).
"""

from collections.abc import Sequence
from typing import Any, Final

from tellapart.models.onnx_writer import Graph, Value

# Sides are not always halved: 19 becomes 10, and 17 becomes 8. What is larger than this is the photo, in front of a
# network of tokens for one, which has maps of one side alone.
_LEAST: Final = 1.5
_MOST: Final = 3.0


def place_of_lower(sides: Sequence[int], last: int) -> int | None:
    """The place of the last maps of about twice the side of those that a backbone ends in.

    Args:
        sides: Of a backbone's maps, in an order in which they can be computed.
        last: Of the last maps.

    Returns:
        None where there are none of that side.
    """
    fitting = [place for place, side in enumerate(sides) if _LEAST * last <= side <= _MOST * last]
    return fitting[-1] if fitting else None


def lower_in_graph(graph: Graph, last: Value) -> Value | None:
    """Those maps of a backbone that is being written; None where it has none."""
    # Zeros around maps are no maps of their own.
    maps = [value for kind, value in graph.written if kind != "Pad" and _is_square(value.shape)]
    place = place_of_lower([value.shape[0] for value in maps], last.shape[0])
    return None if place is None else maps[place]


def lower_in_keras(network: Any) -> Any:
    """The same of a Keras network, from preprocessed photos to its last maps: a tensor of it, or None."""
    # Networks within it count as one operation each, so that both files have the same maps whoever writes them.
    tensors = [
        tensor
        for _, nodes in sorted(network._nodes_by_depth.items(), reverse=True)
        for node in nodes
        if type(node.operation).__name__ != "ZeroPadding2D"
        for tensor in node.output_tensors
        if _is_square(tensor.shape[1:])
    ]
    place = place_of_lower([tensor.shape[1] for tensor in tensors], network.output.shape[1])
    return None if place is None else tensors[place]


def _is_square(shape: Sequence[Any]) -> bool:
    return len(shape) == 3 and shape[0] == shape[1] and isinstance(shape[0], int)
