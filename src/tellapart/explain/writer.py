"""What the rules of the backward graph write with: new nodes and constants, and the shapes of the forward graph."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from tellapart.errors import UserError
from tellapart.explain.model_graph import ModelGraph, attributes, import_onnx

FLOAT: Final = 1  # as ONNX numbers its types


class NoGradientError(UserError):
    """A model has an operator for which there is no gradient; what needs none still works."""

    def __init__(self, why: str) -> None:
        super().__init__(f"The model cannot be differentiated: {why}. Next: --method occlusion")


class Writer:
    """Nodes and constants that are being added to a graph; every name that it gives is new.

    Args:
        graph: The model that is explained.
        wanted: The tensors that need a gradient.

    Attributes:
        nodes: What was written, in order.
        constants: By name.
        changed: Forward nodes that are replaced, by the name of their first output.
    """

    def __init__(self, graph: ModelGraph, wanted: set[str]) -> None:
        self.nodes: list[Any] = []
        self.constants: dict[str, np.ndarray] = {}
        self.changed: dict[str, Any] = {}
        self._graph = graph
        self._wanted = wanted
        self._kept: dict[tuple[str, tuple[int, ...], bytes], str] = {}
        self._shapes: dict[str, str] = {}

    def node(self, kind: str, *inputs: str, name: str = "", **how: Any) -> str:
        """Write a node of one output, and give the output's name."""
        return self.split(kind, inputs, 1, name=name, **how)[0]

    def split(self, kind: str, inputs: Sequence[str], outputs: int, *, name: str = "", **how: Any) -> list[str]:
        """Write a node of several outputs, and give their names."""
        names = [name] if name else [f"back_{len(self.nodes)}_{number}" for number in range(outputs)]
        made = import_onnx().helper.make_node(kind, inputs, names, name=f"Back_{kind}_{len(self.nodes)}", **how)
        self.nodes.append(made)
        return names

    def constant(self, value: Any, kind: type = np.float32) -> str:
        """Keep a constant, and give its name; equal ones are kept once."""
        array: np.ndarray = np.ascontiguousarray(np.asarray(value, dtype=kind))
        key = (array.dtype.str, np.shape(value), array.tobytes())
        if key not in self._kept:
            self._kept[key] = f"back_constant_{len(self._kept)}"
            self.constants[self._kept[key]] = array.reshape(np.shape(value))
        return self._kept[key]

    def whole(self, *numbers: int) -> str:
        """Keep a list of whole numbers."""
        return self.constant(list(numbers), np.int64)

    def wants(self, name: str) -> bool:
        """Whether a tensor needs a gradient."""
        return name in self._wanted

    def shape(self, name: str) -> tuple[int, ...]:
        """The shape of a forward tensor, for two photos."""
        return self._graph.shape(name)

    def value(self, name: str) -> np.ndarray:
        """What a forward tensor holds for every photo.

        Raises:
            NoGradientError: It differs from photo to photo.
        """
        found = self._graph.value(name)
        if found is None:
            raise NoGradientError(f"{name} is not the same for every photo")
        return found

    def shape_of(self, name: str) -> str:
        """A tensor that holds the shape of a forward tensor when the graph runs."""
        if name not in self._shapes:
            self._shapes[name] = self.node("Shape", name)
        return self._shapes[name]

    def like(self, gradient: str, name: str) -> str:
        """Give a gradient the shape of a forward tensor of as many numbers."""
        return self.node("Reshape", gradient, self.shape_of(name))

    def summed(self, gradient: str, shape: Sequence[int], name: str) -> str:
        """Sum a gradient over the axes along which a forward tensor was repeated.

        Args:
            gradient: To be summed.
            shape: Its own shape, for two photos.
            name: The forward tensor, which was broadcast to that shape.
        """
        target = self.shape(name)
        if tuple(shape) == target:
            return gradient
        padded = (1,) * (len(shape) - len(target)) + target
        axes = [axis for axis, side in enumerate(padded) if side != shape[axis]]
        if axes:
            gradient = self.node("ReduceSum", gradient, self.whole(*axes), keepdims=1)
        return gradient if len(target) == len(shape) else self.like(gradient, name)

    def zeros(self, name: str) -> str:
        """Zeros of the shape of a forward tensor."""
        zero = import_onnx().numpy_helper.from_array(np.zeros(1, np.float32))
        return self.node("ConstantOfShape", self.shape_of(name), value=zero)

    def scaled(self, gradient: str, factor: float) -> str:
        """A gradient times a number."""
        return self.node("Mul", gradient, self.constant(factor))


Gradients = list[str | None]


@dataclass(frozen=True)
class Step:
    """One node of the forward graph, on the way back.

    Attributes:
        write: What the rule writes with.
        node: The forward node.
        reached: Name of the gradient of each of its outputs; None where nothing depends on it.
    """

    write: Writer
    node: Any
    reached: Gradients

    @property
    def x(self) -> str:
        """Name of its first input."""
        return str(self.node.input[0])

    @property
    def y(self) -> str:
        """Name of its first output."""
        return str(self.node.output[0])

    @property
    def gradient(self) -> str:
        """Name of the gradient of its first output."""
        return self.reached[0] or self.write.zeros(self.y)

    @property
    def how(self) -> dict[str, Any]:
        """Its attributes."""
        return attributes(self.node)


Rule = Callable[[Step], Gradients]  # the gradient of each input; None where it needs none
