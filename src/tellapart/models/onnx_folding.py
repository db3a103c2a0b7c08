"""What a written network can do without: nodes that nobody reads, and those that a convolution takes in."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass
class Node:
    """A node of one output.

    Attributes:
        kind: Its operator.
        inputs: Names of tensors; "" for one that is left out.
        output: Name of what it computes.
        how: Its attributes.
    """

    kind: str
    inputs: list[str]
    output: str
    how: dict[str, Any]


def folded(
    nodes: Sequence[Node], constants: Mapping[str, np.ndarray], ends: Sequence[str]
) -> tuple[list[Node], dict[str, np.ndarray]]:
    """The same network with fewer nodes.

    A batch norm behind a convolution becomes part of its weights, zeros before one part of its padding, where nobody
    else reads what lies between; what leads to no output is left out.

    Args:
        nodes: In an order in which they can run.
        constants: By name.
        ends: Names of the outputs.

    Returns:
        Nodes and constants; those given stay as they are.
    """
    told = dict(constants)
    kept = [Node(node.kind, list(node.inputs), node.output, dict(node.how)) for node in _leading_to(nodes, ends)]
    readers = Counter(name for node in kept for name in node.inputs) + Counter(ends)
    maker: dict[str, Node] = {}
    left: list[Node] = []
    for node in kept:
        before = maker.get(node.inputs[0])
        if before is not None and readers[before.output] == 1 and _joined(before, node, told):
            maker.pop(before.output)
            before.output = node.output
            maker[node.output] = before
        else:
            left.append(node)
            maker[node.output] = node
    return left, told


def _leading_to(nodes: Sequence[Node], ends: Sequence[str]) -> list[Node]:
    wanted, kept = set(ends), []
    for node in reversed(nodes):
        if node.output in wanted:
            wanted |= set(node.inputs)
            kept.append(node)
    return kept[::-1]


def _joined(before: Node, node: Node, constants: dict[str, np.ndarray]) -> bool:
    """Make one node of two, in place of the first; whether that could be done."""
    if (before.kind, node.kind) == ("Conv", "BatchNormalization"):
        _take_in_norm(before, node, constants)
        return True
    if (before.kind, node.kind) == ("Pad", "Conv"):
        _take_in_zeros(before, node, constants)
        return True
    return False


def _take_in_norm(conv: Node, norm: Node, constants: dict[str, np.ndarray]) -> None:
    """The mean of a norm is 0 here and its variance 1, so that its scale and shift are all of it."""
    scale, shift = (constants[name] for name in norm.inputs[1:3])
    kernel = constants[conv.inputs[1]]
    bias = constants[conv.inputs[2]] * scale if len(conv.inputs) > 2 else 0
    names = [f"{name}_of_{norm.output}" for name in ("kernel", "bias")]
    constants[names[0]] = kernel * scale.reshape(-1, *(1 for _ in kernel.shape[1:]))
    constants[names[1]] = (bias + shift).astype(np.float32)
    conv.inputs[1:] = names


def _take_in_zeros(pad: Node, conv: Node, constants: dict[str, np.ndarray]) -> None:
    more = constants[pad.inputs[1]][[2, 3, 6, 7]]  # of rows and columns, before and behind
    pads = [int(side) for side in np.add(conv.how["pads"], more)]
    pad.kind, pad.inputs = "Conv", [pad.inputs[0], *conv.inputs[1:]]
    pad.how = {**conv.how, "pads": pads}
