"""What an ONNX model computes, read so that it can be walked: nodes, constants, and the shape of every tensor."""

from collections.abc import Iterable
from functools import cached_property
from typing import Any, Final

import numpy as np

from tellapart.models.forward import runtime_session

_MARK: Final = "shape_of_"


class ModelGraph:
    """A model of one input, read for explaining.

    Attributes:
        photo: Name of its input.
        nodes: Those that its first output is computed from, in an order in which they can run.
        constants: What is fixed in it, by name.
        maker: The node that computes a tensor, by the tensor's name.
        readers: The nodes that read a tensor, by its name.
        opset: Version of the standard operators that the nodes are written in.
    """

    def __init__(self, content: bytes) -> None:
        self._model = import_onnx().load_from_string(content)
        graph = self._model.graph
        self.photo: str = graph.input[0].name
        self.opset = max(entry.version for entry in self._model.opset_import if entry.domain in ("", "ai.onnx"))
        self.constants = _constants_of(graph)
        everything = [node for node in graph.node if node.op_type != "Constant"]
        self.output: str = graph.output[0].name
        self.nodes = ancestors(everything, self.output)
        self.maker = {name: node for node in self.nodes for name in node.output if name}
        self.readers: dict[str, list[Any]] = {}
        for node in self.nodes:
            for name in node.input:
                self.readers.setdefault(name, []).append(node)

    def shape(self, name: str) -> tuple[int, ...]:
        """The shape of a tensor for a batch of two photos; the first axis of maps and features is the batch."""
        if name in self.constants:
            return tuple(self.constants[name].shape)
        return self._traced[0][name]

    def value(self, name: str) -> np.ndarray | None:
        """What a tensor holds where that is the same for every batch; else None."""
        if name in self.constants:
            return self.constants[name]
        before = ancestors(self.nodes, name)
        if name not in self._traced[1] and not any(self.photo in node.input for node in before):
            self._traced[1][name] = self._computed(name, before)
        return self._traced[1].get(name)

    @cached_property
    def between(self) -> set[str]:
        """The tensors that depend on the numbers of the photo, not only on its shape."""
        return depending(self.nodes, self.photo)

    def model(self, nodes: Iterable[Any], constants: dict[str, np.ndarray], ends: dict[str, list[str]]) -> bytes:
        """Write a model of some nodes.

        Args:
            nodes: In an order in which they can run.
            constants: What they read, beside the inputs; those of this graph may be left out.
            ends: Names of the float32 tensors under `input` and `output`.
        """
        onnx = import_onnx()
        nodes = list(nodes)
        read = {name for node in nodes for name in node.input} | set(ends["output"])
        told = {**self.constants, **constants}
        values = {
            way: [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in names]
            for way, names in ends.items()
        }
        kept = [onnx.numpy_helper.from_array(value, name) for name, value in told.items() if name in read]
        graph = onnx.helper.make_graph(nodes, "tellapart", values["input"], values["output"], kept)
        imports = [entry for entry in self._model.opset_import if entry.domain not in ("", "ai.onnx")]
        # ScatterElements adds from opset 16 on; from 15 to 16 no other operator changed its meaning.
        imports.append(onnx.helper.make_opsetid("", max(self.opset, 16)))
        model = onnx.helper.make_model(graph, opset_imports=imports, ir_version=max(self._model.ir_version, 8))
        return bytes(model.SerializeToString(deterministic=True))

    def _computed(self, name: str, before: list[Any]) -> np.ndarray:
        """A tensor that no photo changes, such as weights that are converted when the model runs."""
        content = self.model(before, {}, {"input": [self.photo], "output": [name]})
        size = self.shape(self.photo)[1:]
        session = runtime_session(content, optimised=False)
        return np.asarray(session.run(None, {self.photo: np.zeros((1, *size), np.float32)})[0])

    @cached_property
    def _traced(self) -> tuple[dict[str, tuple[int, ...]], dict[str, np.ndarray]]:
        """Shapes for two photos, and the whole numbers that are the same for one photo and for two."""
        shapes, first = self._trace(1)
        shapes, second = self._trace(2)
        same = {name: value for name, value in second.items() if np.array_equal(value, first[name])}
        return shapes, same

    def _trace(self, photos: int) -> tuple[dict[str, tuple[int, ...]], dict[str, np.ndarray]]:
        session = runtime_session(self._tracing[0], optimised=False)
        size = [int(side.dim_value) for side in self._model.graph.input[0].type.tensor_type.shape.dim[1:]]
        found = session.run(None, {self.photo: np.zeros((photos, *size), np.float32)})
        told = dict(zip(self._tracing[1], found, strict=True))
        shapes = {self.photo: (photos, *size)}
        values = {}
        for name, value in told.items():
            if name.startswith(_MARK):
                shapes[name.removeprefix(_MARK)] = tuple(int(side) for side in value)
            else:
                shapes[name], values[name] = value.shape, value
        return shapes, values

    @cached_property
    def _tracing(self) -> tuple[bytes, list[str]]:
        """A model that gives the shape of every tensor, and those of whole numbers themselves."""
        onnx = import_onnx()
        model = onnx.ModelProto()
        model.CopyFrom(self._model)
        graph = model.graph
        typed = onnx.shape_inference.infer_shapes(model).graph.value_info
        whole = {info.name for info in typed if info.type.tensor_type.elem_type in _whole_numbers()}
        names = []
        del graph.node[:]
        graph.node.extend(self.nodes)
        for tensor in (name for node in self.nodes for name in node.output if name):
            name = tensor if tensor in whole else f"{_MARK}{tensor}"
            if tensor not in whole:
                graph.node.append(onnx.helper.make_node("Shape", [tensor], [name]))
            names.append(name)
        del graph.output[:], graph.initializer[:]
        graph.initializer.extend(onnx.numpy_helper.from_array(value, name) for name, value in self.constants.items())
        graph.output.extend(onnx.ValueInfoProto(name=name) for name in names)
        return bytes(model.SerializeToString()), names


