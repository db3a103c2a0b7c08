"""An ONNX network that is being written: tensors, nodes, constants; what it takes is NumPy alone.

Maps lie with their channels first inside, as ONNX Runtime computes them: one transposition stands behind the photo,
and one before each output of maps. The layers are in `onnx_primitives.py`; what a Keras network is made of them by
is in `onnx_layers.py`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from tellapart.models import onnx_bytes
from tellapart.models.onnx_folding import Node, folded

INPUT: Final = "photo"
_FIRST, _LAST = [0, 3, 1, 2], [0, 2, 3, 1]  # orders of axes by which channels come first, and last
_SMALL: Final = 64  # numbers: equal constants up to there are kept once


@dataclass(frozen=True)
class Value:
    """A tensor of the network.

    Attributes:
        name: In the graph.
        shape: Its sides without that of the photos, as Keras has them: of maps rows, columns and channels,
            though channels come first in the graph.
        spread: Of maps that were flattened with channels first, their channels, rows and columns; else None.
    """

    name: str
    shape: tuple[int, ...]
    spread: tuple[int, int, int] | None = None

    @property
    def channels(self) -> int:
        """Its last side, as Keras has them."""
        return self.shape[-1]


@dataclass
class Graph:
    """Nodes and constants that are being written.

    Args:
        shape: Of the input, without the photos' side: maps (rows, columns, channels), or (numbers,).

    Attributes:
        photo: The input.
        nodes: In the order in which they were written.
        written: The operator and the output of each.
        constants: By name.
    """

    shape: tuple[int, ...]
    nodes: list[Node] = field(default_factory=list)
    written: list[tuple[str, Value]] = field(default_factory=list)
    constants: dict[str, np.ndarray] = field(default_factory=dict)
    _kept: dict[tuple[str, tuple[int, ...], bytes], str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.photo = Value(INPUT, self.shape)
        if len(self.shape) == 3:
            self.photo = self.channels_first(self.photo)

    def node(self, kind: str, inputs: Sequence[Value | np.ndarray | None], shape: tuple[int, ...], **how: Any) -> Value:
        """Write a node of one output.

        Args:
            kind: Its operator.
            inputs: Tensors, constants, and None for what is left out.
            shape: Of its output, as a `Value` has it.
            how: Its attributes.
        """
        made = Node(kind, [self._name(one) for one in inputs], f"t{len(self.nodes)}", how)
        self.nodes.append(made)
        self.written.append((kind, Value(made.output, shape)))
        return self.written[-1][1]

    def in_order(self, value: Value) -> Value:
        """A tensor with its numbers in Keras' order; only flattened maps can be in another."""
        if value.spread is None:
            return value
        sides = np.array([-1, *value.spread], np.int64)
        maps = self.node("Reshape", [value, sides], (*value.spread[1:], value.spread[0]))
        return self.node("Flatten", [self.channels_last(maps)], value.shape, axis=1)

    def channels_first(self, value: Value) -> Value:
        """Maps that lie in the order of Keras' axes, as all others lie here."""
        return self.node("Transpose", [value], value.shape, perm=_FIRST)

    def channels_last(self, value: Value) -> Value:
        """Maps in the order of Keras' axes."""
        return self.node("Transpose", [value], value.shape, perm=_LAST)

    def finished(self, outputs: Mapping[str, Value]) -> bytes:
        """The bytes of the network.

        Args:
            outputs: By the names that they get; maps come out as Keras has them, channels last.
        """
        ends: dict[str, Value] = {}
        for name, value in outputs.items():
            told = self.channels_last(value) if len(value.shape) == 3 else self.in_order(value)
            if told.name == INPUT or told in ends.values():  # a tensor has one name
                told = self.node("Identity", [told], told.shape)
            ends[name] = told
        nodes, constants = folded(self.nodes, self.constants, [value.name for value in ends.values()])
        names = {INPUT: INPUT, "": ""} | {value.name: name for name, value in ends.items()}
        for node in nodes:
            for tensor in (*node.inputs, node.output):
                names.setdefault(tensor, f"value_{len(names)}")
        return onnx_bytes.model(
            (_written(node, number, names) for number, node in enumerate(nodes)),
            (onnx_bytes.constant(names[name], constants[name]) for name in names if name in constants),
            [onnx_bytes.end(INPUT, ["photos", *self.shape])],
            [onnx_bytes.end(name, ["photos", *value.shape]) for name, value in ends.items()],
        )

    def _name(self, given: Value | np.ndarray | None) -> str:
        if given is None:
            return ""
        return given.name if isinstance(given, Value) else self._constant(given)

    def _constant(self, array: np.ndarray) -> str:
        name = f"c{len(self.constants)}"
        if array.size <= _SMALL:
            name = self._kept.setdefault((array.dtype.str, array.shape, array.tobytes()), name)
        self.constants[name] = array
        return name


def _written(node: Node, number: int, names: Mapping[str, str]) -> bytes:
    inputs = [names[name] for name in node.inputs]
    return onnx_bytes.node(node.kind, f"{node.kind}_{number}", inputs, [names[node.output]], node.how)