def ancestors(nodes: Iterable[Any], *ends: str) -> list[Any]:
    """The nodes that some tensors are computed from, in the order given."""
    needed, found = set(ends), []
    for node in reversed(list(nodes)):
        if needed & set(node.output):
            found.append(node)
            needed |= set(node.input)
    return found[::-1]


def depending(nodes: Iterable[Any], start: str) -> set[str]:
    """The tensors through which the numbers of `start` reach others, `start` among them; shapes carry none."""
    found = {start}
    for node in nodes:
        if node.op_type not in ("Shape", "Size") and found & set(node.input):
            found |= {name for name in node.output if name}
    return found


def attributes(node: Any) -> dict[str, Any]:
    """The attributes of a node as Python values."""
    onnx = import_onnx()
    return {entry.name: onnx.helper.get_attribute_value(entry) for entry in node.attribute}


def import_onnx() -> Any:
    """The package `onnx`, which takes a while to load."""
    import onnx

    return onnx


def _constants_of(graph: Any) -> dict[str, np.ndarray]:
    onnx = import_onnx()
    found = {entry.name: onnx.numpy_helper.to_array(entry) for entry in graph.initializer}
    for node in graph.node:
        if node.op_type == "Constant":
            (value,) = attributes(node).values()
            is_tensor = isinstance(value, onnx.TensorProto)
            found[node.output[0]] = onnx.numpy_helper.to_array(value) if is_tensor else _array(value)
    return found


def _array(value: Any) -> np.ndarray:
    """A constant that is written as a number or a list of numbers."""
    array = np.asarray(value)
    return array.astype(np.int64 if array.dtype.kind == "i" else np.float32)


def _whole_numbers() -> tuple[int, ...]:
    kinds = import_onnx().TensorProto
    return kinds.INT64, kinds.INT32
